"""Training: from caption rows and photos to a model folder."""

from photocap.training.acceptance import Judgement, judge
from photocap.training.distributed import Processes, join_processes
from photocap.training.joint import JOINT_SIZE, Recall, train_joint
from photocap.training.loop import Progress
from photocap.training.prepare import TrainRequest, clear_cache, prepare_training
from photocap.training.state import EpochRow

__all__ = [
    "JOINT_SIZE",
    "EpochRow",
    "Judgement",
    "Processes",
    "Progress",
    "Recall",
    "TrainRequest",
    "clear_cache",
    "join_processes",
    "judge",
    "prepare_training",
    "train_joint",
]
