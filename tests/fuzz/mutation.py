"""Changes to bytes of the kinds that find faults in parsers, from a random generator that a seed repeats."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence

_MAX_BYTES = 300_000
_NUMBERS = (
    *(0, 1, 2, 3, 7, 8),
    *(0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
)
_JPEG_WORDS = (
    b"\xff\xd8\xff",
    b"\xff\xda",
    b"\xff\xd9",
    b"\xff\xe1",
    b"Exif\0\0",
    b"MPF\0",
    b"http://ns.adobe.com/xap/1.0/\0",
)
_TIFF_WORDS = (
    b"II*\0",
    b"MM\0*",
    b"II+\0\x08\0\0\0",
    b"\x0e\x01\2\0",
    b"\x69\x87\4\0",
    b"\x4a\x01\4\0",
    b"\x9b\x9c\1\0",
)
_CHUNK_WORDS = (
    b"RIFF",
    b"VP8X",
    b"EXIF",
    b"XMP ",
    b"IHDR",
    b"IDAT",
    b"eXIf",
    b"iTXt",
    b"zTXt",
    b"acTL",
    b"8BIM",
    b"\x1c\2\x78",
)
_BOX_WORDS = (b"ftyp", b"meta", b"iloc", b"iinf", b"infe", b"\0\0\0\1")
_XML_WORDS = (b"<x>", b"</rdf:RDF>", b"<!DOCTYPE x>", b"&amp;", b"&#0;", b"]]>", b"xmlns:x='y'", b"\xff\xfe")
_TEXT_WORDS = (b'"', b"'", b"{", b"[", b"\n", b"\0", b"**/", b"[z-a]", b"OR", b"(", b":")
_WORDS = (*_JPEG_WORDS, *_TIFF_WORDS, *_CHUNK_WORDS, *_BOX_WORDS, *_XML_WORDS, *_TEXT_WORDS)


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return bytes with one to twenty changes."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 20))):
        chance.choice(_CHANGES)(changed, others, chance)
    del changed[_MAX_BYTES:]
    if chance.random() < 0.5:
        _mend(changed)
    return bytes(changed)


def _flip(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_number(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    code = chance.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(code)
    number = chance.choice((*_NUMBERS, len(data), len(data) - at, max(at - 8, 0), chance.randrange(1 << 16)))
    data[at : at + size] = struct.pack(code, number & (1 << 8 * size) - 1)


def _nudge_number(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    code = chance.choice(("B", "<H", ">H", "<I", ">I"))
    size = struct.calcsize(code)
    if at + size <= len(data):
        (number,) = struct.unpack_from(code, data, at)
        struct.pack_into(code, data, at, number + chance.choice((-2, -1, 1, 2, 12, 16)) & (1 << 8 * size) - 1)


def _delete(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 2, 4, 12, chance.randrange(1, 200)))]


def _insert(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.choice((1, 2, 4, 12, 60)))


def _insert_word(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at, word = chance.randrange(len(data) + 1), chance.choice(_WORDS)
    data[at : at + (len(word) if chance.random() < 0.5 else 0)] = word


def _repeat(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    piece = bytes(data[at : at + chance.choice((1, 4, 12, 100, 1000))])
    data[at:at] = piece * chance.choice((1, 1, 2, 10, 300))


def _cross(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    start = chance.randrange(len(other) + 1)
    piece = other[start : start + chance.choice((4, 20, 200, 2000))]
    at = chance.randrange(len(data) + 1)
    data[at : at + chance.choice((0, len(piece)))] = piece


def _cut(data: bytearray, _others: Sequence[bytes], chance: random.Random) -> None:
    if chance.random() < 0.3:
        del data[chance.randrange(len(data) + 1) :]


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    *(_flip, _set_number, _set_number, _nudge_number, _delete, _insert, _insert_word, _repeat, _cross, _cut),
)


def _mend(data: bytearray) -> None:
    """Make the checksums of a PNG and the size of a WebP true again, without which decoders look no further."""
    if data.startswith(b"\x89PNG"):
        at = 8
        while at + 12 <= len(data):
            end = at + 8 + int.from_bytes(data[at : at + 4], "big")
            if end + 4 > len(data):
                return
            data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
            at = end + 4
    elif data.startswith(b"RIFF") and len(data) >= 8:
        data[4:8] = struct.pack("<I", len(data) - 8)
