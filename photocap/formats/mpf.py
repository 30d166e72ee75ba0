"""The multi-picture table of JPEG files (CIPA DC-007): keeping sizes and places true when metadata grows.

MPO files, Ultra HDR gain maps and large previews stand behind the main picture and are found through it.
"""

from __future__ import annotations

import struct

from photocap.formats.base import FormatError
from photocap.formats.splice import Edit
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import TiffError

MPF_ID = b"MPF\0"
_ENTRIES_TAG = 0xB002
_ENTRY_BYTES = 16
_SIZE_AT, _OFFSET_AT = 4, 8


def is_readable(table: bytes) -> bool:
    """Return whether a table says in which order the bytes of its numbers stand; without it nobody can follow them."""
    return table[:2] in (b"II", b"MM")


def mpf_edits(table: bytes, growth_bytes: int, growth_before_bytes: int) -> list[Edit]:
    """Return the edits to a table for a main picture that becomes longer.

    Args:
        table: the block after `MPF\\0`; offsets count from its beginning.
        growth_bytes: by how much the main picture grows.
        growth_before_bytes: how much of that stands before the table.

    Raises:
        FormatError: the table is damaged.
    """
    try:
        block = TiffBlock(table)
        entries_at, count = _entries(block)
    except TiffError as error:
        raise FormatError(f"its multi-picture table is damaged: {error}") from error
    order = "<I" if table[:2] == b"II" else ">I"
    edits = []
    for i in range(count):
        at = entries_at + i * _ENTRY_BYTES
        size, offset = struct.unpack_from(order[0] + "II", table, at + _SIZE_AT)
        if offset == 0:  # the main picture itself
            edits.append(_number_edit(order, at + _SIZE_AT, size + growth_bytes))
        elif growth_bytes != growth_before_bytes:
            edits.append(_number_edit(order, at + _OFFSET_AT, offset + growth_bytes - growth_before_bytes))
    return edits


def _entries(block: TiffBlock) -> tuple[int, int]:
    """Return where the picture entries begin and how many there are; later pictures have none."""
    entry = next((entry for entry in block.first.entries if entry.tag == _ENTRIES_TAG), None)
    if entry is None:
        return 0, 0
    if entry.start + entry.length > len(block.data):
        raise TiffError("its entries reach past the end")
    return entry.start, entry.length // _ENTRY_BYTES


def _number_edit(order: str, at: int, number: int) -> Edit:
    if not 0 <= number < 1 << 32:
        raise FormatError("its multi-picture table has no room for the new size")
    return Edit(at, at + 4, struct.pack(order, number))
