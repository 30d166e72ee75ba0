"""Undo records: how a file is known again before and after a write, and how the write is taken back.

A write changes a kilobyte in a file of megabytes. So both states show in one pass over the bytes it leaves as they
are and by what stands at the few places it changes, which is as telling as two hashes of the whole file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeAlias

from blake3 import blake3

from photocap.formats.splice import Edit, Rewrite, growth, in_order, splice
from photocap.records import UndoRecord

_ENTRY = struct.Struct("<QQQ")  # where in the new file, how long there, how many old bytes stood in its place
_MAX_MORE_BYTES = 1 << 20
_Places: TypeAlias = "list[tuple[int, int]]"  # (start, end) of each run of bytes, in order


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> object: ...

    def hexdigest(self) -> str: ...


class PatchError(ValueError):
    """An undo record is damaged, or does not fit the file it is applied to."""


def record_write(
    path: Path,
    old: bytes | None,
    new: bytes,
    edits: Iterable[Edit],
    *,
    photo: Path | None = None,
    rewrite: Rewrite | None = None,
) -> UndoRecord:
    """Return what takes a write back, after having tried it.

    Args:
        path: the file.
        old: its content before the write; None where it does not exist.
        new: its content after the write.
        edits: what turns the one into the other.
        photo: whose caption it is, where the file is a sidecar or reached through a link; None: the file itself.
        rewrite: the same two contents, where their ends have been compared already.

    Raises:
        PatchError: the record would not give back the old content.
    """
    patch = _patch(old or b"", edits)
    back = _edits_back(patch, len(new))
    if not _gives_back(rewrite or Rewrite(old or b"", new), back):
        raise PatchError("the check before writing found that it could not be taken back")
    # What the edits keep is the same in both, as the check above has shown, so it is hashed only once.
    return UndoRecord(
        path=path,
        sha256_before=None if old is None else _sha256_at(old, _places_before(back)),
        sha256_after=_sha256_at(new, _places_after(back)),
        patch=patch,
        blake3_kept=_hash_around(blake3(), new, _places_after(back)),
        photo=photo or path,
    )


def matches_before(record: UndoRecord, data: bytes | None) -> bool:
    """Return whether a file is as it was before a write; `data` is None where there is no file.

    Raises:
        PatchError: the record is damaged.
    """
    if data is None or record.sha256_before is None:
        return data is None and record.sha256_before is None
    return _is_recognised_by(record, record.sha256_before, data, _places_before(_edits_back(record.patch, len(data))))


def matches_after(record: UndoRecord, data: bytes | None) -> bool:
    """Return whether a file is as a write left it.

    Raises:
        PatchError: the record is damaged.
    """
    if data is None:
        return False
    return _is_recognised_by(record, record.sha256_after, data, _places_after(_edits_back(record.patch, len(data))))


def revert(record: UndoRecord, data: bytes) -> bytes | None:
    """Return a file as it was before a write, made from what the write left; None where there was none.

    Raises:
        PatchError: the record is damaged, or was made for another file.
    """
    if record.sha256_before is None:
        return None
    back = _edits_back(record.patch, len(data))
    try:
        old = splice(data, back)
    except ValueError as error:
        raise PatchError(f"the undo record does not fit: {error}") from error
    if not matches_before(record, old):
        raise PatchError("the undo record does not give back the old file")
    return old


def _patch(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the bytes from which `_edits_back` makes the edits that undo these edits to `data`."""
    heads, olds = [], []
    moved = 0
    for edit in in_order(edits):
        olds.append(data[edit.start : edit.end])
        heads.append(_ENTRY.pack(edit.start + moved, len(edit.new), edit.end - edit.start))
        moved += growth([edit])
    return zlib.compress(struct.pack("<I", len(heads)) + b"".join(heads) + b"".join(olds), 9)


def _gives_back(rewrite: Rewrite, back: list[Edit]) -> bool:
    try:
        return rewrite.is_undone_by(back)
    except ValueError:
        return False


def _edits_back(patch: bytes, file_bytes: int) -> list[Edit]:
    """Return the edits that turn the new file into the old one.

    Args:
        patch: of the record, which may be a stranger's.
        file_bytes: how large the file is; what it was before is not much larger, whatever the patch swells to.

    Raises:
        PatchError: it is damaged or too large.
    """
    try:
        raw = _unpacked(patch, 2 * file_bytes + _MAX_MORE_BYTES)
        (count,) = struct.unpack_from("<I", raw)
        heads = [_ENTRY.unpack_from(raw, 4 + i * _ENTRY.size) for i in range(count)]
    except (zlib.error, struct.error) as error:
        raise PatchError(f"the undo record does not fit: {error}") from error
    position = 4 + count * _ENTRY.size
    edits = []
    for start, length, old_length in heads:
        edits.append(Edit(start, start + length, raw[position : position + old_length]))
        position += old_length
    return edits


def _unpacked(patch: bytes, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(patch, limit_bytes)
    if not unpacker.eof:
        raise PatchError("the undo record is cut off, or larger than any write")
    return raw


def _places_after(back: list[Edit]) -> _Places:
    return [(edit.start, edit.end) for edit in back]


def _places_before(back: list[Edit]) -> _Places:
    places, moved = [], 0
    for edit in back:
        places.append((edit.start + moved, edit.start + moved + len(edit.new)))
        moved += growth([edit])
    return places


def _is_recognised_by(record: UndoRecord, digest: str, data: bytes, places: _Places) -> bool:
    if record.blake3_kept is not None:
        return _sha256_at(data, places) == digest and _hash_around(blake3(), data, places) == record.blake3_kept
    if record.sha256_kept is not None:
        return _sha256_at(data, places) == digest and _hash_around(sha256(), data, places) == record.sha256_kept
    return sha256(data).hexdigest() == digest  # of an index of version 1, which hashed the whole file each time


def _sha256_at(data: bytes, places: _Places) -> str:
    """Return the hash of some places in a file, and of what stands there."""
    found = sha256()
    for start, end in places:
        found.update(b"%d:%d:" % (start, end))
        found.update(data[start:end])
    return found.hexdigest()


def _hash_around(found: _Hash, data: bytes, places: _Places) -> str:
    """Return the hash of everything else in the file."""
    view = memoryview(data)
    position = 0
    for start, end in places:
        found.update(view[position:start])
        position = end
    found.update(view[position:])
    return found.hexdigest()
