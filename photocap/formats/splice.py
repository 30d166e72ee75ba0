"""Edits to a run of bytes.

Every writer here says what it changes as a short list of edits; all bytes outside them are the old file's. The same
list, turned round, is the undo record (`metadata.undo`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

_PIECE_BYTES = 1 << 16


class SpliceError(ValueError):
    """Edits overlap or lie outside the bytes: the file was built so that one change would undo another."""


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from `start` to `end` (exclusive) by `new`; `start == end` inserts."""

    start: int
    end: int
    new: bytes


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits by where they are made; those at one place stay in the order given."""
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `data` with the edits made.

    Raises:
        SpliceError: they overlap, or one lies outside.
    """
    return b"".join(_pieces(data, edits))


class Rewrite:
    """A file before and after a change.

    Args:
        old: its bytes before.
        new: its bytes after.
    """

    def __init__(self, old: bytes, new: bytes) -> None:
        self.old, self.new = old, new
        self._same_bytes = 0  # so many at the end have been compared; several checks ask for nearly the same

    def same_from(self, old_start: int, new_start: int) -> bool:
        """Compare both from the given places to their ends, without copying either and without comparing twice."""
        length = len(self.old) - old_start
        if length != len(self.new) - new_start:
            return False
        left = memoryview(self.old)[old_start : len(self.old) - self._same_bytes]
        if not self.new.startswith(left, new_start):
            return False
        self._same_bytes = max(self._same_bytes, length)
        return True

    def is_undone_by(self, back: Iterable[Edit]) -> bool:
        """Return whether edits to the new file give the old one, without making it, which would take its memory.

        Raises:
            SpliceError: they overlap, or one lies outside.
        """
        old_at = new_at = 0
        for edit in _checked(back, len(self.new)):
            kept = memoryview(self.new)[new_at : edit.start]
            if not (self.old.startswith(kept, old_at) and self.old.startswith(edit.new, old_at + len(kept))):
                return False
            old_at, new_at = old_at + len(kept) + len(edit.new), edit.end
        return old_at <= len(self.old) and self.same_from(old_at, new_at)


def _pieces(data: bytes, edits: Iterable[Edit]) -> Iterator[bytes | memoryview]:
    view = memoryview(data)
    position = 0
    for edit in _checked(edits, len(data)):
        yield view[position : edit.start]
        yield edit.new
        position = edit.end
    yield view[position:]


def _checked(edits: Iterable[Edit], size_bytes: int) -> Iterator[Edit]:
    """Yield edits in order; an error is raised when it is an impossible one's turn."""
    position = 0
    for edit in in_order(edits):
        if not position <= edit.start <= edit.end <= size_bytes:
            raise SpliceError(f"edit {edit.start}..{edit.end} overlaps another one or leaves the {size_bytes} bytes")
        yield edit
        position = edit.end


def shifted(edits: Iterable[Edit], by: int) -> list[Edit]:
    """Return the edits of a part as edits of the whole that holds the part `by` bytes further on."""
    return [Edit(edit.start + by, edit.end + by, edit.new) for edit in edits]


def growth(edits: Iterable[Edit]) -> int:
    """Return by how many bytes the edits lengthen what they are made to."""
    return sum(len(edit.new) - (edit.end - edit.start) for edit in edits)


def edits_between(old: bytes, new: bytes, anchors: Sequence[tuple[int, int, int]] = ()) -> list[Edit]:
    """Return edits that turn `old` into `new`, given runs (old start, new start, length) that are to stay.

    The runs are in order and do not overlap; their bytes are the old ones whatever `new` has there. What stands
    between them is trimmed to where it differs.
    """
    edits = []
    old_at = new_at = 0
    for old_start, new_start, length in [*anchors, (len(old), len(new), 0)]:
        edits += _trimmed(old, old_at, old_start, new, new_at, new_start)
        old_at, new_at = old_start + length, new_start + length
    return edits


def _trimmed(old: bytes, old_start: int, old_end: int, new: bytes, new_start: int, new_end: int) -> list[Edit]:
    """Return one edit for a pair of runs, without their common beginning and end; none where they are equal."""
    old_view, new_view = memoryview(old), memoryview(new)
    same = _common(old_view[old_start:old_end], new_view[new_start:new_end], _from_start)
    old_start, new_start = old_start + same, new_start + same
    same = _common(old_view[old_start:old_end], new_view[new_start:new_end], _from_end)
    old_end, new_end = old_end - same, new_end - same
    if old_start == old_end and new_start == new_end:
        return []
    return [Edit(old_start, old_end, new[new_start:new_end])]


def _common(left: memoryview, right: memoryview, part: Callable[[memoryview, int, int], memoryview]) -> int:
    """Return how many bytes are the same, counted as `part` counts; pieces are compared, not byte by byte."""
    limit = min(len(left), len(right))
    at, step = 0, _PIECE_BYTES
    while step and at < limit:
        end = min(at + step, limit)
        if bytes(part(left, at, end)) == bytes(part(right, at, end)):
            at = end
        else:
            limit, step = end, step // 2  # the difference is in here: look closer
    return at


def _from_start(view: memoryview, start: int, end: int) -> memoryview:
    return view[start:end]


def _from_end(view: memoryview, start: int, end: int) -> memoryview:
    return view[len(view) - end : len(view) - start]
