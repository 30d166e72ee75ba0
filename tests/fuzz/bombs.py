"""Small files that ask for hours or gigabytes, each made by a function; `BOMBS` names them all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import metadata_files as files
from PIL import Image

_SHORT, _LONG, _UNDEFINED = 3, 4, 7
_IMAGE_DESCRIPTION, _SUB_IFDS, _COLOUR_MAP, _JPEG_TABLES = 270, 330, 320, 347
_PICTURE_ROWS = [(256, _SHORT, 1, 16), (257, _SHORT, 1, 16), (258, _SHORT, 1, 8), (259, _SHORT, 1, 1)]
_HEIC_START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def _directory(rows: list[tuple[int, int, int, int]], next_at: int = 0) -> bytes:
    packed = b"".join(struct.pack("<HHII", *row) for row in rows)
    return struct.pack("<H", len(rows)) + packed + struct.pack("<I", next_at)


def _tiff(*parts: bytes) -> bytes:
    return b"II*\0\x08\0\0\0" + b"".join(parts)


def _box(kind: bytes, content: bytes, *, version: int | None = None) -> bytes:
    head = b"" if version is None else bytes([version, 0, 0, 0])
    return struct.pack(">I", 8 + len(head) + len(content)) + kind + head + content


def _item_table(items: int) -> bytes:
    """Return an `iloc` whose items have 65,535 empty places each."""
    rows = b"".join(struct.pack(">HHH", number, 0, 0xFFFF) for number in range(items))
    return _box(b"iloc", b"\0\0" + struct.pack(">H", items) + rows, version=0)


def many_item_places() -> bytes:
    return _HEIC_START + _box(b"meta", _box(b"iinf", b"\0\0", version=0) + _item_table(2000), version=0)


def one_item_of_all_bytes() -> bytes:
    """Return a HEIC whose metadata items are each the whole file, again and again."""
    names, places = b"", b""
    for number in range(1, 2001):
        names += _box(b"infe", struct.pack(">HH", number, 0) + b"Exif\0", version=2)
        places += struct.pack(">HHHII", number, 0, 1, 0, 0)
    iinf = _box(b"iinf", struct.pack(">H", 2000) + names, version=0)
    iloc = _box(b"iloc", b"\x44\0" + struct.pack(">H", 2000) + places, version=0)
    return _HEIC_START + _box(b"meta", iinf + iloc, version=0) + _box(b"mdat", bytes(2_000_000))


def a_million_boxes() -> bytes:
    return _HEIC_START + b"\0\0\0\x08free" * 1_000_000


def nested_boxes() -> bytes:
    inner = b""
    for _ in range(20_000):
        inner = struct.pack(">I", 8 + len(inner)) + b"meta" + inner
        if len(inner) > 160_000:
            break
    return _HEIC_START + inner


def blanks_in_a_description() -> bytes:
    text = b"exif" + b" " * 60_000 + b"x"
    return files.jpeg(files.segment(0xE1, b"Exif\0\0" + files.tiff_block([(_IMAGE_DESCRIPTION, 2, len(text), text)])))


def blanks_in_a_comment() -> bytes:
    return files.jpeg(files.segment(0xFE, b"LEAD Technologies " + b" \n" * 32_000 + b"x"))


def blanks_without_an_end_marker() -> bytes:
    packet = files.xmp_packet(padding=" \n" * 32_000)
    return files.jpeg(files.segment(0xE1, files.XMP_ID + packet.replace(b'<?xpacket end="w"?>', b" " * 19)[:65_000]))


def pages_that_share_strips() -> bytes:
    """Return a TIFF of 4,000 pages whose arrays of 50,000 empty strips are the same bytes."""
    strips = 50_000
    array_at, pages_at = 8, 8 + 4 * strips
    size, pages = 2 + 12 * 6 + 4, b""
    for number in range(4000):
        rows = [*_PICTURE_ROWS, (273, _LONG, strips, array_at), (279, _LONG, strips, array_at)]
        pages += _directory(rows, pages_at + (number + 1) * size if number < 3999 else 0)
    return b"II*\0" + struct.pack("<I", pages_at) + bytes(4 * strips) + pages


def pages_that_share_a_layout_tag() -> bytes:
    """Return a TIFF of 4,000 pages that each name the same 4 MB as their JPEG tables."""
    tables_bytes = 4_000_000
    pages_at, size, pages = 8 + tables_bytes, 2 + 12 * 7 + 4, b""
    for number in range(4000):
        rows = [*_PICTURE_ROWS, (273, _LONG, 1, 8), (279, _LONG, 1, 256), (_JPEG_TABLES, _UNDEFINED, tables_bytes, 8)]
        pages += _directory(rows, pages_at + (number + 1) * size if number < 3999 else 0)
    return b"II*\0" + struct.pack("<I", pages_at) + bytes(tables_bytes) + pages


def strips_that_are_the_same_bytes() -> bytes:
    strips, strip_bytes = 200_000, 8_000_000
    data_at = 8 + 2 + 12 * 6 + 4
    offsets_at, lengths_at = data_at + strip_bytes, data_at + strip_bytes + 4 * strips
    rows = [*_PICTURE_ROWS, (273, _LONG, strips, offsets_at), (279, _LONG, strips, lengths_at)]
    arrays = struct.pack("<I", data_at) * strips + struct.pack("<I", strip_bytes) * strips
    return _tiff(_directory(rows), bytes(strip_bytes), arrays)


def _xmp_png(packet: bytes) -> bytes:
    return files.png_with(files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def small_elements() -> bytes:
    return _xmp_png(files.xmp_packet("<my:list>" + "a<my:b/>" * 500_000 + "</my:list>"))


def pieces_of_text() -> bytes:
    return _xmp_png(files.xmp_packet(files.description_property("a&#10;" * 700_000)))


def namespaces_and_children() -> bytes:
    declared = "".join(f' xmlns:n{number}="u{number}"' for number in range(8000))
    return _xmp_png(files.xmp_packet("<my:a/>" * 16_000, declared))


def _exif_png(block: bytes) -> bytes:
    return files.png_with(files.chunk(b"eXIf", block))


def a_chain_of_directories() -> bytes:
    count, size = 190_000, 2 + 12 + 4
    chain = (_directory([(_SUB_IFDS, _LONG, 1, 8 + size * (number + 1))]) for number in range(count))
    return _exif_png(_tiff(*chain, _directory([])))


def entries_that_share_a_value() -> bytes:
    value_bytes, entries = 2_000_000, 60_000
    at = 8 + 2 + 12 * entries + 4
    rows = [(1000 + number % 60_000, _UNDEFINED, value_bytes, at) for number in range(entries)]
    return _exif_png(_tiff(_directory(rows), bytes(value_bytes)))


def descriptions_that_share_a_value() -> bytes:
    value_bytes, entries = 2_000_000, 60_000
    at = 8 + 2 + 12 * entries + 4
    rows = [(_IMAGE_DESCRIPTION, 2, value_bytes, at)] * entries
    return _exif_png(_tiff(_directory(rows), b"a" * value_bytes))


def directories_without_end() -> bytes:
    count = 2_000_000
    at = 8 + 2 + 12 + 4
    targets = struct.pack(f"<{count}I", *range(at, at + 4 * count, 4))
    return _exif_png(_tiff(_directory([(_SUB_IFDS, _LONG, count, at)]), targets))


def chunks_of_text() -> bytes:
    """Return a PNG of 40 compressed comments that are 30 MB each when they are unpacked."""
    packed = zlib.compress(b"a" * 30_000_000, 9)
    return files.png_with(*[files.chunk(b"zTXt", b"Comment\0\0" + packed)] * 40)


def profiles_of_text() -> bytes:
    """Return a PNG of 40 compressed raw profiles of XMP that are 30 MB each when they are unpacked."""
    digits = b"\nxmp\n 15000000\n" + b"20" * 14_999_999 + b"3c"
    packed = zlib.compress(digits, 9)
    return files.png_with(*[files.chunk(b"zTXt", b"Raw profile type xmp\0\0" + packed)] * 40)


def colour_profile_of_zeros() -> bytes:
    packed = zlib.compress(bytes(400_000_000), 9)
    return files.png_with(files.chunk(b"iCCP", b"icc\0\0" + packed))


def webp_of_one_colour() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16383, 15000), "navy").save(buffer, "WEBP", lossless=True, quality=0, method=0)
    return buffer.getvalue()


def png_of_one_colour() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16000, 16000)).save(buffer, "PNG")
    return buffer.getvalue().replace(b"IHDR", b"IHDR", 1)


def progressive_scans() -> bytes:
    """Return a JPEG of 12,000 by 12,000 pixels that claims to be refined thousands of times."""
    buffer = io.BytesIO()
    Image.new("L", (12_000, 12_000)).save(buffer, "JPEG", progressive=True, quality=1)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    end = data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * 3000 + data[end:]


def gif_of_many_frames() -> bytes:
    buffer = io.BytesIO()
    Image.new("P", (16, 16)).save(buffer, "GIF")
    data = buffer.getvalue()
    frame = data[data.index(b"\x2c\0\0\0\0") : -1]
    return data[:-1] + frame * 200_000 + b";"


def iptc_of_many_captions() -> bytes:
    datasets = files.iim(*[(2, 120, b"a" * 20)] * 600_000)
    blocks = [files.resource(0x0404, datasets[at : at + 60_000]) for at in range(0, len(datasets), 60_000)]
    return files.jpeg(*(files.segment(0xED, b"Photoshop 3.0\0" + block) for block in blocks))


def many_segments() -> bytes:
    return files.jpeg(*[files.segment(0xFE, b"a comment")] * 500_000)


def extended_xmp_of_many_packets() -> bytes:
    pieces = (
        files.segment(0xE1, files.EXTENDED_ID + f"{number:032d}".encode() + struct.pack(">II", 8, 0) + b"<x></x> ")
        for number in range(19_000)
    )
    return files.jpeg(*pieces)


BOMBS: dict[str, Callable[[], bytes]] = {
    "a-million-boxes.heic": a_million_boxes,
    "item-places.heic": many_item_places,
    "items-of-all-bytes.heic": one_item_of_all_bytes,
    "nested-boxes.heic": nested_boxes,
    "blanks-in-a-description.jpg": blanks_in_a_description,
    "blanks-in-a-comment.jpg": blanks_in_a_comment,
    "blanks-without-an-end.jpg": blanks_without_an_end_marker,
    "segments.jpg": many_segments,
    "extended-xmp.jpg": extended_xmp_of_many_packets,
    "iptc-captions.jpg": iptc_of_many_captions,
    "progressive-scans.jpg": progressive_scans,
    "shared-strips.tif": pages_that_share_strips,
    "shared-layout.tif": pages_that_share_a_layout_tag,
    "repeated-strips.tif": strips_that_are_the_same_bytes,
    "small-elements.png": small_elements,
    "pieces-of-text.png": pieces_of_text,
    "namespaces.png": namespaces_and_children,
    "directory-chain.png": a_chain_of_directories,
    "shared-values.png": entries_that_share_a_value,
    "shared-descriptions.png": descriptions_that_share_a_value,
    "directories.png": directories_without_end,
    "text-chunks.png": chunks_of_text,
    "text-profiles.png": profiles_of_text,
    "colour-profile.png": colour_profile_of_zeros,
    "one-colour.png": png_of_one_colour,
    "one-colour.webp": webp_of_one_colour,
    "frames.gif": gif_of_many_frames,
}
