"""Captions out of the shards of a batch run or an export, found by the hash of a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from photocap.errors import ReadError
from photocap.library.batch.output import Output
from photocap.records import Caption, CaptionSource, HashKind, Label, StoredCaption

_KEY_BYTES = 16  # of a hash's 32 or more; enough to tell a library's pictures apart
_CACHED_SHARDS = 8  # a library is walked in the order in which it was listed, so neighbours share shards
_COLUMNS = [
    "picture_hash", "caption", "confidence", "labels", "embedding", "space_id", "model_id", "weights_sha256", "error",
]  # fmt: skip


class StoredCaptions:
    """The captions of an output; some 24 bytes a picture are in memory, the rest is read when asked for.

    Args:
        uri: the folder or prefix of the shards.

    Raises:
        ReadError: there are no captions of photocap, or they cannot be read.
    """

    def __init__(self, uri: str) -> None:
        self._output = Output(uri)
        manifest = self._output.manifest()
        self._shards = self._output.shards() if manifest else []
        if not manifest or not self._shards:
            hint = "give what `photocap batch --output` or `photocap export --parquet` wrote"
            raise ReadError(uri, "holds no captions of photocap", hint)
        self.model_id: str | None = manifest["model_id"] if manifest["weights_sha256"] else None
        self._keys, self._places, self._hash_kinds = self._index_pictures()
        self._read_shard = functools.lru_cache(_CACHED_SHARDS)(self._load_shard)
        self._embedding_bytes = 0
        self.space_id = self._find_space()

    def get(self, hash_of_picture: Callable[[HashKind], str]) -> StoredCaption | None:
        """Return what is known of a picture, which is asked for its hash; None where there is no caption of it.

        Raises:
            ReadError: its shard, or the picture, cannot be read.
        """
        return next(filter(None, (self._find(hash_of_picture(kind)) for kind in self._hash_kinds)), None)

    def _find(self, picture_hash: str) -> StoredCaption | None:
        key = np.bytes_(_key(picture_hash))
        place = int(np.searchsorted(self._keys, key))
        while place < len(self._keys) and self._keys[place] == key:
            shard, number = divmod(int(self._places[place]), 1 << 32)
            row = self._read_shard(shard).slice(number, 1).to_pylist()[0]
            if row["picture_hash"] == picture_hash:
                return self._stored(row)
            place += 1
        return None

    def _index_pictures(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64], set[HashKind]]:
        """Return the keys of all captioned pictures, sorted, in which row of which shard each is, and their kinds.

        There are two kinds where a newer photocap went on with a batch.
        """
        keys, places = [], []
        kinds: set[HashKind] = set()
        for shard, path in enumerate(self._shards):
            table = self._output.read_shard(path, ["picture_hash", "caption"])
            captioned = np.flatnonzero(table.column("caption").is_valid().to_numpy())
            hashes = table.column("picture_hash").take(captioned).to_pylist()
            kinds |= {HashKind.of(text) for text in hashes if text}
            keys.append(np.array([_key(text or "") for text in hashes], dtype=f"S{_KEY_BYTES}"))
            places.append((shard << 32) + captioned.astype(np.int64))
        all_keys = np.concatenate(keys)
        order = np.argsort(all_keys, kind="stable")  # of several rows of a picture the first one counts
        return all_keys[order], np.concatenate(places)[order], kinds

    def _load_shard(self, number: int) -> pa.Table:
        return self._output.read_shard(self._shards[number], _COLUMNS)

    def _find_space(self) -> str | None:
        """Return the joint text-image space of the embeddings, from the first row that has one."""
        for number in range(len(self._shards)):
            for row in self._load_shard(number).select(["space_id", "embedding"]).to_pylist():
                if row["space_id"] and row["embedding"]:
                    self._embedding_bytes = 2 * len(row["embedding"])
                    return str(row["space_id"])
        return None

    def _stored(self, row: Mapping[str, Any]) -> StoredCaption:
        confidence = row["confidence"]
        caption = Caption(
            text=row["caption"],
            confidence=0.0
            if confidence is None
            else float(str(np.float32(confidence))),  # 0.4 and not 0.4000000059604645
            embedding=self._embedding(row),
            labels=tuple(Label(label["label"], label["probability"]) for label in row["labels"] or ()),
        )
        source = CaptionSource.PERSON if row["model_id"] is None else CaptionSource.MODEL
        return StoredCaption(
            caption=caption, source=source, model_id=row["model_id"], weights_sha256=row["weights_sha256"]
        )

    def _embedding(self, row: Mapping[str, Any]) -> bytes | None:
        """Return a row's embedding, if it is of the same space and size as the others."""
        if not row["embedding"] or row["space_id"] != self.space_id:
            return None
        embedding = np.array(row["embedding"], dtype="<f2").tobytes()
        return embedding if len(embedding) == self._embedding_bytes else None


def _key(picture_hash: str) -> bytes:
    return picture_hash.encode()[-_KEY_BYTES:]
