"""JPEG files: their segments, and splicing EXIF, XMP and Photoshop resources into them.

Sources: ITU-T T.81 annex B (segments), Exif 3.0 section 4.5, XMP part 3 section 1.1.3, CIPA DC-007 (MPF).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from photocap.formats.base import (
    SIGNED,
    CaptionWriter,
    Change,
    CommentKind,
    EmbeddedTexts,
    FileKind,
    FormatError,
    FrontToBack,
    Layout,
    Part,
)
from photocap.formats.chunk_picture import jpeg_picture
from photocap.formats.exif import Resolution, describe_exifs, exif_change, exif_difference, exif_values
from photocap.formats.exif_texts import decoded
from photocap.formats.jpeg_comments import COMMENT_MARKERS, program_comments
from photocap.formats.jpeg_trailer import trailer_refusal
from photocap.formats.mpf import MPF_ID, is_readable, mpf_edits
from photocap.formats.spans import Piece
from photocap.formats.splice import Edit, Rewrite, growth, shifted

_JFIF = (0xE0, b"JFIF\0")
_JFIF_BYTES = 12  # up to the density
_EXIF = (0xE1, b"Exif\0\0")
_XMP = (0xE1, b"http://ns.adobe.com/xap/1.0/\0")
_EXTENDED_XMP = (0xE1, b"http://ns.adobe.com/xmp/extension/\0")
_IRB = (0xED, b"Photoshop 3.0\0")
_OLD_IRB = (0xED, b"Adobe_Photoshop2.5:")
_BARE_IRB = (0xED, b"8BIM")  # as some old programs wrote it
_BARE_IPTC = (0xED, b"\x1c")  # as others did
_PACKET_START = re.compile(rb"<\?xpacket|<x:xmpmeta|<rdf:RDF")  # of XMP behind another name than XMP's
_COMMENT = (0xFE, b"")
_KINDS = {Part.DESCRIPTION: _EXIF, Part.XMP: _XMP, Part.IRB: _IRB}
_MAX_PAYLOAD_BYTES = 0xFFFF - 2
_MAX_SEGMENTS = 20_000  # real files have some hundred
_MAX_TABLES = 16
_FILL_BYTES = re.compile(rb"\xff+(?=\xff)")
_SOI, _EOI, _SOS, _APP0, _APP2, _APP11 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE2, 0xEB
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


class Segment(NamedTuple):
    """One marker segment: `start` is its 0xFF, `payload` the byte after its length, `end` the byte after it."""

    marker: int
    start: int
    payload: int
    end: int


class Jpeg(FrontToBack):
    """The JPEG format, MPO and files with trailers included."""

    name = "JPEG"
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ("jpg", "jpeg", "jpe", "jfif", "mpo")
    decoders: tuple[str, ...] = ("JPEG",)
    writer = CaptionWriter.PHOTOCAP
    xmp_limit_bytes: int | None = 65_502  # XMP part 3, 1.1.3.1; two bytes less than would fit

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a JPEG."""
        return start.startswith(b"\xff\xd8\xff")

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return jpeg_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        segments = read_segments(data)
        found = {part: _find(segments, data, kind) for part, kind in _KINDS.items()}
        contents = {part: _content(data, places[0], _KINDS[part]) for part, places in found.items() if places}
        if len(found[Part.IRB]) > 1:  # long resources run on from one segment to the next
            contents[Part.IRB] = b"".join(_content(data, place, _IRB) for place in found[Part.IRB])
        locked = {part: f"it has {len(places)} blocks of it" for part, places in found.items() if len(places) > 1}
        contents.pop(Part.DESCRIPTION, None)  # so far the whole block; what counts is the value in it
        exifs = tuple(_content(data, place, _EXIF) for place in found[Part.DESCRIPTION])
        describe_exifs(exifs, contents, locked)
        return Layout(contents, locked, _texts(data, segments, exifs, found[Part.XMP][1:]))

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed: signed, cut off, or with data that would move out of reach."""
        segments = read_segments(data)
        if any(s.marker == _APP11 and data[s.payload : s.payload + 2] == b"JP" for s in segments):
            return SIGNED
        if data.rfind(b"\xff\xd9", segments[-1].end) < 0:
            return "it was cut off: the end of the picture is missing"
        exifs = _find(segments, data, _EXIF)
        if not all(_content(data, exif, _EXIF).startswith((b"II*\0", b"MM\0*")) for exif in exifs):
            return "its EXIF block is damaged: it has no TIFF header"  # Exiv2 would read nothing at all of this file
        blocks = [(_content(data, exif, _EXIF), exif.payload + len(_EXIF[1])) for exif in exifs]
        return trailer_refusal(data, segments[-1].end, blocks)

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts."""
        segments = read_segments(data)
        edits: list[Edit] = []
        fresh_at = _after_jfif(segments)
        fresh = b""
        values = exif_values(changes)
        for part, kind in _KINDS.items():
            if part not in changes and not (part is Part.DESCRIPTION and values):
                continue
            places = _find(segments, data, kind)
            old = _content(data, places[0], kind) if places else None
            change = changes.get(part, b"")
            if part is Part.DESCRIPTION:
                limit_bytes = _MAX_PAYLOAD_BYTES - len(_EXIF[1])
                change = exif_change(old, values, limit_bytes=limit_bytes, resolution=_resolution(data, segments))
                fresh_at = places[0].end if places else fresh_at
            if isinstance(change, bytes):
                fresh += bytes([0xFF, kind[0]]) + _length(len(kind[1]) + len(change)) + kind[1] + change
            else:
                edits += _segment_edits(places[0], len(kind[1]), change)
        if fresh:
            edits.append(Edit(fresh_at, fresh_at, fresh))
        return edits + _table_edits(data, segments, edits)

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata parts and the sizes in the multi-picture table."""
        old, new = rewrite.old, rewrite.new
        old_segments, new_segments = read_segments(old), read_segments(new)
        if _others(old, old_segments) != _others(new, new_segments):
            return "other segments"
        if not rewrite.same_from(old_segments[-1].start, new_segments[-1].start):
            return "the picture data or what follows it"
        old_exif, new_exif = (
            [_content(data, place, _EXIF) for place in _find(segments, data, _EXIF)]
            for data, segments in ((old, old_segments), (new, new_segments))
        )
        return exif_difference(old_exif, new_exif)


def read_segments(data: bytes) -> list[Segment]:
    """Return the segments up to and including the first start of scan.

    Raises:
        FormatError: this is no JPEG, or it ends before a picture begins.
    """
    if data[:2] != b"\xff\xd8":
        raise FormatError("it is no JPEG file")
    segments: list[Segment] = []
    position = 2
    while len(segments) < _MAX_SEGMENTS:
        start = position
        if data[position : position + 1] != b"\xff":
            raise FormatError(f"there is no segment at byte {position}")
        head = data[position + 1 : position + 4]
        if head[:1] == b"\xff" and (fill := _FILL_BYTES.match(data, position)):
            position = fill.end()
            head = data[position + 1 : position + 4]
        if len(head) < 3 or head[0] in _BARE or head[0] in (_SOI, _EOI, 0):
            raise FormatError(f"there is no picture before byte {position}")
        end = position + 2 + int.from_bytes(head[1:3], "big")
        if end > len(data) or end < position + 4:
            raise FormatError(f"the segment at byte {position} reaches past the end")
        segments.append(Segment(head[0], start, position + 4, end))
        if head[0] == _SOS:
            return segments
        position = end
    raise FormatError("it has too many segments")


def _find(segments: list[Segment], data: bytes, kind: tuple[int, bytes]) -> list[Segment]:
    return [s for s in segments if s.marker == kind[0] and data.startswith(kind[1], s.payload, s.end)]


def _content(data: bytes, segment: Segment, kind: tuple[int, bytes]) -> bytes:
    return data[segment.payload + len(kind[1]) : segment.end]


def _resolution(data: bytes, segments: list[Segment]) -> Resolution:
    """Return the resolution that the JFIF header says; 72 dots per inch where it says none."""
    for segment in _find(segments, data, _JFIF):
        if segment.end - segment.payload < _JFIF_BYTES:
            continue
        unit, x, y = struct.unpack_from(">BHH", data, segment.payload + 7)
        if unit in (1, 2) and x and y:
            return Resolution(x, y, unit + 1)  # JFIF counts from inches at 1, EXIF at 2
    return Resolution()


def _texts(
    data: bytes, segments: list[Segment], exifs: tuple[bytes, ...], more_packets: list[Segment]
) -> EmbeddedTexts:
    """Return what else may hold words: comments, repeated packets, Extended XMP, and what bears other names."""
    extended, problem = _extended_xmp([_content(data, s, _EXTENDED_XMP) for s in _find(segments, data, _EXTENDED_XMP)])
    comments = [decoded(_content(data, segment, _COMMENT)) for segment in _find(segments, data, _COMMENT)]
    own_kinds = (segment for segment in segments if segment.marker in COMMENT_MARKERS)
    comments += [text for s in own_kinds for text in program_comments(s.marker, data[s.payload : s.end])]
    old_irbs = [_content(data, segment, _OLD_IRB) for segment in _find(segments, data, _OLD_IRB)]
    bare_irbs = [data[segment.payload : segment.end] for segment in _find(segments, data, _BARE_IRB)]
    return EmbeddedTexts(
        exifs=exifs,
        packets=(*(_content(data, packet, _XMP) for packet in more_packets), *extended, *_odd_packets(data, segments)),
        irbs=(*old_irbs, *bare_irbs),
        iims=tuple(data[segment.payload : segment.end] for segment in _find(segments, data, _BARE_IPTC)),
        comments=tuple((CommentKind.COMMENT, comment) for comment in comments),
        problems=(problem,) if problem else (),
    )


def _odd_packets(data: bytes, segments: list[Segment]) -> list[bytes]:
    """Return the XMP packets that stand behind another name than XMP's, which only careful programs read."""
    known = {segment.start for kind in (_EXIF, _XMP, _EXTENDED_XMP) for segment in _find(segments, data, kind)}
    others = (segment for segment in segments if segment.marker == _XMP[0] and segment.start not in known)
    starts = ((segment, _PACKET_START.search(data, segment.payload, segment.end)) for segment in others)
    return [data[found.start() : segment.end] for segment, found in starts if found]


def _extended_xmp(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """Return the packets that Extended XMP is made of, and why not; each piece names its packet, size and place.

    Source: XMP part 3, section 1.1.3.1.
    """
    packets: dict[bytes, dict[int, bytes]] = {}
    sizes: dict[bytes, int] = {}
    for piece in pieces:
        name, size, place = piece[:32], int.from_bytes(piece[32:36], "big"), int.from_bytes(piece[36:40], "big")
        packets.setdefault(name, {})[place] = piece[40:]
        sizes[name] = size
    whole = {name: b"".join(rows[place] for place in sorted(rows)) for name, rows in packets.items()}
    is_damaged = any(len(packet) != sizes[name] for name, packet in whole.items())
    return list(whole.values()), "its Extended XMP is damaged" if is_damaged else ""


def _after_jfif(segments: list[Segment]) -> int:
    """Return where fresh segments go: after SOI and the JFIF header, which has to come first."""
    position = 2
    for segment in segments:
        if segment.marker != _APP0:
            break
        position = segment.end
    return position


def _segment_edits(segment: Segment, key_bytes: int, change: Change) -> list[Edit]:
    """Return the edits of a segment's content and of its length."""
    edits = [edit for edit in change if isinstance(edit, Edit)]
    length = segment.end - segment.payload + growth(edits)
    length_at = segment.payload - 2
    return [Edit(length_at, length_at + 2, _length(length)), *shifted(edits, segment.payload + key_bytes)]


def _length(payload_bytes: int) -> bytes:
    if payload_bytes > _MAX_PAYLOAD_BYTES:
        raise FormatError(f"a segment of {payload_bytes:,} bytes is longer than JPEG allows")
    return struct.pack(">H", payload_bytes + 2)


def _table_edits(data: bytes, segments: list[Segment], edits: list[Edit]) -> list[Edit]:
    """Return the edits to the multi-picture table that the other edits call for."""
    found: list[Edit] = []
    tables = [s for s in segments if s.marker == _APP2 and _is_table(data, s)]
    if len(tables) > _MAX_TABLES:
        raise FormatError(f"it has {len(tables)} multi-picture tables")
    for segment in tables:
        base = segment.payload + len(MPF_ID)
        before = growth(edit for edit in edits if edit.start < base)
        found += shifted(mpf_edits(data[base : segment.end], growth(edits), before), base)
    return found


def _is_table(data: bytes, segment: Segment) -> bool:
    at = segment.payload + len(MPF_ID)
    return data.startswith(MPF_ID, segment.payload) and is_readable(data[at : segment.end])


def _others(data: bytes, segments: list[Segment]) -> list[bytes]:
    """Return all segments but the parts and the multi-picture tables, whose sizes may change."""
    own = {s.start for kind in _KINDS.values() for s in _find(segments, data, kind)}
    return [MPF_ID if _is_table(data, s) else data[s.start : s.end] for s in segments if s.start not in own]
