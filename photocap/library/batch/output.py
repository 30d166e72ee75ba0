"""The output of a batch run: Parquet shards that appear whole, a manifest, and `_SUCCESS` at the end."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

import photocap
from photocap.errors import PhotocapError, ReadError, WriteError
from photocap.library.batch.inputs import ListedObject
from photocap.library.batch.schema import LAYOUT_VERSION
from photocap.library.batch.storage import open_storage, write_object

MANIFEST = "_manifest.json"
SUCCESS = "_SUCCESS"
_KEY_BYTES = 16


class Output:
    """A folder or object-store prefix that holds the shards.

    Args:
        uri: where it is.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._storage, self._root = open_storage(uri)

    def begin(self, facts: dict[str, Any], *, resume: bool) -> int:
        """Note what produces the shards and return the number of this run, from 1.

        Raises:
            PhotocapError: there is output already and `resume` is not asked for, or it is of another model.
        """
        known = self.manifest()
        if known is None and not resume and self.shards():
            raise PhotocapError(f"{self.uri}: holds Parquet files that are not of a batch run; choose another --output")
        if known and not resume:
            raise PhotocapError(f"{self.uri}: holds the output of a run already; continue it with --resume")
        if known and (known["model_id"], known["weights_sha256"]) != (facts["model_id"], facts["weights_sha256"]):
            raise PhotocapError(f"{self.uri}: was begun with the model {known['model_id']}; use it, or a new --output")
        run = known["runs"] + 1 if known else 1
        manifest = {"photocap": photocap.__version__, "layout": LAYOUT_VERSION, **facts, "runs": run}
        self._write(MANIFEST, json.dumps(manifest, indent=1).encode())
        if (info := self._info(SUCCESS)).type != fs.FileType.NotFound:
            self._storage.delete_file(info.path)
        return run

    def finish(self) -> None:
        """Say that every row is there."""
        self._write(SUCCESS, b"")

    def write_shard(self, name: str, table: pa.Table) -> None:
        """Write a shard whole or not at all; a shard of the same name is replaced."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        self._write(name, buffer.getvalue())

    def shards(self) -> list[str]:
        """Return the paths of the finished shards, in the order of their names."""
        try:
            infos = self._storage.get_file_info(fs.FileSelector(self._root, allow_not_found=True))
        except OSError as error:
            raise ReadError(self.uri, f"cannot be listed: {error}") from error
        return sorted(info.path for info in infos if info.base_name.endswith(".parquet"))

    def rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all finished shards.

        Raises:
            ReadError: a shard cannot be read.
        """
        for path in self.shards():
            yield from self.read_shard(path, columns).to_pylist()

    def read_shard(self, path: str, columns: list[str]) -> pa.Table:
        """Read some columns of a shard.

        Raises:
            ReadError: it cannot be read, or lacks one of them.
        """
        try:
            with self._storage.open_input_file(path) as file:
                return pq.ParquetFile(file).read(columns).select(columns)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise ReadError(path, f"is no shard of photocap: {error}") from error

    def finished(self) -> FinishedObjects:
        """Return what the finished shards hold."""
        rows = self.rows(["uri", "size_bytes", "version"])
        keys = [_key(row["uri"], row["size_bytes"], row["version"]) for row in rows]
        return FinishedObjects(np.sort(np.array(keys, dtype=f"S{_KEY_BYTES}")))

    def manifest(self) -> dict[str, Any] | None:
        """Return what the output was made with; None where there is none.

        Raises:
            ReadError: it is damaged, or of another layout.
        """
        info = self._info(MANIFEST)
        if info.type == fs.FileType.NotFound:
            return None
        try:
            with self._storage.open_input_stream(info.path) as stream:
                values: dict[str, Any] = json.loads(stream.read())
        except (OSError, ValueError) as error:
            raise ReadError(info.path, f"is not a manifest of photocap: {error}") from error
        if values.get("layout") != LAYOUT_VERSION:
            raise ReadError(info.path, f"is of layout {values.get('layout')}; this photocap writes {LAYOUT_VERSION}")
        return values

    def _write(self, name: str, data: bytes) -> None:
        path = posixpath.join(self._root, name)
        try:
            write_object(self._storage, path, data)
        except OSError as error:
            raise WriteError(path, f"cannot be written: {error}") from error

    def _info(self, name: str) -> fs.FileInfo:
        return self._storage.get_file_info(posixpath.join(self._root, name))


class FinishedObjects:
    """The objects that finished shards hold, 16 bytes each.

    Args:
        keys: sorted.
    """

    def __init__(self, keys: NDArray[np.bytes_]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item: ListedObject) -> bool:
        key = np.bytes_(_key(item.uri, item.size_bytes, item.version))
        place = int(np.searchsorted(self._keys, key))
        return place < len(self._keys) and bool(self._keys[place] == key)


def _key(uri: str, size_bytes: int, version: str) -> bytes:
    """Return 16 characters that identify one version of an object; numpy would cut zero bytes off the end."""
    digest = hashlib.blake2b(f"{uri}\0{size_bytes}\0{version}".encode("utf-8", "surrogateescape"), digest_size=12)
    return base64.b64encode(digest.digest())
