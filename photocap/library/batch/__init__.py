"""Caption millions of pictures on a Ray cluster: listing, reading, captioning and Parquet shards."""

from photocap.library.batch.from_index import export_index
from photocap.library.batch.output import Output
from photocap.library.batch.pipeline import BatchOptions, BatchReport, run_batch
from photocap.library.batch.stored import StoredCaptions

__all__ = ["BatchOptions", "BatchReport", "Output", "StoredCaptions", "export_index", "run_batch"]
