"""One-word searches: which photos show a thing, by what people say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photocap.captioning.labels import label_table, labels_in, with_broader
from photocap.evaluation import EvaluatedPhoto
from photocap.tokenizer import tokenize

COMMONEST = 60  # nouns that are searched for
FEWEST = 3  # photos of a thing, for a precision that says something
_SURE = 2  # people who name it


@dataclass(frozen=True)
class Thing:
    """A noun, and for each photo whether it shows that.

    Attributes:
        name: the noun.
        shown: for each photo True where people name it (two of them, where there are two), False where nobody does,
            None where it is not sure.
        said: how often it is said.
    """

    name: str
    shown: tuple[bool | None, ...]
    said: int


@dataclass(frozen=True)
class ThingRetrieval:
    """How well things are found by one word each.

    Attributes:
        r_precision: mean over the things, in [0, 1]: of as many photos as show it, the share that does.
        things: how many there were.
        worst: those with the lowest precision, the lowest first.
    """

    r_precision: float
    things: int
    worst: tuple[tuple[str, float], ...]


def things_of(photos: Sequence[EvaluatedPhoto]) -> list[Thing]:
    """Return every noun of the label table, the commonest first; a dog is an animal, too."""
    named = [[labels_in(tokenize(text)) for text in photo.references] for photo in photos]
    said = Counter(name for texts in named for names in texts for name in names)
    implied = [Counter(name for names in texts for name in with_broader(names)) for texts in named]
    sure = [min(_SURE, len(photo.references)) for photo in photos]
    things = [
        Thing(
            name,
            tuple(
                True if count[name] >= least else None if count[name] else False
                for count, least in zip(implied, sure, strict=True)
            ),
            said[name],
        )
        for name in label_table()
    ]
    return sorted(things, key=lambda thing: -thing.said)


def measure_things(
    photos: Sequence[EvaluatedPhoto],
    find: Callable[[str, int], Sequence[Path]],
    progress: Callable[[int, int], None] | None = None,
) -> ThingRetrieval | None:
    """Search for the commonest things; None where the photos show none often enough.

    Args:
        photos: the photos; the search goes over all of them.
        find: gives the absolute paths of the first so many photos for a query.
        progress: called with how many things of how many are done.
    """
    often = [thing for thing in things_of(photos) if thing.said and thing.shown.count(True) >= FEWEST]
    found = []
    for done, thing in enumerate(often[:COMMONEST], start=1):
        right = {photo.path.absolute() for photo, shown in zip(photos, thing.shown, strict=True) if shown}
        first = find(thing.name, len(right))[: len(right)]
        found.append((thing.name, len(right.intersection(first)) / len(right)))
        if progress:
            progress(done, min(len(often), COMMONEST))
    if not found:
        return None
    mean = sum(precision for _, precision in found) / len(found)
    return ThingRetrieval(mean, len(found), tuple(sorted(found, key=lambda pair: pair[1])[:10]))
