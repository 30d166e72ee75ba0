"""PNG files, animated ones included: chunks spliced in before the picture data.

Sources: PNG (third edition) sections 5.3, 11.3.3 (iTXt) and 11.3.4 (eXIf); XMP part 3 section 1.1.5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from photocap.formats.base import SIGNED, CaptionWriter, Change, FileKind, FormatError, Layout, Part
from photocap.formats.chunk_picture import png_picture
from photocap.formats.exif import Resolution, describe_exifs, exif_change, exif_difference, exif_values
from photocap.formats.png_texts import TEXT_CHUNKS, PngTexts
from photocap.formats.spans import Piece
from photocap.formats.splice import Edit, Rewrite, splice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXIF, _TEXT, _SIGNED = b"eXIf", b"iTXt", b"caBX"
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_XMP_HEAD = _XMP_KEYWORD + b"\0\0\0\0"  # not compressed; no language, no translated keyword
_MAX_CHUNK_BYTES = (1 << 31) - 1
_MAX_XMP_BYTES = 32 << 20
_OVERHEAD_BYTES = 12
_MAX_CHUNKS = 50_000  # a picture of 400 MB in pieces of 8 KB
_PHYSICAL_BYTES, _METRE, _INCH_METRES = 9, 1, 0.0254


@dataclass(frozen=True)
class _Chunk:
    type: bytes
    start: int
    content: int
    end: int  # after the checksum


class Png:
    """The PNG format."""

    name = "PNG"
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ("png", "apng")
    decoders: tuple[str, ...] = ("PNG",)
    writer = CaptionWriter.PHOTOCAP
    xmp_limit_bytes: int | None = None

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a PNG."""
        return start.startswith(SIGNATURE)

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return png_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        chunks = _read_chunks(data)
        parts: dict[Part, bytes] = {}
        locked: dict[Part, str] = {}
        exifs = [chunk for chunk in chunks if chunk.type == _EXIF]
        packets = [chunk for chunk in chunks if _is_xmp(data, chunk)]
        if packets:
            parts[Part.XMP] = _packet(data, packets[0])
        describe_exifs([_content(data, exif) for exif in exifs], parts, locked)
        for part, found in ((Part.DESCRIPTION, exifs), (Part.XMP, packets)):
            if len(found) > 1:
                locked[part] = f"it has {len(found)} blocks of it"
        blocks = tuple(_content(data, exif) for exif in exifs)
        more_packets = _more_packets(data, packets[1:])
        return Layout(parts, locked, _texts(data, chunks).embedded(blocks, more_packets))

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        chunks = _read_chunks(data)
        if any(chunk.type == _SIGNED for chunk in chunks):
            return SIGNED
        texts = _texts(data, chunks)
        if texts.exifs or texts.packets or texts.problems:
            return "its EXIF or XMP stands in a raw profile or another kind of chunk, which a second block would hide"
        return ""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts."""
        chunks = _read_chunks(data)
        edits: list[Edit] = []
        fresh = b""
        if values := exif_values(changes):
            place = next((chunk for chunk in chunks if chunk.type == _EXIF), None)
            old = _content(data, place) if place else None
            change = exif_change(old, values, limit_bytes=_MAX_CHUNK_BYTES, resolution=_resolution(data, chunks))
            if isinstance(change, bytes) or place is None:
                fresh += _chunk_bytes(_EXIF, bytes(change) if isinstance(change, bytes) else b"")
            else:
                edits += _chunk_edits(data, place, change, 0)
        if (packet := changes.get(Part.XMP)) is not None:
            place = next((chunk for chunk in chunks if _is_xmp(data, chunk)), None)
            if isinstance(packet, bytes) or place is None:
                fresh += _chunk_bytes(_TEXT, _XMP_HEAD + bytes(packet if isinstance(packet, bytes) else b""))
            elif data.startswith(_XMP_HEAD, place.content):
                edits += _chunk_edits(data, place, list(packet), len(_XMP_HEAD))
            else:  # compressed, or with a language: written anew, plain as XMP part 3 asks
                new = splice(_packet(data, place), packet)
                edits.append(Edit(place.start, place.end, _chunk_bytes(_TEXT, _XMP_HEAD + new)))
        if fresh:
            at = next(chunk.start for chunk in chunks if chunk.type == b"IDAT")
            edits.append(Edit(at, at, fresh))
        return edits

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata parts."""
        old, new = rewrite.old, rewrite.new
        old_chunks, new_chunks = _read_chunks(old), _read_chunks(new)
        if _others(old, old_chunks) != _others(new, new_chunks):
            return "other chunks"
        if old[old_chunks[-1].end :] != new[new_chunks[-1].end :]:
            return "what follows the picture"
        return exif_difference(
            [_content(old, chunk) for chunk in old_chunks if chunk.type == _EXIF],
            [_content(new, chunk) for chunk in new_chunks if chunk.type == _EXIF],
        )


def _read_chunks(data: bytes) -> list[_Chunk]:
    if not data.startswith(SIGNATURE):
        raise FormatError("it is no PNG file")
    chunks: list[_Chunk] = []
    position = len(SIGNATURE)
    while not chunks or chunks[-1].type != b"IEND":
        head = data[position : position + 8]
        length = int.from_bytes(head[:4], "big")
        end = position + _OVERHEAD_BYTES + length
        if len(head) < 8 or end > len(data):
            raise FormatError(f"it was cut off: the chunk at byte {position} reaches past the end")
        chunks.append(_Chunk(head[4:], position, position + 8, end))
        if len(chunks) > _MAX_CHUNKS:
            raise FormatError(f"it has more than {_MAX_CHUNKS:,} chunks")
        position = end
    if chunks[0].type != b"IHDR" or all(chunk.type != b"IDAT" for chunk in chunks):
        raise FormatError("it has no picture")
    return chunks


def _resolution(data: bytes, chunks: list[_Chunk]) -> Resolution:
    """Return the resolution that the pHYs chunk says, which counts pixels per metre."""
    content = next((_content(data, chunk) for chunk in chunks if chunk.type == b"pHYs"), b"")
    if len(content) != _PHYSICAL_BYTES or content[8] != _METRE:
        return Resolution()
    x, y = struct.unpack_from(">II", content)
    return Resolution(max(1, round(x * _INCH_METRES)), max(1, round(y * _INCH_METRES)))


def _texts(data: bytes, chunks: list[_Chunk]) -> PngTexts:
    """Return the text chunks, without the XMP that stands where it should."""
    texts = PngTexts()
    for chunk in chunks:
        if chunk.type in TEXT_CHUNKS and not _is_xmp(data, chunk):
            texts.add(chunk.type, _content(data, chunk))
    return texts


def _content(data: bytes, chunk: _Chunk) -> bytes:
    return data[chunk.content : chunk.end - 4]


def _is_xmp(data: bytes, chunk: _Chunk) -> bool:
    return chunk.type == _TEXT and data.startswith(_XMP_KEYWORD, chunk.content)


def _more_packets(data: bytes, chunks: list[_Chunk]) -> tuple[bytes, ...]:
    """Return repeated packets; together they must not swell beyond what one may."""
    packets, left_bytes = [], _MAX_XMP_BYTES
    for chunk in chunks:
        packets.append(_packet(data, chunk, limit_bytes=max(left_bytes, 1)))
        left_bytes -= len(packets[-1])
    return tuple(packets)


def _packet(data: bytes, chunk: _Chunk, *, limit_bytes: int = _MAX_XMP_BYTES) -> bytes:
    """Return the XMP packet of an iTXt chunk, unpacked where it is compressed."""
    content = _content(data, chunk)
    rest = content[len(_XMP_KEYWORD) :]
    language_and_rest = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(language_and_rest) < 3:
        raise FormatError("its XMP chunk is damaged")
    text = language_and_rest[2]
    if not rest[0]:
        return text
    unpacker = zlib.decompressobj()
    try:
        packet = unpacker.decompress(text, limit_bytes)
    except zlib.error as error:
        raise FormatError("its XMP chunk is damaged") from error
    if not unpacker.eof:
        raise FormatError("its XMP chunk is damaged or too large")
    return packet


def _chunk_bytes(kind: bytes, content: bytes) -> bytes:
    if len(content) > _MAX_CHUNK_BYTES:
        raise FormatError("a chunk would be longer than PNG allows")
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunk_edits(data: bytes, chunk: _Chunk, change: list[Edit], at: int) -> list[Edit]:
    """Return the edits of a chunk's content (from its byte `at` on), of its length and of its checksum."""
    content = _content(data, chunk)
    inner = [Edit(edit.start + at, edit.end + at, edit.new) for edit in change]
    new = splice(content, inner)
    whole = _chunk_bytes(chunk.type, new)
    return [
        Edit(chunk.start, chunk.start + 4, whole[:4]),
        *(Edit(edit.start + chunk.content, edit.end + chunk.content, edit.new) for edit in inner),
        Edit(chunk.end - 4, chunk.end, whole[-4:]),
    ]


def _others(data: bytes, chunks: list[_Chunk]) -> list[bytes]:
    return [data[c.start : c.end] for c in chunks if c.type != _EXIF and not _is_xmp(data, c)]
