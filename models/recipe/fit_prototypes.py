"""Go on at 256 px, and compare photographs with those whose COCO categories are known.

Kernel ridge regression on the pooled features. The kernel is exp(2 (cos - 1)) over half-whitened principal components
beside the joint space; `Prototypes` computes it as the exponential of a product. Its scores become logits by what it
says of each photograph without it (leave-one-out, Rifkin & Lippert 2007), and a share of the linear head stays.

What holds for COCO's photographs does not hold for all of Flickr8k's (a dog with a ball), so those of the latter join
that the scores are most wrong about. Captions name every being in a picture, but not every thing: for things that they
leave out the linear head's probability counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from dataset import Data, coco_first, open_data, start_model
from dev_scores import encode
from numpy.typing import NDArray

from photocap.captioning.confidence import Platt, fit_platt
from photocap.captioning.config import ModelConfig
from photocap.captioning.labels import labels_in, with_broader
from photocap.captioning.network import CaptionModel
from photocap.datasets.label_tables import COCO_LABELS
from photocap.training.label_thresholds import beings

_SIDE_PX = 256
_SIZE = 512
_SHARPNESS = 2.0
_PENALTY = 0.3
_JOINT = 0.5  # length of the joint space's part beside the components'
_LINEAR = 0.3  # share of the linear head in the logits
_JOINING = 3000  # photographs without a table of what they show

Floats = NDArray[np.float64]


@torch.no_grad()
def main() -> None:
    """Write WORK/compared.pt, whose labels are in the order of `coco_first`, and WORK/pooled-256.pt."""
    data = open_data()
    start, model = start_model()
    model.load_state_dict(torch.load(data.work / "joined.pt", weights_only=True))
    model.config = model.decoder.config = replace(model.config, image_size_px=_SIDE_PX)
    pooled = {split: encode(data, model, split).pooled for split in ("train", "dev")}
    torch.save(pooled, data.work / "pooled-256.pt")
    assert start.info.labels is not None
    old = start.info.labels.names
    names = coco_first(old)
    order = torch.tensor([old.index(name) for name in names])
    state = model.state_dict()
    for name in ("linear.weight", "linear.bias", "words"):
        state[f"decoder.labels.{name}"] = state[f"decoder.labels.{name}"][order]
    model.load_state_dict(state)
    fitted = _fit(model, data, model.decoder.standardise(pooled["train"]), [n for n in names if n in COCO_LABELS])
    torch.save(fitted.state_dict(), data.work / "compared.pt")


def with_prototypes(config: ModelConfig, photos: int, labels: int) -> ModelConfig:
    """Return sizes with room for so many photos with known labels."""
    return replace(
        config, image_size_px=_SIDE_PX, prototype_count=photos, prototype_size=_SIZE, prototype_labels=labels
    )


@dataclass(frozen=True)
class _Regression:
    """A kernel ridge regression: places (n, D) of photos, their dual weights (n, K), and the constant (K,)."""

    places: Floats
    dual: Floats
    constant: Floats

    def __call__(self, places: Floats) -> Floats:
        """Return the scores (m, K) of other photos' places (m, D)."""
        scores: Floats = np.exp(_SHARPNESS * (places @ self.places.T - 1)) @ self.dual + self.constant
        return scores


def _regress(places: Floats, truth: Floats, constant: Floats) -> tuple[_Regression, Floats]:
    """Fit places (n, D) to truth (n, K); return also the scores (n, K) of each photo by a fit without it."""
    kernel = np.exp(_SHARPNESS * (places @ places.T - 1))
    inverse = np.linalg.inv(kernel + _PENALTY * np.eye(len(kernel)))
    dual = inverse @ (truth - constant)
    return _Regression(places, dual, constant), truth - dual / np.diag(inverse)[:, None]


def _fit(model: CaptionModel, data: Data, photos: torch.Tensor, listed: list[str]) -> CaptionModel:
    """Return the model with prototypes for its first labels, fitted to all training photos (n, C)."""
    assert model.decoder.labels is not None
    shown = [data.known_labels.get(photo.path.name) for photo in data.train]
    known = [row for row, labels in enumerate(shown) if labels is not None]
    others = [row for row, photo in enumerate(data.train) if photo.source != "everyday"]
    truth = np.array([[name in (shown[row] or ()) for name in listed] for row in known], np.float64)
    linear = model.decoder.labels(photos[others]).sigmoid()[:, : len(listed)].double().numpy()
    said = _said(data, others, listed, linear)
    x = photos.double().numpy()
    mean = x[known].mean(axis=0)
    project = _projection(x[known] - mean, model)
    places = (x - mean) @ project
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    constant = truth.mean(axis=0)
    alone, _ = _regress(places[known], truth, constant)
    wrong = ((alone(places[others]) - said) ** 2).sum(axis=1)
    joining = np.argsort(-wrong, kind="stable")[:_JOINING]
    rows = [*known, *np.array(others)[joining]]
    scores, unseen = _regress(places[rows], np.concatenate([truth, said[joining]]), constant)
    logits = [fit_platt(unseen[: len(known), [k]], (truth[:, k] > 0).tolist()) for k in range(len(listed))]
    return _with_scores(model, scores, logits, project, mean)


def _said(data: Data, rows: list[int], listed: list[str], linear: Floats) -> Floats:
    """Return what captions say of photos (n, K), and of things that they do not name what the linear head says."""
    always = np.array([name in beings() for name in listed])
    truth = np.where(always, 0.0, linear)
    for row, found in zip(rows, truth, strict=True):
        named = with_broader(name for words in data.captions(data.train[row], mined=0) for name in labels_in(words))
        found[[name in named for name in listed]] = 1.0
    return truth


def _with_scores(
    linear: CaptionModel, scores: _Regression, logits: list[Platt], project: Floats, mean: Floats
) -> CaptionModel:
    """Return a model whose first labels' logits are the scores' beside a share of the linear head's."""
    labels, vocabulary = len(logits), len(linear.decoder.bias)
    model = CaptionModel(with_prototypes(linear.config, len(scores.places), labels), vocabulary)
    model.load_state_dict(linear.state_dict(), strict=False)
    head = model.decoder.labels
    assert head is not None
    assert head.prototypes is not None
    scale, offset = np.array([each.scales[0] for each in logits]), np.array([each.offset for each in logits])
    weight = (1 - _LINEAR) * scale * math.exp(-_SHARPNESS) * scores.dual
    head.prototypes.project.copy_(torch.from_numpy(project.T))
    head.prototypes.offset.copy_(torch.from_numpy(-mean @ project))
    head.prototypes.centres.copy_(torch.from_numpy(_SHARPNESS * scores.places))
    head.prototypes.weight.copy_(torch.from_numpy(weight.T))
    head.linear.weight[:labels] *= _LINEAR
    head.linear.bias[:labels] *= _LINEAR
    head.linear.bias[:labels] += torch.from_numpy((1 - _LINEAR) * (offset + scale * scores.constant)).float()
    return model


def _projection(centred: Floats, model: CaptionModel) -> Floats:
    """Return (C, D): the principal components of photos (n, C), half whitened, beside the joint space."""
    assert model.joint is not None
    # Components of the features as the encoder gives them, not standardised: those that vary more tell more.
    spread = model.decoder.pooled_std.double().numpy()
    values, vectors = _principal(centred * spread)
    components = spread[:, None] * vectors / values**0.25
    joint = model.joint.image.weight.double().numpy().T
    parts = [part / np.linalg.norm(centred @ part, axis=1).mean() for part in (components, joint)]
    both = np.concatenate([parts[0], _JOINT * parts[1]], axis=1)
    found: Floats = both @ _principal(centred @ both)[1]  # the same products in fewer dimensions
    return found


def _principal(centred: Floats) -> tuple[Floats, Floats]:
    """Return the largest variances of rows (n, d) and their directions (d, D)."""
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    return values[::-1][:_SIZE], vectors[:, ::-1][:, :_SIZE]


if __name__ == "__main__":
    main()
