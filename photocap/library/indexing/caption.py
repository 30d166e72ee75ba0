"""The network's part: pictures decoded ahead, captions in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.captioning.isolation import caption_each
from photocap.errors import unexpected
from photocap.index import CaptionRecord
from photocap.library.indexing.job import Trouble
from photocap.library.indexing.prefetch import in_chunks
from photocap.library.report import Outcome, PhotoResult
from photocap.photos import load_image
from photocap.records import Caption, CaptionerProtocol
from photocap.system.workers import Overdue, WorkerPool, map_ahead

if TYPE_CHECKING:
    from PIL import Image


class LazyCaptioner:
    """A captioner that is loaded when the first picture needs it; many runs need it for none."""

    def __init__(self, load: Callable[[], CaptionerProtocol]) -> None:
        self._load = load

    @cached_property
    def captioner(self) -> CaptionerProtocol:
        """Return the captioner, loading it on first use."""
        return self._load()

    @property
    def provenance(self) -> tuple[str, str] | None:
        """Return the model's name and the hash of its weights; None as long as no picture needed it."""
        loaded: CaptionerProtocol | None = self.__dict__.get("captioner")
        return (loaded.model_id, loaded.weights_sha256) if loaded else None

    @property
    def batch_size(self) -> int:
        """Return how many pictures make a batch."""
        return self.captioner.batch_size

    def decode(self, path: Path, data: bytes | None = None) -> Image.Image:
        """Decode a photo as large as the network wants it; `data` is its content, where it was read already.

        Raises:
            ReadError: it cannot be decoded.
        """
        return load_image(path, self.captioner.image_size_px, data)

    def caption(self, images: Sequence[Image.Image]) -> list[Caption | Trouble]:
        """Return one caption for each image, in order, or why there is none."""
        answers = caption_each(self.captioner, images)
        return [_trouble(answer) if isinstance(answer, Exception) else answer for answer in answers]

    def record_of(self, caption: Caption, *, over_person: bool) -> CaptionRecord:
        """Return a caption with its provenance."""
        return CaptionRecord(
            text=caption.text,
            model_id=self.captioner.model_id,
            weights_sha256=self.captioner.weights_sha256,
            confidence=caption.confidence,
            over_person=over_person,
        )


def caption_photos(paths: Iterable[Path], captioner: CaptionerProtocol, workers: int) -> Iterator[PhotoResult]:
    """Caption photos in the order given, without reading or writing anything else."""

    def decode(path: Path) -> tuple[Path, Image.Image | Trouble]:
        try:
            return path, load_image(path, captioner.image_size_px)
        except Exception as problem:  # one photo never stops a run
            return path, Trouble.of(problem)

    def overdue(path: Path, error: Overdue) -> tuple[Path, Trouble]:
        return path, Trouble.of(error)

    with WorkerPool(workers) as pool:
        decoded = map_ahead(pool, decode, paths, ahead=2 * captioner.batch_size, overdue=overdue)
        for batch in in_chunks(decoded, captioner.batch_size):
            pictures = [image for _, image in batch if not isinstance(image, Trouble)]
            answers = iter(caption_each(captioner, pictures) if pictures else [])
            for path, image in batch:
                answer = image if isinstance(image, Trouble) else next(answers)
                if isinstance(answer, Exception):
                    answer = _trouble(answer)
                if isinstance(answer, Trouble):
                    yield PhotoResult(path=path, outcome=Outcome.FAILED, error=answer.reason)
                else:
                    yield PhotoResult(
                        path=path,
                        outcome=Outcome.CAPTIONED,
                        caption=answer.text,
                        confidence=answer.confidence,
                        labels=answer.labels,
                        words=answer.words,
                    )


def _trouble(error: Exception) -> Trouble:
    """Say that the model failed on a picture; it may be the machine's fault, so the next run tries again."""
    return Trouble(f"the model failed on this picture: {unexpected(error)}", may_pass=True)
