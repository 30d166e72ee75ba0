"""Where and how the network runs: device, precision, batch size."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photocap.errors import PhotocapError

M = TypeVar("M", bound=nn.Module)

CPU_BATCH = 16
GPU_BYTES_PER_PHOTO = 64 * 1024 * 1024
GPU_BATCH_LIMIT = 256
_COMPUTES_IN_ENGINE_DTYPE = (nn.Conv2d, nn.Linear, nn.RNNBase, nn.Embedding)


@dataclass(frozen=True)
class Engine:
    """The chosen device and precision, and why they were chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which the network computes in this engine's precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype != torch.float32)


def choose_device(wanted: str = "auto", *, precision: str = "auto") -> Engine:
    """Choose a device.

    Args:
        wanted: "auto", or a torch device such as "cpu", "cuda", "cuda:1", "mps".
        precision: "auto" (bfloat16 where the hardware has it) or "float32".

    Raises:
        PhotocapError: the wanted device is not there.
    """
    name, reason = wanted, "asked for"
    if wanted == "auto":
        name, reason = _best_device()
    elif not _is_available(wanted):
        raise PhotocapError(
            f"device {wanted!r} is not available here (try --device auto; `photocap doctor` shows what is)"
        )
    device = torch.device(name)
    half = precision == "auto" and _has_bfloat16(device)
    return Engine(device, torch.bfloat16 if half else torch.float32, reason)


def _best_device() -> tuple[str, str]:
    if torch.cuda.is_available():
        return "cuda", f"a CUDA device was found: {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return "mps", "Apple's Metal backend was found"
    return "cpu", "no CUDA or Metal device was found"


def _is_available(name: str) -> bool:
    try:
        kind = torch.device(name).type
    except RuntimeError:
        return False
    if kind == "cuda":
        return torch.cuda.is_available() and (torch.device(name).index or 0) < torch.cuda.device_count()
    return kind == "cpu" or (kind == "mps" and torch.backends.mps.is_available())


def _has_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is native; emulated bfloat16 is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def choose_batch_size(engine: Engine) -> int:
    """Return how many photos to run at once: fixed on a CPU, by free memory on a GPU."""
    if engine.device.type != "cuda":
        return CPU_BATCH
    free, _ = torch.cuda.mem_get_info(engine.device)
    size = 16
    while size < GPU_BATCH_LIMIT and 2 * size * GPU_BYTES_PER_PHOTO < free // 2:
        size *= 2
    return size


def compile_model(model: M, engine: Engine) -> M:
    """Make a model ready for inference in place: eval mode, BatchNorm folded, the engine's precision, channels last."""
    model.eval().requires_grad_(False)
    _fold_batch_norm(model)
    for module in model.modules():
        if isinstance(module, _COMPUTES_IN_ENGINE_DTYPE):
            module.to(engine.dtype)  # once; else autocast does it in every step
    return model.to(engine.device).to(memory_format=torch.channels_last)


def _fold_batch_norm(module: nn.Module) -> None:
    """Fold each BatchNorm2d into the convolution before it (torchvision's ResNets name them conv1/bn1 ... or 0/1)."""
    previous: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(module, name, nn.Identity())
        previous = (name, child) if isinstance(child, nn.Conv2d) else None
        _fold_batch_norm(child)
