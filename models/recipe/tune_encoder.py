"""Train the last two stages of the encoder with decoder and labels, on augmented pictures; stops and resumes."""

from __future__ import annotations

import torch
from dataset import Data, open_data, pixels_of, start_model
from dev_scores import dev_scores, encode
from losses import Losses, rate, read_losses
from torch import nn

from photocap.captioning.network import CaptionModel, Features
from photocap.training.dataset import CaptionBatch, CaptionDataset, augment
from photocap.training.state import WeightAverage

_EPOCHS = 3
_BATCH = 32
_WARM_UP = 150
_RATES = (3e-5, 6e-5, 1e-4, 4e-4)  # of the stages, the reduction, the decoder
_KEEP_EVERY = 200  # steps


class Step:
    """One step of training over the model's last two stages.

    Args:
        data, model, losses: what is trained on what.
    """

    def __init__(self, data: Data, model: CaptionModel, losses: Losses) -> None:
        self.model, self.losses, encoder = model, losses, model.encoder
        self.squares = data.squares(data.train, "train", model.config.image_size_px)
        self.low = nn.Sequential(*encoder.stages()[:3]).eval()
        self.high = nn.Sequential(*encoder.stages()[3:]).eval()
        model.requires_grad_(False)
        parts = [*self.high, encoder.reduce, model.decoder]
        for part in parts:
            part.requires_grad_(True)
        groups = [{"params": [*part.parameters()], "lr": peak} for part, peak in zip(parts, _RATES, strict=True)]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=1e-4)
        self.learning = [p for p in model.parameters() if p.requires_grad]

    def __call__(self, batch: CaptionBatch, step: int, steps: int) -> None:
        """Learn from a batch."""
        generator = torch.Generator().manual_seed(step)
        torch.manual_seed(step)
        for group, peak in zip(self.optimizer.param_groups, _RATES, strict=True):
            group["lr"] = peak * rate(step, steps, _WARM_UP)
        pixels = augment(pixels_of(self.squares, batch.photos.tolist(), self.model), batch.mirrored, generator)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                low = self.low(pixels.contiguous(memory_format=torch.channels_last))
            grid = self.high(low).flatten(2).transpose(1, 2)
            features = Features(self.model.encoder.reduce(grid), grid.float().mean(dim=1))
            loss = self.losses(self.model, features, batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learning, 1.0)
        self.optimizer.step()


def main() -> None:
    """Write WORK/tuned.pt."""
    data = open_data()
    start, model = start_model()
    model.joint = None
    model.train().to(memory_format=torch.channels_last)
    train_on = Step(data, model, read_losses(data, start))
    average = WeightAverage(model, 0.998)
    captions = CaptionDataset(data.captioned(data.train), start.vocabulary, model.config.max_words)
    epoch_steps = len(captions) // _BATCH
    step, state = 0, data.work / "tuning.pt"
    if state.exists():
        kept = torch.load(state, weights_only=True)
        step = kept["step"]
        model.load_state_dict(kept["model"])
        train_on.optimizer.load_state_dict(kept["optimizer"])
        average.average = kept["average"]
    while step < _EPOCHS * epoch_steps:
        epoch = step // epoch_steps
        batches = list(captions.batches(_BATCH, shuffle_seed=epoch, mirror=True))[:epoch_steps]
        for batch in batches[step - epoch * epoch_steps :]:
            train_on(batch, step, _EPOCHS * epoch_steps)
            step += 1
            average.update(step)
            if step % _KEEP_EVERY == 0:
                optimizer = train_on.optimizer.state_dict()
                kept = {"step": step, "model": model.state_dict(), "optimizer": optimizer, "average": average.average}
                torch.save(kept, state.with_suffix(".new"))
                state.with_suffix(".new").replace(state)
        with average.applied():
            print(f"epoch {epoch + 1}:", dev_scores(data, start, model, encode(data, model, "dev")))
            torch.save(model.state_dict(), data.work / "tuned.pt")
        model.train()


if __name__ == "__main__":
    main()
