"""Edits to a run of bytes, and taking them back.

Every writer here says what it changes as a short list of edits; all bytes outside them are the old file's. The same
list, turned round, is the undo record.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PIECE_BYTES = 1 << 16
_ENTRY = struct.Struct("<QQQ")  # where in the new file, how long there, how many old bytes stood in its place


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from `start` to `end` (exclusive) by `new`; `start == end` inserts."""

    start: int
    end: int
    new: bytes


def _place(edit: Edit) -> tuple[int, int]:
    """Order edits by where they are made; those at one place stay in the order given."""
    return edit.start, edit.end


class PatchError(ValueError):
    """An undo patch does not fit the file it is applied to."""


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `data` with the edits made; they must not overlap."""
    pieces: list[bytes | memoryview] = []
    view = memoryview(data)
    position = 0
    for edit in sorted(edits, key=_place):
        if not position <= edit.start <= edit.end <= len(data):
            raise ValueError(f"edit {edit.start}..{edit.end} overlaps another one or leaves the {len(data)} bytes")
        pieces += [view[position : edit.start], edit.new]
        position = edit.end
    pieces.append(view[position:])
    return b"".join(pieces)


def shifted(edits: Iterable[Edit], by: int) -> list[Edit]:
    """Return the edits of a part as edits of the whole that holds the part `by` bytes further on."""
    return [Edit(edit.start + by, edit.end + by, edit.new) for edit in edits]


def growth(edits: Iterable[Edit]) -> int:
    """Return by how many bytes the edits lengthen what they are made to."""
    return sum(len(edit.new) - (edit.end - edit.start) for edit in edits)


def undo_patch(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the bytes from which `apply_undo` makes `data` again out of the edited file."""
    heads, olds = [], []
    moved = 0
    for edit in sorted(edits, key=_place):
        olds.append(data[edit.start : edit.end])
        heads.append(_ENTRY.pack(edit.start + moved, len(edit.new), edit.end - edit.start))
        moved += len(edit.new) - (edit.end - edit.start)
    return zlib.compress(struct.pack("<I", len(heads)) + b"".join(heads) + b"".join(olds), 9)


def apply_undo(data: bytes, patch: bytes) -> bytes:
    """Return the old file, made from the edited one.

    Raises:
        PatchError: the patch is damaged or was made for another file.
    """
    try:
        raw = zlib.decompress(patch)
        (count,) = struct.unpack_from("<I", raw)
        heads = [_ENTRY.unpack_from(raw, 4 + i * _ENTRY.size) for i in range(count)]
        position = 4 + count * _ENTRY.size
        edits = []
        for start, length, old_length in heads:
            edits.append(Edit(start, start + length, raw[position : position + old_length]))
            position += old_length
        return splice(data, edits)
    except (zlib.error, struct.error, ValueError) as error:
        raise PatchError(f"the undo record does not fit: {error}") from error


def same_bytes(left: bytes, left_start: int, right: bytes, right_start: int) -> bool:
    """Compare two files from the given places to their ends, without copying either whole."""
    if len(left) - left_start != len(right) - right_start:
        return False
    offset = right_start - left_start
    return all(
        left[i : i + _PIECE_BYTES] == right[i + offset : i + offset + _PIECE_BYTES]
        for i in range(left_start, len(left), _PIECE_BYTES)
    )


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
    while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
        old_start, new_start = old_start + 1, new_start + 1
    while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
    if old_start == old_end and new_start == new_end:
        return []
    return [Edit(old_start, old_end, new[new_start:new_end])]
