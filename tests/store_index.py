"""Store an index of today's schema for `test_old_indexes`, whenever a migration was added: python tests/store_index.py.

An index that is stored once is never made again: that it was made by the code of its day is what it is for.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from fakes import FakeCaptioner

from photocap.index import PhotoIndex
from photocap.index.schema import CURRENT_VERSION
from photocap.library.edit import correct
from photocap.library.indexing import IndexOptions, index_photos
from photocap.metadata import WritePolicy
from photocap.records import Verdict

DATA = Path(__file__).parent / "data"
INDEXES = DATA / "indexes"
PICTURES = DATA / "pictures"
ROOT = Path("/tmp/old/library")  # as the stored indexes name it
ORIGINALS = {"lake.jpg": "jfif-and-exif.jpg", "sub/cat.png": "plain.png", "sub/old.gif": "plain.gif"}
BROKEN = {"broken.webp": "truncated.webp"}


def store() -> Path:
    """Caption four pictures, let a person correct one, and keep photos and index; return their folder.

    Raises:
        FileExistsError: this schema has an index, or a library stands where it would be made.
    """
    folder = INDEXES / f"schema-{CURRENT_VERSION}"
    folder.mkdir()
    (ROOT / "sub").mkdir(parents=True)
    for name, picture in {**ORIGINALS, **BROKEN}.items():
        shutil.copyfile(PICTURES / picture, ROOT / name)
    db = ROOT.parent / "index.db"
    with PhotoIndex.open(db, create=True) as index:
        index_photos([ROOT], index, FakeCaptioner, IndexOptions(workers=1))
        cat = index.photos.get(ROOT / "sub" / "cat.png")
        assert cat is not None
        assert cat.picture_hash is not None
        with index.writing():
            run_id = index.runs.start("edit")
            correct(index, run_id, cat.picture_hash, "My cat Minka", WritePolicy(), verdict=Verdict.EDITED)
            index.runs.finish(run_id, "1 files")
    (folder / "index.db.gz").write_bytes(gzip.compress(db.read_bytes(), mtime=0))
    shutil.copytree(ROOT, folder / "library")
    shutil.rmtree(ROOT.parent)
    return folder


if __name__ == "__main__":
    print(store())  # noqa: T201 - the result
