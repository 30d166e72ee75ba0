"""Caption millions of pictures on a Ray cluster: listing, reading, captioning and Parquet shards."""

from photocap.batch.from_index import export_index
from photocap.batch.output import Output
from photocap.batch.pipeline import BatchOptions, BatchReport, ModelFacts, run_batch

__all__ = ["BatchOptions", "BatchReport", "ModelFacts", "Output", "export_index", "run_batch"]
