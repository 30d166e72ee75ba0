"""METEOR's alignment of a caption with a reference: which word answers to which, in how many chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from photocap.tokenizer import Words

Stage: TypeAlias = Callable[[str], Collection[Hashable]]
"""Gives what two words must share to match."""
Match: TypeAlias = tuple[int, int, int]
"""Place in the caption, place in the reference, number of the stage."""

_BEAM = 40


@dataclass(frozen=True)
class Alignment:
    """One-to-one matches by place in the reference, and the runs of neighbours that they form."""

    matches: tuple[Match, ...]
    chunks: int


@dataclass(frozen=True, kw_only=True)
class _Path:
    """An alignment under way; a chunk counts once it is over, `next` is where the one under way would go on."""

    matches: tuple[Match, ...] = ()
    used: frozenset[int] = frozenset()
    chunks: int = 0
    next: int | None = None
    exact: int = 0
    distance: int = 0

    @property
    def rank(self) -> tuple[int, int, int]:
        """Return what is minimised: first the exact matches that are missed, then chunks, then how far words moved."""
        return (-self.exact, self.chunks, self.distance)

    def extended(self, match: Match, distance: int) -> _Path:
        """Return the path with one more match."""
        return _Path(
            matches=(*self.matches, match),
            used=self.used | {match[0]},
            chunks=self.chunks + (self.next not in (None, match[0])),
            next=match[0] + 1,
            exact=self.exact + (match[2] == 0),
            distance=self.distance + distance,
        )

    def skipped(self, distance: int = 0) -> _Path:
        """Return the path that leaves a place in the reference without a match."""
        return replace(self, chunks=self.chunks + (self.next is not None), next=None, distance=self.distance + distance)


def align(words: Words, reference: Words, stages: Sequence[Stage]) -> Alignment:
    """Align a caption with a reference.

    Words that match each other and no other are aligned in any case; among the ways to align the others a beam
    search takes the one with the most exact matches, of these that with the fewest chunks.
    """
    if list(words) == list(reference):
        stages = stages[:1]
    options = _options(words, reference, stages)
    covered = Counter(i for row in options for i, _, _ in row)
    fixed = {row[0][0] for row in options if len(row) == 1 and covered[row[0][0]] == 1}
    paths = [_Path()]
    for row in options:
        if len(row) == 1 and row[0][0] in fixed:
            paths = [path.extended(row[0], abs(row[0][0] - row[0][1])) for path in paths]
            continue
        paths = sorted((way for path in paths for way in _ways(path, row)), key=lambda path: path.rank)[:_BEAM]
    best = min((path.skipped() for path in paths), key=lambda path: path.rank)
    return Alignment(best.matches, best.chunks)


def _ways(path: _Path, row: Sequence[Match]) -> Iterator[_Path]:
    """Yield the path with each match of a place in the reference that it can take, and without any.

    As in the authors' program, the distance of a match is charged to the ways that pass it over.
    """
    passed = 0
    for match in row:
        if match[0] not in path.used:
            yield path.extended(match, passed)
            passed += abs(match[0] - match[1])
    yield path.skipped(passed)


def _options(words: Words, reference: Words, stages: Sequence[Stage]) -> list[list[Match]]:
    """Return for each place in the reference all matches there."""
    options: list[list[Match]] = [[] for _ in reference]
    for number, stage in enumerate(stages):
        ours, theirs = [set(stage(word)) for word in words], [set(stage(word)) for word in reference]
        for j, wanted in enumerate(theirs):
            for i, has in enumerate(ours):
                if not has.isdisjoint(wanted) and (number == 0 or words[i] != reference[j]):
                    options[j].append((i, j, number))
    return options
