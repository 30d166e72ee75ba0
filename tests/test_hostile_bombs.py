"""Small files that ask for hours or gigabytes cost about a second and a little memory, at every stage."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import metadata_files as files
import pytest
from fuzz.bombs import BOMBS
from systems import peak_bytes, posix_only

from photocap.errors import FileProblem
from photocap.formats.base import FormatError
from photocap.formats.jpeg_scans import check_work
from photocap.metadata import Signature, WritePolicy, prepare_write, read_metadata
from photocap.metadata.iptc import IptcError, captions_in_resources, texts_in
from photocap.photos import load_image, picture_hash, read_facts

_MAX_CPU_S = 2.0  # about one on a slow processor
_MAX_MORE_BYTES = 300 << 20
SIGNATURE = Signature("base", "1.0", 0.5, "2026-01-01T00:00:00Z")


def write(path: Path) -> None:
    prepare_write(path, "a dog on a beach", marking=SIGNATURE, policy=WritePolicy()).commit()


STAGES = {
    "hash": picture_hash,
    "facts": read_facts,
    "metadata": read_metadata,
    "decode": lambda path: load_image(path, 224),
    "write": write,
}


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_at_every_stage(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    before = peak_bytes()
    for stage, run in STAGES.items():
        begin = time.process_time()
        try:
            run(path)  # type: ignore[operator]
        except FileProblem as problem:
            assert "unexpected" not in problem.reason, stage  # noqa: PT017 - only where it is one
        assert time.process_time() - begin < _MAX_CPU_S, stage
        assert peak_bytes() - before < _MAX_MORE_BYTES, stage


def scans(data, count):
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * count + data[end:]


def enlarged(data, width, height):
    """Let a JPEG's header claim another size."""
    frame = max(data.find(b"\xff\xc2"), data.find(b"\xff\xc0"))
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def test_jpegs_that_are_drawn_over_and_over_are_refused():
    plain, progressive = files.encoded("JPEG"), files.encoded("JPEG", progressive=True)
    for harmless in (
        plain,
        progressive,
        enlarged(progressive, 16_000, 12_000),
        scans(progressive, 100),
        b"",
        b"GIF89a",
    ):
        check_work(io.BytesIO(harmless))
    check_work(io.BytesIO(enlarged(scans(plain, 1000), 16_000, 12_000)))  # its first scan is the whole picture
    with pytest.raises(FormatError, match="192 megapixels"):
        check_work(io.BytesIO(enlarged(scans(progressive, 100), 16_000, 12_000)))
    with pytest.raises(FormatError, match="segments"):
        check_work(io.BytesIO(files.jpeg(*[files.segment(0xFE, b"")] * 20_001)))


@pytest.mark.parametrize("file", [b"\xff\xd8\xff", b"\xff\xd8\xff\xc2\0\x04", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xff"])
def test_cut_jpegs_are_for_the_decoder_to_judge(file):
    check_work(io.BytesIO(file))


def test_the_encoding_of_iptc_is_asked_once():
    iim = files.iim(*[(2, 120, b"\xe9" * 20)] * 9000)
    begin = time.process_time()
    assert len(texts_in(iim, (2, 120))) == 9000
    assert time.process_time() - begin < 1


def test_iptc_again_and_again_is_refused():
    with pytest.raises(IptcError, match="20 times"):
        captions_in_resources(files.resource(0x0404, files.iim((2, 120, b"a"))) * 20)
