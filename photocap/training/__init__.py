"""Training: from caption rows and photos to a model folder."""

from photocap.training.acceptance import Judgement, judge
from photocap.training.distributed import Processes, join_processes
from photocap.training.joint import JOINT_SIZE, JointTraining
from photocap.training.joint_space import Recall
from photocap.training.label_objective import LabelRequest
from photocap.training.names import NameUse, measure_names
from photocap.training.prepare import Prepared, TrainRequest, clear_cache, prepare_training
from photocap.training.progress import Progress, Stopped
from photocap.training.rivals import captions_by, fall_elsewhere
from photocap.training.state import EpochRow

__all__ = [
    "JOINT_SIZE",
    "EpochRow",
    "JointTraining",
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
]
