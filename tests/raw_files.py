"""A small camera raw file (DNG 1.4) with an embedded JPEG preview, since no freely licensed one is at hand."""

from __future__ import annotations

import struct
from pathlib import Path

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_CODES = {_BYTE: "B", _ASCII: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SRATIONAL: "i"}
_RAW_PX = 64


def write_dng(path: Path, preview_jpeg: bytes, preview_size: tuple[int, int], orientation: int = 1) -> Path:
    """Write a DNG whose IFD0 is the preview and whose SubIFD is a grey Bayer picture."""
    sensor = struct.pack("<H", 2000) * (_RAW_PX * _RAW_PX)
    preview_at = 8
    sensor_at = preview_at + len(preview_jpeg) + len(preview_jpeg) % 2
    raw_at = sensor_at + len(sensor)
    raw_ifd = _ifd(
        raw_at,
        {
            254: (_LONG, [0]),
            256: (_LONG, [_RAW_PX]),
            257: (_LONG, [_RAW_PX]),
            258: (_SHORT, [16]),
            259: (_SHORT, [1]),
            262: (_SHORT, [32803]),
            273: (_LONG, [sensor_at]),
            277: (_SHORT, [1]),
            278: (_LONG, [_RAW_PX]),
            279: (_LONG, [len(sensor)]),
            33421: (_SHORT, [2, 2]),
            33422: (_BYTE, [0, 1, 1, 2]),
        },
    )
    main_at = raw_at + len(raw_ifd)
    main_ifd = _ifd(
        main_at,
        {
            254: (_LONG, [1]),
            256: (_LONG, [preview_size[0]]),
            257: (_LONG, [preview_size[1]]),
            258: (_SHORT, [8, 8, 8]),
            259: (_SHORT, [7]),
            262: (_SHORT, [6]),
            271: (_ASCII, list(b"Photocap\0")),
            272: (_ASCII, list(b"Test camera\0")),
            273: (_LONG, [preview_at]),
            274: (_SHORT, [orientation]),
            277: (_SHORT, [3]),
            278: (_LONG, [preview_size[1]]),
            279: (_LONG, [len(preview_jpeg)]),
            330: (_LONG, [raw_at]),
            50706: (_BYTE, [1, 4, 0, 0]),
            50708: (_ASCII, list(b"Photocap Test camera\0")),
            50721: (_SRATIONAL, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        },
    )
    head = b"II*\0" + struct.pack("<I", main_at)
    path.write_bytes(head + preview_jpeg.ljust(sensor_at - preview_at, b"\0") + sensor + raw_ifd + main_ifd)
    return path


def _ifd(at: int, tags: dict[int, tuple[int, list[int]]]) -> bytes:
    entries, values = b"", b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, numbers) in sorted(tags.items()):
        data = struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers)
        count = len(numbers) // 2 if kind in (_RATIONAL, _SRATIONAL) else len(numbers)
        if len(data) > 4:
            place = struct.pack("<I", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + place
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values
