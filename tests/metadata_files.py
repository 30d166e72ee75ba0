"""Photo files built byte by byte, for what no sample has; and what the metadata tests have in common."""

from __future__ import annotations

import io
import struct
import zlib

import piexif
from PIL import Image

from photocap.metadata import Signature, WritePolicy, prepare_write

MARKING = Signature("base", "1.0", 0.5, "2026-01-01T00:00:00Z")
DEFAULT = WritePolicy()
XMP_ID = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_ID = b"http://ns.adobe.com/xmp/extension/\0"


def write(path, text, policy=DEFAULT, marking=MARKING):
    """Write a caption and return what was prepared."""
    prepared = prepare_write(path, text, marking=marking, policy=policy)
    prepared.commit()
    return prepared


def picture(mode="RGB", size=(24, 16)):
    """Return a small picture with some structure."""
    gradient = Image.linear_gradient("L").resize(size)
    if mode == "I;16":
        return gradient.convert("I").point(lambda grey: grey * 257).convert(mode)
    bands = [gradient.rotate(90 * i).resize(size) for i in range(len(mode) if mode != "L" else 1)]
    return gradient if mode == "L" else Image.merge(mode, bands)


def encoded(kind="JPEG", mode="RGB", **options):
    """Return a picture as file bytes."""
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def segment(marker, payload):
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def bare_jpeg(**options):
    """Return a JPEG without any APP segment."""
    data = encoded(**options)
    has_jfif = data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :] if has_jfif else data


def jpeg(*segments, trailer=b"", **options):
    """Return a JPEG with these segments first, in this order, and with bytes after its end."""
    plain = bare_jpeg(**options)
    return plain[:2] + b"".join(segments) + plain[2:] + trailer


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def tiff_block(entries, order="<", padding=b"", next_=0):
    """Return a TIFF block with one directory; entries are (tag, type, count, value bytes), long values follow it."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    at = 8 + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(order + "H", len(entries)), b""
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count)
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", at + len(values))
            values += value + b"\0" * (len(value) & 1)
    return head + directory + struct.pack(order + "I", next_) + values + padding


def exif_block(order="<", description=None, maker_note=b"maker" * 40, padding=b""):
    """Return an EXIF block with make, model, a maker note in an Exif directory, and a description if asked for."""
    zeroth = {piexif.ImageIFD.Make: b"Maker", piexif.ImageIFD.Model: b"Model 1", piexif.ImageIFD.Orientation: 1}
    if description is not None:
        zeroth[piexif.ImageIFD.ImageDescription] = description
    block = piexif.dump({"0th": zeroth, "Exif": {piexif.ExifIFD.MakerNote: maker_note}})[6:]
    assert block[:2] == b"MM"
    if order == "<":
        block = tiff_block(
            [(271, 2, 6, b"Maker\0"), (272, 2, 8, b"Model 1\0"), (37500, 7, len(maker_note), maker_note)]
        )
        if description is not None:
            text = description + b"\0"
            block = tiff_block([(270, 2, len(text), text), (271, 2, 6, b"Maker\0"), (37500, 7, 9, b"makernote")])
    return block + padding


def exif_segment(**options):
    return segment(0xE1, b"Exif\0\0" + exif_block(**options))


def xmp_packet(properties="", attributes="", padding=""):
    """Return an XMP packet with these properties inside its only description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Someone\'s toolkit">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:my="http://my.example/"{attributes}>'
        f"<xmp:CreatorTool>Tool &amp; Co</xmp:CreatorTool>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
        f'{padding}<?xpacket end="w"?>'
    ).encode()


def xmp_segment(**options):
    return segment(0xE1, XMP_ID + xmp_packet(**options))


def description_property(text, language="x-default"):
    return f'<dc:description><rdf:Alt><rdf:li xml:lang="{language}">{text}</rdf:li></rdf:Alt></dc:description>'


def iim(*datasets):
    """Return IPTC datasets, each (record, number, value)."""
    return b"".join(struct.pack(">BBBH", 0x1C, r, n, len(value)) + value for r, n, value in datasets)


def resource(number, content, name=b""):
    """Return one Photoshop image resource."""
    pascal = bytes([len(name)]) + name
    pascal += b"\0" * (len(pascal) & 1)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + pascal
        + struct.pack(">I", len(content))
        + content
        + (b"\0" * (len(content) & 1))
    )


def iptc_segment(*datasets, extra=b""):
    return segment(0xED, b"Photoshop 3.0\0" + resource(0x0404, iim(*datasets)) + extra)


def icc_segment(size=300):
    return segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(i % 251 for i in range(size)))


def mpf_file(*before, after=(), order="<"):
    """Return a multi-picture JPEG: main picture, MPF table, a second JPEG behind; and where the table's base is."""
    second = jpeg(JFIF, quality=20)
    entries = b"to be replaced.." * 2
    table = tiff_block(
        [(0xB000, 7, 4, b"0100"), (0xB001, 4, 1, struct.pack(order + "I", 2)), (0xB002, 7, 32, entries)], order
    )
    first = jpeg(*before, segment(0xE2, b"MPF\0" + table), *after)
    base = first.index(b"MPF\0") + 4
    at = first.index(entries, base)
    rows = struct.pack(order + "IIIHH", 0x030000, len(first), 0, 0, 0)
    rows += struct.pack(order + "IIIHH", 0, len(second), len(first) - base, 0, 0)
    return first[:at] + rows + first[at + 32 :] + second


def mpf_pictures(data, order="<"):
    """Return the pictures that the MPF table of a file leads to."""
    base = data.index(b"MPF\0") + 4
    found = []
    for i in range(2):
        at = data.index(struct.pack(order + "HHI", 0xB002, 7, 32), base)
        entries_at = base + struct.unpack_from(order + "I", data, at + 8)[0]
        size, offset = struct.unpack_from(order + "II", data, entries_at + 16 * i + 4)
        start = base + offset if offset else 0
        found.append(data[start : start + size])
    return found


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(*chunks, data=None):
    """Return a PNG with chunks put right after its header."""
    data = data or encoded("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def webp_chunk(kind, content):
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def webp_of_two_pictures():
    """Return a WebP with its picture twice, as no encoder writes it."""
    chunks = encoded("WEBP", lossless=True)[12:]
    return b"RIFF" + (4 + 2 * len(chunks)).to_bytes(4, "little") + b"WEBP" + 2 * chunks


def signed_webp():
    plain = encoded("WEBP")
    data = plain + webp_chunk(b"C2PA", b"jumbf!")
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def big_tiff(order="<"):
    """Return a BigTIFF of 2 by 2 grey pixels with two pages."""
    pixels = bytes([0, 80, 160, 255])
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)

    def page(at, next_):
        rows = [(256, 3, 2), (257, 3, 2), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
        rows += [(273, 16, at - 4), (277, 3, 1), (278, 3, 2), (279, 16, 4)]
        body = struct.pack(order + "Q", len(rows))
        for tag, kind, value in rows:
            body += struct.pack(order + "HHQ", tag, kind, 1)
            body += (struct.pack(order + ("H" if kind == 3 else "Q"), value)).ljust(8, b"\0")
        return body + struct.pack(order + "Q", next_)

    size = 8 + 9 * 20 + 8
    first_at, second_at = 24, 24 + size + 8
    head = head[:8] + struct.pack(order + "Q", first_at)
    return head + b"\0\0\0\0" + pixels + page(first_at, second_at) + b"\0\0\0\0" + pixels + page(second_at, 0)
