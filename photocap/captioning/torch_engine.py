"""The network run by PyTorch: on GPUs, and on CPUs that compute in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.device import Engine, choose_batch_size, compile_model
from photocap.captioning.engine import Floats32, GeneratedSentences, OutOfDeviceMemory, Sight
from photocap.captioning.network import CaptionOutput, Features, normalise
from photocap.captioning.neutral_terms import neutral_ids


class TorchEngine:
    """Runs a model on a device.

    Args:
        checkpoint: the model; it is changed in place into its inference form.
        engine: device and precision.
        batch_size: photos to run at once; None chooses by the device's memory.
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: as for `CaptionEngine`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        batch_size: int | None = None,
        beam_size: int | None = None,
        *,
        neutral_people: bool = False,
    ) -> None:
        self.name = f"torch, {str(engine.dtype).removeprefix('torch.')} on {engine.device}"
        self.batch_size = batch_size or choose_batch_size(engine)
        self.lanes = 1
        self.neutral_people = neutral_people
        self._engine = engine
        self._config = checkpoint.info.config
        self._beam_size = beam_size or self._config.beam_size
        self._model = compile_model(checkpoint.model, engine)
        ids = neutral_ids(checkpoint.vocabulary) if neutral_people else None
        self._token_map = None if ids is None else torch.tensor(ids, device=engine.device)

    def see(self, squares: NDArray[np.uint8]) -> Sight:
        """Look at pictures; see `CaptionEngine`."""
        with self._running():
            pixels = normalise(self._to_device(squares), self._config)
            features = self._model.see(pixels.contiguous(memory_format=torch.channels_last))
            places, names = self._model.place(features), self._model.recognise(features)
        return Sight(
            count=len(squares),
            labels=_to_numpy(features.labels),
            places=_to_numpy(places),
            names=_to_numpy(names),
            state=features,
        )

    def speak(
        self, sight: Sight, *, word_bias: Floats32 | None = None, demanded: NDArray[np.int64] | None = None
    ) -> GeneratedSentences:
        """Say a sentence about each photo; see `CaptionEngine`."""
        features: Features = sight.state
        with self._running():
            found = self._model.caption(
                features,
                self._beam_size,
                self._token_map,
                word_bias=None if word_bias is None else torch.from_numpy(word_bias).to(self._engine.device),
                demanded=None if demanded is None else torch.from_numpy(demanded).to(self._engine.device),
            )
        return as_sentences(found)

    def attention(self, sight: Sight, tokens: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Return where the network looks for each word; see `CaptionEngine`."""
        if self._config.attention != "grid":
            return None
        with self._running():
            weights = self._model.decoder.attention(sight.state, torch.from_numpy(tokens).to(self._engine.device))
        return weights[:, :, : self._config.grid_places].float().cpu().numpy()

    def _to_device(self, squares: NDArray[np.uint8]) -> Tensor:
        """Copy pictures to the device; to a CUDA device from pinned memory, while this thread continues."""
        pixels = torch.from_numpy(squares)
        if self._engine.device.type == "cuda":
            return pixels.pin_memory().to(self._engine.device, non_blocking=True)
        return pixels.to(self._engine.device)

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            with torch.inference_mode(), self._engine.autocast():
                yield
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfDeviceMemory from error
        except RuntimeError as error:
            if "out of memory" not in str(error):  # Metal has no class of its own for it
                raise
            raise OutOfDeviceMemory from error


def as_sentences(found: CaptionOutput) -> GeneratedSentences:
    """Return what the network said as numpy arrays."""
    numbers = (found.mean_log_prob, found.log_probs, found.likeness)
    mean_log_prob, log_probs, likeness = (value.float().cpu().numpy() for value in numbers)
    return GeneratedSentences(found.tokens.cpu().numpy(), mean_log_prob, log_probs, likeness)


def _to_numpy(values: Tensor | None) -> NDArray[np.float32] | None:
    return None if values is None else values.float().cpu().numpy()
