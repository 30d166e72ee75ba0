"""The training's table as TensorBoard shows it, where TensorBoard is installed."""

from __future__ import annotations

from pathlib import Path

from photocap.training.state import EpochRow


def log_epoch(folder: Path, row: EpochRow) -> None:
    """Add one finished epoch to the event files in a folder; without the package `tensorboard`, do nothing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    with SummaryWriter(folder) as writer:
        for name, value in {
            "loss/train": row.train_loss,
            "loss/dev": row.dev_loss,
            "dev/cider_d": row.cider_d,
            "dev/distinct": row.distinct,
            "learning_rate": row.learning_rate,
        }.items():
            writer.add_scalar(name, value, row.epoch)
