"""Photos in which a person's words stand in every place where programs put them, made byte by byte."""

from __future__ import annotations

import io
import struct
import zlib

import metadata_files as files
from metadata_files import description_property, exif_segment, jpeg, segment, tiff_block, xmp_packet, xmp_segment
from PIL import Image

WORDS = "Aunt Mary at the lake"
ASCII, LONG, BYTE, UNDEFINED = 2, 4, 1, 7


def exif_with(*entries: tuple[int, int, int, bytes], inner: tuple[tuple[int, int, int, bytes], ...] = ()) -> bytes:
    """Return a TIFF block; `inner` are the entries of its Exif directory."""
    if not inner:
        return tiff_block(list(entries))
    plain = tiff_block([*entries, (0x8769, LONG, 1, struct.pack("<I", 0))])
    at = len(plain)
    block = tiff_block([*entries, (0x8769, LONG, 1, struct.pack("<I", at))])
    directory, values = struct.pack("<H", len(inner)), b""
    for tag, kind, count, value in inner:
        directory += struct.pack("<HHII", tag, kind, count, at + 2 + 12 * len(inner) + 4 + len(values))
        values += value + b"\0" * (len(value) & 1)
    return block + directory + b"\0\0\0\0" + values


def text_entry(tag: int, text: str) -> tuple[int, int, int, bytes]:
    raw = text.encode() + b"\0"
    return tag, ASCII, len(raw), raw


def wide_entry(tag: int, text: str) -> tuple[int, int, int, bytes]:
    raw = text.encode("utf-16-le") + b"\0\0"
    return tag, BYTE, len(raw), raw


def exif_jpeg(*entries: tuple[int, int, int, bytes], inner: tuple[tuple[int, int, int, bytes], ...] = ()) -> bytes:
    return jpeg(segment(0xE1, b"Exif\0\0" + exif_with(*entries, inner=inner)))


def user_comment(text: str, charset: bytes = b"ASCII\0\0\0") -> tuple[int, int, int, bytes]:
    raw = charset + (text.encode("utf-16-le") if charset.startswith(b"UNICODE") else text.encode())
    return 0x9286, UNDEFINED, len(raw), raw


def xmp_jpeg(properties: str = "", attributes: str = "") -> bytes:
    return jpeg(xmp_segment(properties=properties, attributes=attributes))


def languages(*texts: tuple[str, str]) -> str:
    items = "".join(f'<rdf:li xml:lang="{language}">{text}</rdf:li>' for language, text in texts)
    return f"<dc:description><rdf:Alt>{items}</rdf:Alt></dc:description>"


def extended_xmp(properties: str, pieces: int = 2) -> bytes:
    """Return segments of Extended XMP, cut into pieces."""
    packet = xmp_packet(properties=properties)
    step = -(-len(packet) // pieces)
    return b"".join(
        segment(0xE1, files.EXTENDED_ID + b"A" * 32 + struct.pack(">II", len(packet), at) + packet[at : at + step])
        for at in range(0, len(packet), step)
    )


def raw_profile(kind: str, profile: bytes, *, packed: bool = True) -> bytes:
    """Return a PNG text chunk as ImageMagick writes it."""
    text = f"\n{kind}\n{len(profile):8}\n".encode() + b"\n".join(
        profile.hex().encode()[at : at + 72] for at in range(0, 2 * len(profile), 72)
    )
    keyword = f"Raw profile type {kind}".encode()
    if packed:
        return files.chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text + b"\n"))
    return files.chunk(b"tEXt", keyword + b"\0" + text + b"\n")


def international_text(keyword: str, text: str, *, packed: bool = False) -> bytes:
    raw = text.encode()
    body = zlib.compress(raw) if packed else raw
    return files.chunk(b"iTXt", keyword.encode() + b"\0" + bytes([packed, 0]) + b"\0\0" + body)


def gif(*extensions: bytes) -> bytes:
    """Return a GIF with extensions before its picture."""
    buffer = io.BytesIO()
    files.picture("L").convert("P").save(buffer, "GIF")
    data = b"GIF89a" + buffer.getvalue()[6:]
    at = 13 + (3 << ((data[10] & 7) + 1))
    return data[:at] + b"".join(extensions) + data[at:]


def gif_xmp(packet: bytes) -> bytes:
    return b"\x21\xff\x0bXMP DataXMP" + packet + b"\x01" + bytes(range(255, -1, -1)) + b"\0"


def gif_comment(text: str) -> bytes:
    return b"\x21\xfe" + bytes([len(text)]) + text.encode() + b"\0"


def jpeg_2000(packet: bytes) -> bytes:
    """Return a JPEG 2000 file with an XMP box behind its header."""
    buffer = io.BytesIO()
    files.picture().save(buffer, "JPEG2000")
    identity = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    box = struct.pack(">I", 24 + len(packet)) + b"uuid" + identity + packet
    return buffer.getvalue() + box


def raf(inner: bytes) -> bytes:
    """Return the beginning of a Fujifilm raw file with this JPEG inside."""
    head = b"FUJIFILMCCD-RAW 0201FF389501" + bytes(56)
    return head[:84] + struct.pack(">II", 148, len(inner)) + bytes(148 - 92) + inner


def rw2(inner: bytes) -> bytes:
    """Return a Panasonic raw file with this JPEG inside."""
    block = tiff_block([text_entry(271, "Panasonic"), (0x2E, UNDEFINED, len(inner), inner)])
    return b"IIU\0" + block[4:]


def tiff_file(*entries: tuple[int, int, int, bytes]) -> bytes:
    """Return a grey TIFF picture of one strip that has these entries too."""
    rows = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    pixels = bytes(range(64))
    own = [(tag, LONG, 1, struct.pack("<I", value)) for tag, value in rows.items()]
    block = tiff_block(sorted([*own, *entries]))
    shifted = _shifted(block, len(pixels))
    return shifted[:8] + pixels + shifted[8:]


def _shifted(block: bytes, by: int) -> bytes:
    """Return a block whose directory and values will stand `by` bytes further on."""
    (count,) = struct.unpack_from("<H", block, 8)
    data = bytearray(block)
    struct.pack_into("<I", data, 4, 8 + by)
    sizes = {ASCII: 1, BYTE: 1, UNDEFINED: 1, LONG: 4, 3: 2}
    for i in range(count):
        at = 10 + 12 * i
        _, kind, number, value = struct.unpack_from("<HHII", data, at)
        if sizes[kind] * number > 4:
            struct.pack_into("<I", data, at + 8, value + by)
    return bytes(data)


def decodes(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return True


SHORT = ("1952", "12.05.1999", "Inv. 4711", "Camera", "Untitled", "Nor", "?", "é", "犬", "Default")

WORDY: dict[str, bytes] = {
    **{f"exif {text}.jpg": jpeg(exif_segment(description=text.encode())) for text in SHORT},
    **{f"xmp {text}.jpg": xmp_jpeg(description_property(text)) for text in SHORT},
    **{f"iptc {text}.jpg": jpeg(files.iptc_segment((2, 120, text.encode()))) for text in SHORT},
    "xmp camera string.jpg": xmp_jpeg(description_property("SONY DSC")),
    "iptc camera string.jpg": jpeg(files.iptc_segment((2, 120, b"SONY DSC"))),
    "xmp twice.jpg": xmp_jpeg(description_property(" ") + description_property(WORDS)),
    "xmp attribute and element.jpg": xmp_jpeg(description_property(WORDS), ' dc:description=""'),
    "xmp camera string first.jpg": jpeg(
        exif_segment(description=b"SONY DSC"),
        xmp_segment(properties=description_property("SONY DSC") + description_property(WORDS)),
    ),
    "xmp german.jpg": xmp_jpeg(languages(("x-default", ""), ("de-DE", WORDS))),
    "xmp camera string and german.jpg": jpeg(
        exif_segment(description=b"SONY DSC"),
        xmp_segment(properties=languages(("x-default", "SONY DSC"), ("de-DE", WORDS))),
    ),
    "xmp extended.jpg": jpeg(xmp_segment(), extended_xmp(description_property(WORDS))),
    "xmp utf-16.jpg": jpeg(
        segment(0xE1, files.XMP_ID + xmp_packet(description_property(WORDS)).decode().encode("utf-16"))
    ),
    "xmp second packet.jpg": jpeg(xmp_segment(), xmp_segment(properties=description_property(WORDS))),
    "xmp tiff.jpg": xmp_jpeg(
        f"<tiff:ImageDescription><rdf:Alt><rdf:li>{WORDS}</rdf:li></rdf:Alt></tiff:ImageDescription>",
        ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/"',
    ),
    "xmp user comment.jpg": xmp_jpeg("", f' xmlns:e="http://ns.adobe.com/exif/1.0/" e:UserComment="{WORDS}"'),
    "xmp acdsee.jpg": xmp_jpeg(f"<a:notes>{WORDS}</a:notes>", ' xmlns:a="http://ns.acdsee.com/iptc/1.0/"'),
    "xmp extended description.jpg": xmp_jpeg(
        f"<c:ExtDescrAccessibility>{WORDS}</c:ExtDescrAccessibility>",
        ' xmlns:c="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"',
    ),
    "xmp typed node.jpg": xmp_jpeg(
        '</rdf:Description><my:Photo xmlns:my="http://my.example/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{description_property(WORDS)}</my:Photo><rdf:Description>"
    ),
    "xmp log comment.jpg": xmp_jpeg(
        f"<d:logComment>{WORDS}</d:logComment>", ' xmlns:d="http://ns.adobe.com/xmp/1.0/DynamicMedia/"'
    ),
    "xmp of photoshop elements.jpg": xmp_jpeg(
        f"<a:Notes>{WORDS}</a:Notes>", ' xmlns:a="http://ns.adobe.com/album/1.0/"'
    ),
    "xmp of an unknown program.jpg": xmp_jpeg(
        f"<a:Caption><rdf:Alt><rdf:li>{WORDS}</rdf:li></rdf:Alt></a:Caption>", ' xmlns:a="http://nobody.example/"'
    ),
    "xmp under another name.jpg": jpeg(segment(0xE1, files.XMP_ID[:-1] + xmp_packet(description_property(WORDS)))),
    "iptc bare.jpg": jpeg(segment(0xED, files.iim((2, 120, WORDS.encode())))),
    "iptc without photoshop's name.jpg": jpeg(
        segment(0xED, files.resource(0x0404, files.iim((2, 120, WORDS.encode()))))
    ),
    "comment of photoshop's save for web.jpg": jpeg(
        segment(
            0xEC,
            b"Ducky"
            + struct.pack(">HHIHHI", 1, 4, 60, 2, 4 + 2 * len(WORDS), len(WORDS))
            + WORDS.encode("utf-16-be")
            + bytes(2),
        )
    ),
    "comment of photostudio.jpg": jpeg(segment(0xEA, b"UNICODE\0" + WORDS.encode("utf-16-be"))),
    "iptc of photoshop 2.5.jpg": jpeg(
        segment(0xED, b"Adobe_Photoshop2.5:" + files.resource(0x0404, files.iim((2, 120, WORDS.encode()))))
    ),
    "exif description in the wrong directory.jpg": exif_jpeg(inner=(text_entry(270, WORDS),)),
    "user comment in the wrong directory.jpg": exif_jpeg(user_comment(WORDS)),
    "xp comment in the wrong directory.jpg": exif_jpeg(inner=(wide_entry(0x9C9C, WORDS),)),
    "iptc twice.jpg": jpeg(files.iptc_segment((2, 120, b" "), (2, 120, WORDS.encode()))),
    "iptc two resources.jpg": jpeg(
        files.iptc_segment((2, 5, b"t"), extra=files.resource(0x0404, files.iim((2, 120, WORDS.encode()))))
    ),
    "user comment.jpg": exif_jpeg(inner=(user_comment(WORDS),)),
    "user comment wide.jpg": exif_jpeg(inner=(user_comment(WORDS, b"UNICODE\0"),)),
    "user comment undefined.jpg": exif_jpeg(inner=(user_comment(WORDS, bytes(8)),)),
    "xp comment.jpg": exif_jpeg(wide_entry(0x9C9C, WORDS)),
    "xp title.jpg": exif_jpeg(wide_entry(0x9C9B, WORDS)),
    "comment.jpg": jpeg(segment(0xFE, WORDS.encode())),
    "comment behind a program's.jpg": jpeg(segment(0xFE, b"Created with GIMP"), segment(0xFE, WORDS.encode())),
    "text.png": files.png_with(files.chunk(b"tEXt", b"Description\0" + WORDS.encode())),
    "packed text.png": files.png_with(files.chunk(b"zTXt", b"Description\0\0" + zlib.compress(WORDS.encode()))),
    "international text.png": files.png_with(international_text("Description", WORDS)),
    "packed international text.png": files.png_with(international_text("Comment", WORDS, packed=True)),
    "profile exif.png": files.png_with(raw_profile("exif", b"Exif\0\0" + exif_with(text_entry(270, WORDS)))),
    "profile app1.png": files.png_with(raw_profile("APP1", b"Exif\0\0" + exif_with(text_entry(270, WORDS)))),
    "profile xmp.png": files.png_with(raw_profile("xmp", xmp_packet(description_property(WORDS)), packed=False)),
    "xmp in a plain chunk.png": files.png_with(
        files.chunk(b"tEXt", b"XML:com.adobe.xmp\0" + xmp_packet(description_property(WORDS)))
    ),
    "xmp in a packed chunk.png": files.png_with(
        files.chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(xmp_packet(description_property(WORDS))))
    ),
    "profile app13.png": files.png_with(
        raw_profile("APP13", b"Photoshop 3.0\0" + files.resource(0x0404, files.iim((2, 120, WORDS.encode()))))
    ),
    "profile iptc.png": files.png_with(
        raw_profile("iptc", files.resource(0x0404, files.iim((2, 120, WORDS.encode()))))
    ),
    "xmp.gif": gif(gif_xmp(xmp_packet(description_property(WORDS)))),
    "comment.gif": gif(gif_comment(WORDS)),
    "xmp.jp2": jpeg_2000(xmp_packet(description_property(WORDS))),
    "exif.raf": raf(jpeg(exif_segment(description=WORDS.encode()))),
    "exif.rw2": rw2(jpeg(exif_segment(description=WORDS.encode()))),
    "exif.tif": tiff_file(text_entry(270, WORDS)),
}
