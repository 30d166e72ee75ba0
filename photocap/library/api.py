"""Functions of the public API that take more than one step of the library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.captioning import registry
from photocap.errors import PhotocapError, ReadError
from photocap.index import PhotoIndex
from photocap.library.edit import CorrectedFile, copies_with_other_words, correct
from photocap.library.file_writes import is_as_indexed
from photocap.library.indexing import IndexOptions
from photocap.library.indexing.pipeline import index_beside_others
from photocap.library.restore import Restored
from photocap.library.restore import restore as restored_files
from photocap.metadata import MetadataMode, WritePolicy
from photocap.records import Caption, CaptionerProtocol, CaptionSource, HashKind, StoredCaption, Verdict

if TYPE_CHECKING:
    from photocap.captioning.text_encoder import TextEncoder

_DEFAULT_POLICY = WritePolicy()
PathLike = str | os.PathLike[str]


def write_caption(
    index: PhotoIndex, photo: PathLike, text: str, *, policy: WritePolicy = _DEFAULT_POLICY
) -> list[CorrectedFile]:
    """Put your own words on a photo, as `photocap edit` does; no model replaces them.

    They go into the photo, into every copy of it that the index knows, and into the index. A copy on which a person
    says something else keeps its words. `restore` takes them out of the files again.

    Args:
        index: open for writing; a photo that it does not know is taken up.
        photo: the photo.
        text: the words.
        policy: where captions are written.

    Returns:
        What became of each file that shows the picture.

    Raises:
        ReadError: the photo cannot be read.
        PhotocapError: the words are empty.
    """
    path, words = Path(os.path.abspath(photo)), text.strip()
    if not words:
        raise PhotocapError("the words are empty; `restore` takes captions away")
    if not is_as_indexed(index.photos.file_state(path), path):
        _take_up(index, path, words)
    row = index.photos.get(path)
    if row is None or row.picture_hash is None:
        raise ReadError(path, (row and row.error) or "it was never read")
    with index.writing():
        run_id = index.runs.start("edit")
        others = copies_with_other_words(index, row, policy)
        files = correct(index, run_id, row.picture_hash, words, policy, verdict=Verdict.EDITED, sparing=others)
        index.runs.finish(run_id, f"{len(files)} files")
    return files


def restore(
    index: PhotoIndex, paths: Iterable[PathLike] = (), *, policy: WritePolicy = _DEFAULT_POLICY
) -> list[Restored]:
    """Take back what photocap wrote into files, byte for byte, as far as nobody has changed them since.

    Args:
        index: open for writing.
        paths: photos, sidecars and folders; none means all that this index knows of.
        policy: where sidecars are kept.

    Returns:
        What became of each file that photocap wrote to.
    """
    return list(restored_files(index, [Path(os.path.abspath(path)) for path in paths], policy=policy))


def load_text_encoder(model: PathLike | None = None) -> TextEncoder | None:
    """Load what lets `search` find photos by what they look like; None where the model has no such side.

    Args:
        model: the model that the photos were indexed with; None is the base model.

    Raises:
        CheckpointError: the model cannot be used.
    """
    return registry.load_text_encoder(None if model is None else Path(model))


def _take_up(index: PhotoIndex, path: Path, words: str) -> None:
    """Bring the index up to date with one photo, whose caption is known."""
    options = IndexOptions(
        policy=WritePolicy(mode=MetadataMode.NONE), stored=_OnePersonsWords(words), retry_failed=True
    )
    problems: list[str] = []
    index_beside_others(
        [path], index, _no_captioner, options, on_result=lambda result: problems.append(result.error or "")
    )
    if index.photos.get(path) is None:
        raise ReadError(path, next(filter(None, problems), "it is not a photo that photocap reads"))


class _OnePersonsWords:
    """A store that holds a person's words for whatever picture it is asked about."""

    space_id: str | None = None

    def __init__(self, words: str) -> None:
        self._caption = Caption(text=words, confidence=1.0)

    def get(self, hash_of_picture: Callable[[HashKind], str]) -> StoredCaption | None:  # noqa: ARG002 - the protocol's
        return StoredCaption(caption=self._caption, source=CaptionSource.PERSON, model_id=None, weights_sha256=None)


def _no_captioner() -> CaptionerProtocol:
    raise AssertionError("the words are known; no model is needed")
