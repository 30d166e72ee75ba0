"""The layout of the Parquet shards, shared by `batch`, `export --parquet` and `index --captions`."""

from __future__ import annotations

import pyarrow as pa

LAYOUT_VERSION = 1

LABEL = pa.struct([("label", pa.string()), ("probability", pa.float32())])

# One row for each picture. `caption` and what follows is null where `error` says why.
SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("version", pa.string()),  # modification time in nanoseconds; empty where it is not known
        ("picture_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("taken", pa.timestamp("us")),  # by the camera's clock, without a time zone
        ("camera", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("caption", pa.string()),
        ("confidence", pa.float32()),
        ("labels", pa.list_(LABEL)),
        ("embedding", pa.list_(pa.float16())),
        ("space_id", pa.string()),
        ("model_id", pa.string()),
        ("weights_sha256", pa.string()),
        ("error", pa.string()),
    ],
    metadata={"photocap_layout": str(LAYOUT_VERSION)},
)
