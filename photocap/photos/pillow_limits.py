"""Bounds on what Pillow reads of a photo before any pixel is decoded."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from PIL import TiffImagePlugin

_SMALLEST_BUDGET_BYTES = 1 << 16
_MOST_NUMBERS = 500_000  # in one value, such as the places of strips; each becomes a Python object
_BYTE_TYPES = {1, 2, 6, 7}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def bound_directories() -> None:
    """Let Pillow refuse a directory (of a TIFF file, EXIF block or multi-picture table) that claims absurd sizes.

    Pillow copies the value of every entry. Sixty thousand entries may name the same two megabytes, so that a photo of
    three megabytes would fill any memory. Nothing that a camera or a program writes claims twice what is there.
    """
    original = TiffImagePlugin.ImageFileDirectory_v2.load
    if getattr(original, "is_bounded", False):
        return

    def load(self: Any, file: BinaryIO) -> None:
        _check_claim(file, self._endian, is_big=self._bigtiff)
        original(self, file)

    load.is_bounded = True  # type: ignore[attr-defined]
    TiffImagePlugin.ImageFileDirectory_v2.load = load  # type: ignore[method-assign, assignment]


def _check_claim(file: BinaryIO, order: str, *, is_big: bool) -> None:
    """Look through the directory that begins here, and go back to its beginning.

    Raises:
        SyntaxError: as Pillow's readers do for a damaged file; its values are larger than the file.
    """
    start = file.tell()
    file.seek(0, 2)
    left_bytes = 2 * file.tell() + _SMALLEST_BUDGET_BYTES
    file.seek(start)
    count_code, entry_code, count_bytes = ("Q", "HHQ8x", 8) if is_big else ("H", "HHI4x", 2)
    head = file.read(count_bytes)
    (count,) = struct.unpack(order + count_code, head) if len(head) == count_bytes else (0,)
    entry_bytes = struct.calcsize("<" + entry_code)
    left_bytes -= count * entry_bytes
    if left_bytes >= 0:
        entries = file.read(count * entry_bytes)
        whole = entries[: len(entries) - len(entries) % entry_bytes]
        for _, kind, values in struct.iter_unpack(order + entry_code, whole):
            left_bytes -= _TYPE_BYTES.get(kind, 0) * values
            if values > _MOST_NUMBERS and kind not in _BYTE_TYPES:
                left_bytes = -1
    file.seek(start)
    if left_bytes < 0:
        raise SyntaxError("its directory claims more than the file can hold")
