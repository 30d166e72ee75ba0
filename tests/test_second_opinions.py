"""The checks before a write notice every change, also where they look at the same bytes only once."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from photocap.formats.jpeg import Jpeg
from photocap.formats.splice import Edit, Rewrite, splice
from photocap.metadata.second_reader import lost_tags

BYTES = st.binary(max_size=12).map(lambda raw: bytes(byte & 1 for byte in raw))
PLACES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=5)


@given(BYTES, BYTES, BYTES, PLACES)
def test_ends_are_compared_as_if_for_the_first_time(old, new, end, places):
    rewrite = Rewrite(old + end, new + end)
    for old_at, new_at in places:
        if old_at <= len(rewrite.old) and new_at <= len(rewrite.new):
            assert rewrite.same_from(old_at, new_at) == (rewrite.old[old_at:] == rewrite.new[new_at:])


@given(BYTES, BYTES, st.integers(0, 12), st.integers(0, 3), st.binary(max_size=2), PLACES)
def test_an_undo_that_gives_something_else_is_noticed(old, new, at, length, put_in, places):
    rewrite = Rewrite(old, new)
    for old_at, new_at in places:
        rewrite.same_from(min(old_at, len(old)), min(new_at, len(new)))
    back = [Edit(min(at, len(new)), min(at + length, len(new)), put_in)]
    assert rewrite.is_undone_by(back) == (splice(new, back) == old)


def photo(*, lens: str = "a lens", latitude: float = 52.0, padding: bytes = b"") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "A maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = lens
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (latitude, 31.0, 12.0)
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", exif=exif.tobytes() + padding)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (photo(), photo(), []),
        (photo(), photo(padding=b"\0a dog"), []),
        (photo(), photo(lens="b lens"), ["0xa434"]),
        (photo(padding=b"\0a dog"), photo(latitude=53.0), ["0x0002"]),
        (photo(), photo().replace(b"A maker", b"B maker"), ["0x010f"]),
        (photo(), photo().replace(b"a lens", b"b lens"), ["0xa434"]),
        (photo(), b"no photo", ["0x010f", "0xa434", "0x0002"]),
    ],
    ids=["same", "longer", "lens", "place", "maker", "lens in place", "no photo"],
)
def test_pillow_misses_what_it_read_before(old, new, lost):
    assert lost_tags(old, new, Jpeg.decoders) == lost
