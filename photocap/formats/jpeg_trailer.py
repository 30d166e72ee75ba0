"""What stands behind the picture of a JPEG file and is found by its place, so that nothing before it may grow.

Some makers keep previews there and note in a maker note where; nobody documents which do. Sources: ExifTool's
Minolta.pm, Olympus.pm and Pentax.pm (PreviewImageStart beside PreviewImageLength), AFCP 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

_EOI = b"\xff\xd9"
_SOI = b"\xd8\xff"  # the first byte of all is one that makers change
_AFCP = (b"AXS!", b"AXS*")
_AFCP_BYTES = 12  # its last bytes, which say where it begins
_ONE_LONG = {"<": b"\x04\0\x01\0\0\0", ">": b"\0\x04\0\0\0\x01"}  # the type and count of an entry of one number
_ENTRY_BYTES, _TYPE_AT, _VALUE_AT = 12, 2, 8
_LEAST_BYTES = 16  # of data that is worth an entry of its own
_PIECE_BYTES = 1 << 17  # larger ones leave the processor's cache and take twice as long


def trailer_refusal(data: bytes, scan_at: int, exifs: Sequence[tuple[bytes, int]]) -> str:
    """Say why the picture must not grow; empty where it may.

    Args:
        data: the file.
        scan_at: where the coded picture begins.
        exifs: each EXIF block, and where it stands in the file.
    """
    leading = any(_leads_to_a_picture(data, scan_at, *block) for block in exifs)
    naming = [block for block in exifs if _names_a_place(data, scan_at, *block)]
    is_afcp = data[-_AFCP_BYTES:].startswith(_AFCP)
    if not (leading or naming or is_afcp):  # most files; looking for the end of the picture takes longest
        return ""
    end = end_of_picture(data, scan_at)
    if end >= len(data):
        return ""
    if is_afcp:
        return "it ends in AFCP data, which would move out of reach"
    if leading or any(_names_a_place(data, end, *block) for block in naming):
        return "its EXIF block points to data behind the picture, which would move out of reach"
    return ""


def end_of_picture(data: bytes, scan_at: int) -> int:
    """Return where the first end mark behind a place ends; six times as fast as `bytes.find` with its many 0xFF."""
    import numpy as np  # here, since only writers need it and it takes a tenth of a second

    for start in range(scan_at, len(data), _PIECE_BYTES):
        piece = np.frombuffer(data, np.uint8, min(_PIECE_BYTES + 1, len(data) - start), start)
        is_mark = (piece[:-1] == _EOI[0]) & (piece[1:] == _EOI[1])
        if is_mark.any():
            return start + int(is_mark.argmax()) + len(_EOI)
    return len(data)


def _leads_to_a_picture(data: bytes, scan_at: int, exif: bytes, exif_at: int) -> bool:
    """Return whether some number in a block leads to a JPEG, or to right after the end of one.

    Inside a scan there is neither. Minolta spoils the first byte of its previews.
    """
    import numpy as np  # here, since only writers need it and it takes a tenth of a second

    file = np.frombuffer(data, np.uint8)
    order = "<u4" if exif[:2] == b"II" else ">u4"
    numbers = np.ndarray(max(len(exif) - 3, 0), order, exif, strides=(1,))
    numbers = numbers[(numbers > scan_at - exif_at) & (numbers < len(data))].astype(np.int64)
    places = np.concatenate((numbers, numbers + exif_at))
    places = places[(places > scan_at) & (places < len(data))]
    begins = (file.take(places + 1, mode="clip") == _SOI[0]) & (file.take(places + 2, mode="clip") == _SOI[1])
    ended = (file.take(places - 2) == _EOI[0]) & (file.take(places - 1) == _EOI[1])
    return bool((begins | ended).any())


def _names_a_place(data: bytes, end: int, exif: bytes, exif_at: int) -> bool:
    """Return whether two entries side by side say where something behind the picture begins and how long it is."""
    return any(
        start + base >= end and length >= _LEAST_BYTES and start + base + length <= len(data)
        for start, length in _neighbours(exif)
        for base in (0, exif_at)
    )


def _neighbours(exif: bytes) -> Iterator[tuple[int, int]]:
    """Yield the values of each two entries of one number that stand side by side, both ways round."""
    for order, one_long in _ONE_LONG.items():
        places = list(_places(exif, one_long))
        known = set(places)
        for at in places:
            if at + _ENTRY_BYTES in known:
                first, second = (
                    struct.unpack_from(order + "I", exif, at + step + _VALUE_AT)[0] for step in (0, _ENTRY_BYTES)
                )
                yield first, second
                yield second, first


def _places(exif: bytes, one_long: bytes) -> Iterator[int]:
    """Yield where the entries of one number stand whose type and count are written like this."""
    at = exif.find(one_long, _TYPE_AT)
    while at >= 0 and at - _TYPE_AT + _ENTRY_BYTES <= len(exif):
        yield at - _TYPE_AT
        at = exif.find(one_long, at + 1)
