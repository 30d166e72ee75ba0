"""JPEG 2000 files: their XMP, EXIF and IPTC boxes are read; nothing is written into them.

Sources: ISO/IEC 15444-1 annex I (boxes); XMP part 3, section 1.1.6; ExifTool's Jpeg2000.pm (EXIF and IPTC boxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from photocap.formats.base import CommentKind, EmbeddedTexts, Layout, Part
from photocap.formats.bmff import read_boxes
from photocap.formats.bmff_picture import jp2_picture
from photocap.formats.exif import describe_exifs
from photocap.formats.exif_texts import decoded
from photocap.formats.read_only import ReadOnly
from photocap.formats.spans import Piece

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM_HEAD = b"\xff\x4f\xff\x51"
_XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_IDS = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_IPTC_ID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_COM, _SOT = b"\xff\x64", b"\xff\x90"
_LATIN_TEXT = 1


class Jpeg2000(ReadOnly):
    """The JP2 family and bare codestreams."""

    name = "JPEG 2000"
    suffixes: tuple[str, ...] = ("jp2", "j2k")
    decoders: tuple[str, ...] = ("JPEG2000",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a file of the JP2 family or a bare codestream."""
        return start.startswith((_SIGNATURE, _CODESTREAM_HEAD))

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return jp2_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        parts: dict[Part, bytes] = {}
        exifs: list[bytes] = []
        packets: list[bytes] = []
        iims: list[bytes] = []
        codestream_at = 0
        for kind, content, end in read_boxes(data) if data.startswith(_SIGNATURE) else []:
            identity, body = data[content : content + 16], data[content + 16 : end] if kind == b"uuid" else b""
            if kind == b"uuid" and identity == _XMP_ID:
                packets.append(body)
            elif kind == b"uuid" and identity in _EXIF_IDS:
                exifs.append(body.removeprefix(b"Exif\0\0"))
            elif kind == b"uuid" and identity == _IPTC_ID:
                iims.append(body)
            elif kind == b"xml " and b"rdf:RDF" in data[content:end]:
                packets.append(data[content:end])
            elif kind == b"jp2c":
                codestream_at = content
        describe_exifs(exifs, parts, {})
        if packets:
            parts[Part.XMP] = packets[0]
        comments = tuple((CommentKind.COMMENT, comment) for comment in _comments(data, codestream_at))
        return Layout(
            parts,
            {},
            EmbeddedTexts(exifs=tuple(exifs), packets=tuple(packets[1:]), iims=tuple(iims), comments=comments),
        )


def _comments(data: bytes, start: int) -> list[str]:
    """Return the texts of COM segments in the main header of a codestream."""
    found = []
    position = start + 2
    while data[position : position + 1] == b"\xff" and data[position : position + 2] != _SOT:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if length < 2 or position + 2 + length > len(data):
            break
        is_text = int.from_bytes(data[position + 4 : position + 6], "big") == _LATIN_TEXT
        if data[position : position + 2] == _COM and is_text:
            found.append(decoded(data[position + 6 : position + 2 + length]))
        position += 2 + length
    return found
