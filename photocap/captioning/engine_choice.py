"""Which library runs the network: ONNX Runtime on a CPU, PyTorch on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photocap.captioning.engine import CaptionEngine
from photocap.captioning.model_files import ModelInfo
from photocap.captioning.processors import has_gpu, has_int8
from photocap.captioning.torch_packages import check_torch
from photocap.errors import PhotocapError

if TYPE_CHECKING:
    from photocap.captioning.inference.encoder_graph import Ranges

_FULL_PRECISION = "-float32"


def choose_engine(wanted: str, device: str) -> str:
    """Return "onnx" or "torch"; on a machine with a GPU "auto" is torch, else ONNX Runtime.

    Raises:
        PhotocapError: the engine does not run on the device.
    """
    library = wanted.partition("-")[0]
    if library == "onnx" and device not in ("auto", "cpu"):
        raise PhotocapError(f"--engine {wanted} runs on the CPU, not on {device} (--engine torch does)")
    if library != "auto":
        return library
    if device == "auto":
        return "torch" if has_gpu() else "onnx"
    return "onnx" if device == "cpu" else "torch"


def precision_of(wanted: str) -> str:
    """Return "float32" where an engine's name asks for it, else "auto": what the machine computes fastest."""
    return "float32" if wanted.endswith(_FULL_PRECISION) else "auto"


def runs_on_cpu(wanted: str, device: str) -> bool:
    """Return whether the network shares the processors with decoding."""
    return choose_engine(wanted, device) == "onnx" or device == "cpu" or (device == "auto" and not has_gpu())


def load_engine(
    info: ModelInfo,
    wanted: str = "auto",
    *,
    device: str = "auto",
    batch_size: int | None = None,
    beam_size: int | None = None,
    neutral_people: bool = False,
) -> CaptionEngine:
    """Load a model into an engine; the library it needs is imported now.

    Args:
        info: the model.
        wanted: "onnx", "onnx-int8" (8 bits, whatever they do to captions), "onnx-float32", "torch", "torch-float32", or
            "auto", which is torch for a network that ONNX Runtime has no graph of.
        device: "auto", or a torch device such as "cpu", "cuda", "cuda:1", "mps".
        batch_size: photos to run at once; None chooses.
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: as for `CaptionEngine`.

    Raises:
        CheckpointError: the model cannot be used.
        PhotocapError: the engine or the device is not there.
    """
    if wanted.startswith("onnx") and not info.config.in_onnx:
        raise PhotocapError(f"{info.name}: ONNX Runtime cannot run its network (--engine torch does)")
    if info.config.in_onnx and choose_engine(wanted, device) == "onnx":
        from photocap.captioning.inference.onnx_engine import OnnxEngine
        from photocap.captioning.inference.weights import load_weights

        ranges = _ranges(info, wanted)
        weights = load_weights(info)
        return OnnxEngine(info, weights, batch_size, beam_size, neutral_people=neutral_people, ranges=ranges)
    check_torch()
    from photocap.captioning.checkpoint import load_checkpoint
    from photocap.captioning.device import choose_device
    from photocap.captioning.torch_engine import TorchEngine

    chosen = choose_device(device, precision=precision_of(wanted))
    checkpoint = load_checkpoint(info.directory)
    return TorchEngine(checkpoint, chosen, batch_size, beam_size, neutral_people=neutral_people)


def _ranges(info: ModelInfo, wanted: str) -> Ranges | None:
    """Return what 8 bits need, where they are asked for, or are fast here and leave captions as good as they are."""
    from photocap.captioning.inference.activation_ranges import FAITHFUL, read_faithful_captions, read_ranges

    if wanted == "onnx-int8":
        ranges = read_ranges(info)
        if ranges is None:
            way_out = f"photocap models calibrate ~/Pictures --model {info.directory}"
            raise PhotocapError(f"{info.name} was not measured for 8 bits (run: {way_out})")
        return ranges
    if precision_of(wanted) != "auto" or not has_int8() or read_faithful_captions(info) < FAITHFUL:
        return None
    return read_ranges(info)
