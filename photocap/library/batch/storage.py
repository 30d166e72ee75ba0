"""Local folders and object stores behind one interface: pyarrow's file systems, or fsspec's for other schemes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from photocap.errors import PhotocapError, ReadError


def local_path(uri: str) -> Path | None:
    """Return the local path that a path or a `file://` URI names; None for an object store."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    # A Windows drive letter is no scheme.
    return Path(uri) if len(parts.scheme) < 2 or "://" not in uri else None


def open_storage(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system that a URI or local path names, and the path inside it.

    Raises:
        PhotocapError: no file system answers to its scheme.
    """
    if (path := local_path(uri)) is not None:
        return fs.LocalFileSystem(), os.path.abspath(path)
    try:
        return fs.FileSystem.from_uri(uri)  # type: ignore[no-any-return]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # a scheme or a form that Arrow does not have
        return _fsspec(uri, str(error))


def _fsspec(uri: str, why_not_arrow: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    scheme, _, path = uri.partition("://")
    try:
        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme))), path
    except (ImportError, ValueError) as error:
        raise PhotocapError(f"{uri}: opened neither by Arrow ({why_not_arrow}) nor by fsspec ({error})") from error


def read_object(uri: str, limit_bytes: int) -> bytes:
    """Return the bytes of an object.

    Raises:
        ReadError: it cannot be read, or is larger than the limit.
    """
    try:
        storage, path = open_storage(uri)
        with storage.open_input_file(path) as stream:
            if stream.size() > limit_bytes:
                raise ReadError(uri, f"is larger than {limit_bytes >> 20} MiB")
            return stream.read()  # type: ignore[no-any-return]
    except OSError as error:
        raise ReadError(uri, f"cannot be read: {error}") from error


def write_object(storage: fs.FileSystem, path: str, data: bytes) -> None:
    """Write an object whole or not at all.

    An object store shows an upload when it is complete; a local file is written under another name and renamed.
    """
    if isinstance(storage, fs.LocalFileSystem):
        from photocap.system.atomicfile import replace_file

        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(Path(path), data)
        return
    with storage.open_output_stream(path) as stream:
        stream.write(data)
