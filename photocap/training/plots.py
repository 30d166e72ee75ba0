"""A picture of how training went."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from photocap.system.atomicfile import replace_file
from photocap.training.state import EpochRow


def draw_curves(path: Path, rows: Sequence[EpochRow]) -> None:
    """Write a PNG of the losses and of CIDEr-D over the epochs; without the package `matplotlib`, do nothing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return

    epochs = [row.epoch for row in rows]
    figure = Figure(figsize=(8, 3), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    losses, score = figure.subplots(1, 2)
    losses.plot(epochs, [row.train_loss for row in rows], "o-", label="train")
    losses.plot(epochs, [row.dev_loss for row in rows], "o-", label="dev")
    losses.set(xlabel="epoch", ylabel="loss (nats a token)")
    losses.legend()
    score.plot(epochs, [row.cider_d for row in rows], "o-", color="tab:green")
    score.set(xlabel="epoch", ylabel="CIDEr-D of generated dev captions")
    for axes in (losses, score):
        axes.xaxis.get_major_locator().set_params(integer=True)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    replace_file(path, data.getvalue())
