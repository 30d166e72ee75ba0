"""What there is to caption: folders, globs, object-store prefixes and manifests, one object at a time."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
from pyarrow import fs

from photocap.errors import ReadError
from photocap.library.batch.storage import local_path, open_storage
from photocap.photos import FileKind, find_photos, kind_of

_MANIFESTS = (".parquet", ".csv", ".txt")
_URI_COLUMN = "uri"


@dataclass(frozen=True)
class ListedObject:
    """An object that may be a picture.

    Attributes:
        uri: where it is: an absolute path, or the URI of an object.
        size_bytes: its size; -1 where a manifest does not say.
        version: changes when its content does: the modification time in nanoseconds; empty where it is not known.
    """

    uri: str
    size_bytes: int = -1
    version: str = ""


def list_inputs(inputs: Sequence[str]) -> Iterator[ListedObject]:
    """Yield what the inputs name, in order, each URI once.

    Args:
        inputs: folders, photos, globs, prefixes of an object store, or manifests (Parquet, CSV with a column `uri`, or
            text with a URI a line).

    Raises:
        ReadError: an input does not exist or cannot be listed.
    """
    seen: set[int] = set()
    for text in inputs:
        for item in _list_input(text):
            key = hash(item.uri)
            if key not in seen:
                seen.add(key)
                yield item


def _list_input(text: str) -> Iterator[ListedObject]:
    if text.lower().endswith(_MANIFESTS):
        yield from _read_manifest(text)
    elif (path := local_path(text)) is not None:
        yield from _list_local(path)
    else:
        yield from _list_prefix(text)


def _list_local(path: Path) -> Iterator[ListedObject]:
    paths = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not paths:
        raise ReadError(path, "does not exist")
    for photo in find_photos([p.absolute() for p in paths]):
        yield ListedObject(str(photo.path), photo.size_bytes, str(photo.mtime_ns))


def _list_prefix(uri: str) -> Iterator[ListedObject]:
    """Walk an object store folder by folder, so that no more than one folder's listing is in memory."""
    try:
        storage, root = open_storage(uri)
        scheme = uri.partition("://")[0]
        folders = [root]
        while folders:
            infos = storage.get_file_info(fs.FileSelector(folders.pop()))
            for info in sorted(infos, key=lambda info: info.path):
                if info.type == fs.FileType.Directory:
                    folders.append(info.path)
                elif kind_of(info.path) in (FileKind.PICTURE, FileKind.RAW):
                    yield ListedObject(f"{scheme}://{info.path}", info.size, str(info.mtime_ns or ""))
    except OSError as error:
        raise ReadError(uri, f"cannot be listed: {error}") from error


def _read_manifest(text: str) -> Iterator[ListedObject]:
    try:
        storage, path = open_storage(text)
        if text.lower().endswith(".txt"):
            with storage.open_input_stream(path) as stream:
                lines = stream.read().decode("utf-8").splitlines()
            yield from (ListedObject(line.strip()) for line in lines if line.strip())
            return
        with storage.open_input_file(path) as file:
            if text.lower().endswith(".csv"):
                yield from _rows(pyarrow.csv.read_csv(file).to_batches())
            else:
                yield from _rows(pyarrow.parquet.ParquetFile(file).iter_batches(columns=[_URI_COLUMN]))
    except (OSError, UnicodeDecodeError, pyarrow.ArrowInvalid, KeyError) as error:
        raise ReadError(text, f"cannot be read as a manifest: {error}", f"it needs a column {_URI_COLUMN}") from error


def _rows(batches: Iterator[pyarrow.RecordBatch] | list[pyarrow.RecordBatch]) -> Iterator[ListedObject]:
    for batch in batches:
        for uri in batch.column(_URI_COLUMN).to_pylist():
            if uri:
                yield ListedObject(str(uri))
