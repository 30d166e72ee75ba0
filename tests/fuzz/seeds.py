"""What fuzzing starts from: the files in `tests/data`, those that the tests build byte by byte, and parts of them."""

from __future__ import annotations

import json
from pathlib import Path

import metadata_files as files
import test_metadata_formats
import test_metadata_heif

from photocap.metadata.plan import plan_sidecar
from photocap.metadata.policy import WriteOrder

DATA = Path(__file__).parent.parent / "data"
_MAX_SEED_BYTES = 200_000
_EXIF = files.exif_block(description=b"a dog", padding=b"\0" * 20)
_LOOP = files.tiff_block([(270, 2, 6, b"a dog\0"), (34665, 4, 1, b"\x08\0\0\0")])
_PACKET = files.xmp_packet(files.description_property("a dog"))
_IIM = files.iim((1, 90, b"\x1b%G"), (2, 5, b"Title"), (2, 25, b"word"), (2, 120, b"a dog"))
_SIDECAR = plan_sidecar(None, WriteOrder(text="a dog", signature=files.MARKING)).data
_TAKEOUT = {"description": "a dog", "people": [{"name": "Ann"}], "photoTakenTime": {"timestamp": "1500000000"}}
_COCO = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": "a dog"}]}
_KARPATHY = {"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a dog"}, {"tokens": ["a"]}]}]}


def photos() -> dict[str, bytes]:
    """Return small photos of every format by name; the ends of the names count."""
    found = {**test_metadata_formats.CASES, **test_metadata_heif.CASES}
    for kind, name in (("GIF", "a.gif"), ("BMP", "a.bmp"), ("JPEG2000", "a.jp2"), ("MPO", "a.mpo")):
        found[name] = files.encoded(kind)
    found["comment.gif"] = files.encoded("GIF", comment=b"a dog")
    found["profiles.png"] = files.png_with(
        files.chunk(
            b"tEXt", b"Raw profile type exif\0\nexif\n " + str(len(_EXIF)).encode() + b"\n" + _EXIF.hex().encode()
        ),
        files.chunk(b"zTXt", b"Comment\0\0" + b"x\x9cK\xcc\x03\0\0\xc4\0\x85"),
    )
    pictures = (
        path for path in sorted(DATA.glob("**/*")) if path.suffix not in (".gz", ".xmp", ".csv", ".json", ".py")
    )
    found |= {
        f"{path.parent.name}-{path.name}": path.read_bytes()
        for path in pictures
        if path.is_file() and path.stat().st_size <= _MAX_SEED_BYTES
    }
    return found


def others() -> dict[str, list[bytes]]:
    """Return what is read besides photos, by the name of its target."""
    return {
        "sidecar": [
            _SIDECAR,
            files.xmp_packet(files.description_property("a dog")),
            files.xmp_packet().decode().encode("utf-16"),
        ],
        "exif": [
            _EXIF,
            files.exif_block(order=">"),
            files.tiff_block([(270, 2, 6, b"a dog\0"), (34665, 4, 1, b"\x08\0\0\0")]),
        ],
        "iptc": [_IIM, files.resource(0x0404, _IIM) + files.resource(0x0425, b"0" * 16)],
        "takeout": [
            json.dumps(_TAKEOUT).encode(),
            b'"a.jpg" a dog\nb.jpg a cat\n[a.jpg]\ncaption=a dog\n',
            b"<comment><note>a dog</note></comment>",
        ],
        "captions": [
            b'image,caption,split\na.jpg,a dog,train\n\'b.jpg,"a, cat",dev\n',
            b"a.jpg#0\ta dog\na.jpg#1\ta cat\n",
            json.dumps(_COCO).encode(),
            json.dumps(_KARPATHY).encode(),
        ],
        "ignore": [b"*.png\n!keep.png\n/private/**/x?[ab]*\n# remark\ncache/\n"],
        "query": [
            b'dog OR "a cat" -beach camera:sony taken:2019..2020 near:"Rome" iso>400 (a or b) photo:*.jpg label:dog'
        ],
        "patch": [b"\1\0\0\0" + b"\5" + bytes(7) + b"\3" + bytes(7) + b"\2" + bytes(7) + b"ab"],
    }
