"""Caption millions of pictures on a Ray cluster: listing, reading, captioning and Parquet shards."""

from photocap.batch.output import Output
from photocap.batch.pipeline import BatchOptions, BatchReport, ModelFacts, run_batch

__all__ = ["BatchOptions", "BatchReport", "ModelFacts", "Output", "run_batch"]
