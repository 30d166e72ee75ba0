"""The work on one block of pictures: read and decode on CPUs, caption on a device, write a shard.

A block is one shard from its listing to its file, so that a task which Ray runs again writes the same file again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from photocap.captioning.isolation import caption_each
from photocap.errors import FileProblem, unexpected
from photocap.library.batch.output import Output
from photocap.library.batch.schema import SCHEMA
from photocap.library.batch.storage import local_path, read_object
from photocap.photos import load_image, picture_hash, read_facts
from photocap.records import Caption, CaptionerProtocol

_MAX_PHOTO_BYTES = 1 << 30
_MAX_SUFFIX_CHARACTERS = 8
_FACTS = ("taken", "camera", "latitude", "longitude")

Row = dict[str, Any]


class ReadStage:
    """Read, hash and decode the pictures of a block; what cannot be read becomes a row with an error.

    Args:
        image_size_px: the shorter side that the captioner wants.
        threads: pictures read at the same time.
        timeout_s: a picture that takes longer is a row with an error.
    """

    def __init__(self, image_size_px: int, threads: int, timeout_s: float) -> None:
        self._image_size_px = image_size_px
        self._threads = threads
        self._timeout_s = timeout_s

    def __call__(self, block: pa.Table) -> pa.Table:
        """Return the block with what was read, and `pixels` (height x width x 3 bytes of RGB)."""
        listed = block.to_pylist()
        pool = ThreadPoolExecutor(self._threads)
        jobs = [pool.submit(self._read, row) for row in listed]
        rows = []
        for row, job in zip(listed, jobs, strict=True):
            try:
                rows.append(job.result(self._timeout_s))
            except FutureTimeout:
                rows.append({**row, "error": f"was not read within {self._timeout_s:g} s"})
        pool.shutdown(wait=False, cancel_futures=True)  # a thread that hangs is left behind
        return pa.Table.from_pylist(rows, _READ_SCHEMA)

    def _read(self, row: Row) -> Row:
        try:
            if (path := local_path(row["uri"])) is not None:
                return {**row, **self._read_file(path)}
            data = read_object(row["uri"], _MAX_PHOTO_BYTES)
            # The suffix tells raw files from others; nothing else of a stranger's name reaches the file system.
            suffix = PurePosixPath(row["uri"]).suffix[:_MAX_SUFFIX_CHARACTERS]
            with tempfile.TemporaryDirectory(prefix="photocap-") as folder:
                copy = Path(folder, f"photo{suffix if suffix[1:].isalnum() else ''}")
                copy.write_bytes(data)
                return {**row, **self._read_file(copy)}
        except FileProblem as problem:
            return {**row, "error": problem.reason + (f" ({problem.hint})" if problem.hint else "")}
        except Exception as error:  # one picture never stops a run
            return {**row, "error": unexpected(error)}

    def _read_file(self, path: Path) -> Row:
        facts = asdict(read_facts(path))
        image = load_image(path, self._image_size_px)
        return {
            "picture_hash": picture_hash(path),
            "width": facts["width_px"],
            "height": facts["height_px"],
            **{name: facts[name] for name in _FACTS},
            "pixels": image.tobytes(),
            "pixels_width": image.width,
        }


class CaptionStage:
    """Caption the pictures of a block; one instance lives on each device.

    Args:
        load: loads the captioner, in the worker.
    """

    def __init__(self, load: Callable[[], CaptionerProtocol]) -> None:
        self._captioner = load()

    def __call__(self, block: pa.Table) -> pa.Table:
        """Return the block as rows of a shard."""
        rows = block.to_pylist()
        with_pixels = [row for row in rows if row["pixels"] is not None]
        size = self._captioner.batch_size
        for start in range(0, len(with_pixels), size):
            batch = with_pixels[start : start + size]
            for row, answer in zip(batch, caption_each(self._captioner, [_image(r) for r in batch]), strict=True):
                row.update(self._told(answer))
        return pa.Table.from_pylist(rows, _SHARD_SCHEMA)

    def _told(self, answer: Caption | Exception) -> Row:
        if isinstance(answer, Exception):
            return {"error": f"the model failed on this picture: {unexpected(answer)}"}
        embedding = None if answer.embedding is None else np.frombuffer(answer.embedding, "<f2")
        return {
            "caption": answer.text,
            "confidence": answer.confidence,
            "labels": labels_of(answer),
            "embedding": embedding,
            "space_id": self._captioner.space_id,
            "model_id": self._captioner.model_id,
            "weights_sha256": self._captioner.weights_sha256,
        }


class WriteStage:
    """Write a block as one shard.

    Args:
        output: the URI of the output.
    """

    def __init__(self, output: str) -> None:
        self._output = Output(output)

    def __call__(self, block: pa.Table) -> pa.Table:
        """Write the block; return what was written, in one row."""
        if not block.num_rows:
            return pa.Table.from_pylist([], _WRITTEN_SCHEMA)
        (name,) = set(block.column("shard").to_pylist())  # a block that was cut or joined must not overwrite a shard
        self._output.write_shard(name, block.select(SCHEMA.names).cast(SCHEMA))
        failed = block.num_rows - block.column("error").null_count
        return pa.Table.from_pylist([{"shard": name, "rows": block.num_rows, "failed": failed}], _WRITTEN_SCHEMA)


def labels_of(caption: Caption) -> list[Row]:
    """Return a caption's labels as rows of the layout; none for a captioner that gives none."""
    return [{"label": label.name, "probability": label.probability} for label in caption.labels]


def _image(row: Row) -> Image.Image:
    width = row["pixels_width"]
    return Image.frombytes("RGB", (width, len(row["pixels"]) // (3 * width)), row["pixels"])


_SHARD_SCHEMA = pa.schema([*SCHEMA, ("shard", pa.string())])
_READ_SCHEMA = pa.schema([*_SHARD_SCHEMA, ("pixels", pa.large_binary()), ("pixels_width", pa.int32())])
_WRITTEN_SCHEMA = pa.schema([("shard", pa.string()), ("rows", pa.int64()), ("failed", pa.int64())])
