"""WebP files: EXIF and XMP chunks after the picture data, and the extended header that announces them.

Source: WebP container specification, RFC 9649 section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from photocap.formats.base import SIGNED, CaptionWriter, Change, EmbeddedTexts, FileKind, FormatError, Layout, Part
from photocap.formats.chunk_picture import webp_picture
from photocap.formats.exif import describe_exifs, exif_change, exif_difference, exif_values
from photocap.formats.spans import Piece
from photocap.formats.splice import Edit, Rewrite, growth, shifted

_HEAD_BYTES = 12  # RIFF, size, WEBP
_EXIF, _XMP, _EXTENDED, _LOSSY, _LOSSLESS, _SIGNED = b"EXIF", b"XMP ", b"VP8X", b"VP8 ", b"VP8L", b"C2PA"
_EXTENDED_BYTES = 10
_MAX_CHUNKS = 50_000  # the frames of an animation
_FLAGS = {_EXIF: 0x08, _XMP: 0x04}
_ALPHA_FLAG = 0x10
_LOSSLESS_SIGNATURE = 0x2F
_JPEG_PREFIX = b"Exif\0\0"  # some writers leave it in front of the block
_MAX_FILE_BYTES = (1 << 32) - 10


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    type: bytes
    start: int
    content: int
    content_end: int
    end: int  # after the padding


class WebP:
    """The WebP format."""

    name = "WebP"
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ("webp",)
    decoders: tuple[str, ...] = ("WEBP",)
    writer = CaptionWriter.PHOTOCAP
    xmp_limit_bytes: int | None = None

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a WebP."""
        return start.startswith(b"RIFF") and start[8:12] == b"WEBP"

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return webp_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        chunks = _read_chunks(data)
        parts: dict[Part, bytes] = {}
        locked: dict[Part, str] = {}
        exifs = tuple(_exif(data, chunk) for chunk in chunks if chunk.type == _EXIF)
        packets = tuple(data[chunk.content : chunk.content_end] for chunk in chunks if chunk.type == _XMP)
        if packets:
            parts[Part.XMP] = packets[0]
        describe_exifs(exifs, parts, locked)
        for part, found in ((Part.DESCRIPTION, exifs), (Part.XMP, packets)):
            if len(found) > 1:
                locked[part] = f"it has {len(found)} blocks of it"
        return Layout(parts, locked, EmbeddedTexts(exifs=exifs, packets=packets[1:]))

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        types = [chunk.type for chunk in _read_chunks(data)]
        if _SIGNED in types:
            return SIGNED
        # Which one a decoder shows depends on the header, which a write may have to extend.
        return "it has several pictures" if types.count(_LOSSY) + types.count(_LOSSLESS) > 1 else ""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts."""
        chunks = _read_chunks(data)
        edits: list[Edit] = []
        fresh = b""
        flags = 0
        values = exif_values(changes)
        for part, kind in ((Part.DESCRIPTION, _EXIF), (Part.XMP, _XMP)):
            if part not in changes and not (part is Part.DESCRIPTION and values):
                continue
            flags |= _FLAGS[kind]
            place = next((chunk for chunk in chunks if chunk.type == kind), None)
            change, at = changes.get(part, b""), 0
            if part is Part.DESCRIPTION:
                old = _exif(data, place) if place else None
                change = exif_change(old, values, limit_bytes=_MAX_FILE_BYTES)
                at = place.content_end - place.content - len(old) if place and old is not None else 0
            if isinstance(change, bytes) or place is None:
                fresh += _chunk_bytes(kind, change if isinstance(change, bytes) else b"")
            else:
                edits += _chunk_edits(place, list(change), at)
        if fresh:
            edits.append(Edit(chunks[-1].end, chunks[-1].end, fresh))
        edits += _header_edits(data, chunks, flags)
        size = chunks[-1].end + growth(edits) - 8
        if size > _MAX_FILE_BYTES:
            raise FormatError("it would be longer than WebP allows")
        return [Edit(4, 8, struct.pack("<I", size)), *edits]

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata parts and the header that announces them."""
        old, new = rewrite.old, rewrite.new
        old_chunks, new_chunks = _read_chunks(old), _read_chunks(new)
        if _others(old, old_chunks) != _others(new, new_chunks):
            return "other chunks"
        if old[old_chunks[-1].end :] != new[new_chunks[-1].end :]:
            return "what follows the picture"
        if _announced(old, old_chunks) != _announced(new, new_chunks):
            return "the size or the kind of the picture"
        return exif_difference(
            [_exif(old, chunk) for chunk in old_chunks if chunk.type == _EXIF],
            [_exif(new, chunk) for chunk in new_chunks if chunk.type == _EXIF],
        )


def _read_chunks(data: bytes) -> list[_Chunk]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise FormatError("it is no WebP file")
    riff_end = 8 + int.from_bytes(data[4:8], "little")
    if riff_end > len(data):
        raise FormatError("it was cut off: it is shorter than it says")
    chunks: list[_Chunk] = []
    position = _HEAD_BYTES
    while position < riff_end:
        head = data[position : position + 8]
        content_end = position + 8 + int.from_bytes(head[4:8], "little")
        end = content_end + (content_end & 1)
        if len(head) < 8 or end > riff_end:
            raise FormatError(f"the chunk at byte {position} reaches past the end")
        if head[:4] == _EXTENDED and content_end - position - 8 < _EXTENDED_BYTES:
            raise FormatError("its extended header is too short")
        chunks.append(_Chunk(type=head[:4], start=position, content=position + 8, content_end=content_end, end=end))
        if len(chunks) > _MAX_CHUNKS:
            raise FormatError(f"it has more than {_MAX_CHUNKS:,} chunks")
        position = end
    if not any(chunk.type in (_LOSSY, _LOSSLESS, b"ANMF") for chunk in chunks):
        raise FormatError("it has no picture")
    return chunks


def _exif(data: bytes, chunk: _Chunk) -> bytes:
    content = data[chunk.content : chunk.content_end]
    return content.removeprefix(_JPEG_PREFIX)


def _chunk_bytes(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def _chunk_edits(chunk: _Chunk, change: list[Edit], at: int) -> list[Edit]:
    """Return the edits of a chunk's content (from its byte `at` on), of its length and of its padding."""
    length = chunk.content_end - chunk.content + growth(change)
    edits = [Edit(chunk.start + 4, chunk.start + 8, struct.pack("<I", length)), *shifted(change, chunk.content + at)]
    padding = b"\0" * (length & 1)
    if len(padding) != chunk.end - chunk.content_end:
        last = edits[-1]
        if last.end == chunk.content_end:  # the change reaches the padding: one edit, not two that touch
            edits[-1] = Edit(last.start, chunk.end, last.new + padding)
        else:
            edits.append(Edit(chunk.content_end, chunk.end, padding))
    return edits


def _header_edits(data: bytes, chunks: list[_Chunk], flags: int) -> list[Edit]:
    """Return the edits that announce EXIF and XMP in the extended header, which is made where there is none."""
    first = chunks[0]
    if first.type == _EXTENDED:
        at = first.content
        return [Edit(at, at + 1, bytes([data[at] | flags]))] if data[at] | flags != data[at] else []
    width, height, has_alpha = _picture_size(data, first)
    content = bytes([flags | (_ALPHA_FLAG if has_alpha else 0), 0, 0, 0])
    content += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return [Edit(first.start, first.start, _chunk_bytes(_EXTENDED, content))]


def _picture_size(data: bytes, chunk: _Chunk) -> tuple[int, int, bool]:
    """Return width and height in pixels, and whether there is alpha, from a picture chunk."""
    content = data[chunk.content : chunk.content + 10]
    if chunk.type == _LOSSLESS and len(content) >= 5 and content[0] == _LOSSLESS_SIGNATURE:
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if chunk.type == _LOSSY and content[3:6] == b"\x9d\x01\x2a" and len(content) == 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", content, 6))
        if not (width and height):
            raise FormatError("its picture has no size")
        return width, height, False
    raise FormatError("its picture chunk is damaged")


def _others(data: bytes, chunks: list[_Chunk]) -> list[bytes]:
    return [data[c.start : c.end] for c in chunks if c.type not in (_EXIF, _XMP, _EXTENDED)]


def _announced(data: bytes, chunks: list[_Chunk]) -> tuple[object, ...]:
    """Return what the header says about the picture, metadata flags left out."""
    first = chunks[0]
    if first.type == _EXTENDED:
        content = data[first.content : first.content_end]
        flags = content[0] & ~(_FLAGS[_EXIF] | _FLAGS[_XMP])
        size = int.from_bytes(content[4:7], "little") + 1, int.from_bytes(content[7:10], "little") + 1
        return (flags, *size)
    width, height, has_alpha = _picture_size(data, first)
    return (_ALPHA_FLAG if has_alpha else 0, width, height)
