"""Training: from caption rows and photos to a model folder."""

from photocap.training.loop import Progress
from photocap.training.prepare import TrainRequest, prepare_training
from photocap.training.state import EpochRow

__all__ = ["EpochRow", "Progress", "TrainRequest", "prepare_training"]
