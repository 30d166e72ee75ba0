"""Captioned pictures in shards: WebDataset's tar files and Parquet files, read one after the other.

No more than one picture is in memory at a time. Names inside a shard come from anywhere and never become names on disk.
"""

from __future__ import annotations

import importlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from photocap.errors import CaptionFileError
from photocap.photos import FileKind, kind_of

_SUFFIXES = (".tar", ".parquet")
_TEXT_KEYS = ("captions", "caption", "sentences", "text")
_MAX_MEMBER_BYTES = 1 << 30


def shards_of(path: Path) -> list[Path]:
    """Return the shards that a path names, in the order of their names; none where it is something else.

    A folder is one of shards where it holds no other files, but for those whose name begins with "_" or ".".
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith(("_", ".")))
        return files if all(file.suffix.lower() in _SUFFIXES for file in files) else []
    return [path] if path.suffix.lower() in _SUFFIXES else []


def read_shard(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the samples of a shard as rows with `image` (a name, bytes, or a mapping with both) and captions.

    Raises:
        CaptionFileError: it cannot be read.
    """
    return _read_tar(path) if path.suffix.lower() == ".tar" else _read_parquet(path)


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise CaptionFileError(path, "reading it needs `pyarrow`", "pip install pyarrow") from error
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=16):
            yield from batch.to_pylist()
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise CaptionFileError(path, f"cannot be read as a Parquet file: {error}") from error


def _read_tar(path: Path) -> Iterator[Mapping[str, Any]]:
    """Join the members of a sample: they follow each other and share the name up to the first dot."""
    try:
        with tarfile.open(path, "r|*") as archive:
            members = (member for member in archive if member.isfile())
            for _, sample in groupby(members, key=lambda member: _sample_key(member.name)):
                yield _sample(archive, sample)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise CaptionFileError(path, f"cannot be read as a tar file: {error}") from error


def _sample_key(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(path.name.split(".")[0]))


def _sample(archive: tarfile.TarFile, members: Iterable[tarfile.TarInfo]) -> Mapping[str, Any]:
    """Return a sample's picture and captions; what is wrong with it is found when the row is made."""
    row: dict[str, Any] = {"image": None, "captions": []}
    for member in members:
        if member.size > _MAX_MEMBER_BYTES:
            continue
        suffix = PurePosixPath(member.name).suffix.lower()
        stream = archive.extractfile(member)
        data = stream.read() if stream else b""
        if kind_of(suffix) is FileKind.PICTURE:
            row["image"] = {"bytes": data, "path": f"picture{suffix}"}
        elif suffix in (".txt", ".caption", ".cap"):
            row["captions"] += data.decode("utf-8", "replace").splitlines()
        elif suffix == ".json":
            row["captions"] += _texts_in_json(data)
    return row


def _texts_in_json(data: bytes) -> list[str]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return []
    found: object = next((values[key] for key in _TEXT_KEYS if key in values), []) if isinstance(values, dict) else []
    texts = [found] if isinstance(found, str) else found
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
