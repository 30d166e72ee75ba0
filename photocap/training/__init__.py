"""Training: from caption rows and photos to a model folder."""

from photocap.training.acceptance import Judgement, judge
from photocap.training.distributed import Processes, join_processes
from photocap.training.joint import JOINT_SIZE, Recall, train_joint
from photocap.training.label_objective import LabelRequest
from photocap.training.loop import Progress, Stopped
from photocap.training.names import NameUse, measure_names
from photocap.training.prepare import Prepared, TrainRequest, clear_cache, prepare_training
from photocap.training.rivals import captions_by, fall_elsewhere
from photocap.training.state import EpochRow

__all__ = [
    "JOINT_SIZE",
    "EpochRow",
    "Judgement",
    "LabelRequest",
    "NameUse",
    "Prepared",
    "Processes",
    "Progress",
    "Recall",
    "Stopped",
    "TrainRequest",
    "captions_by",
    "clear_cache",
    "fall_elsewhere",
    "join_processes",
    "judge",
    "measure_names",
    "prepare_training",
    "train_joint",
]
