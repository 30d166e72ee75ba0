"""Several processes that train one model together: torchrun starts them, each takes its share of every step.

Gradients are summed here and not by DistributedDataParallel (Li et al. 2020): it takes the mean over processes,
but the loss is a mean over tokens, and each process has another number of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from photocap.errors import TrainingError

T = TypeVar("T")

_PATIENCE = timedelta(days=1)  # the others wait while the first one decodes, encodes and validates


@dataclass(frozen=True)
class Processes:
    """The processes of one training as one of them sees them; the first one prepares, validates and saves.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are.
        local_rank: this one's number on its machine, from 0.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Return whether this is the one that speaks and writes."""
        return self.rank == 0

    def device(self, wanted: str) -> str:
        """Return the name of the device for this process: each has a GPU of its own."""
        shared = self.size > 1 and wanted in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank}" if shared else wanted

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Put into the tensors, all on one device, their sums over the processes."""
        if self.size > 1:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            flat = flat if flat.is_cuda else flat.cpu()  # gloo knows no other device
            with _together():
                dist.all_reduce(flat)
            for tensor, summed in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
                tensor.copy_(summed.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in one of the processes."""
        flags = torch.tensor([float(flag)])
        self.sum([flags])
        return bool(flags)

    def share(self, make: Callable[[], T]) -> T:
        """Let the first process make something and return it in all of them; what is made must be picklable."""
        if self.size == 1:
            return make()
        made = [make() if self.is_first else None]
        with _together():
            dist.broadcast_object_list(made, device=torch.device("cpu"))
        return made[0]  # type: ignore[return-value]

    @contextmanager
    def first_ahead(self) -> Iterator[None]:
        """Let the first process through the block before the others, so that they find what it left on disk."""
        if not self.is_first:
            self.any(False)
        yield
        if self.is_first:
            self.any(False)


ALONE = Processes()


@contextmanager
def _together() -> Iterator[None]:
    """Say in one line that the processes have lost each other."""
    try:
        yield
    except RuntimeError as error:  # of gloo as of NCCL
        raise TrainingError("another process of this training has ended; its own message says why") from error


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the processes that torchrun started with this one; without torchrun there is one process, alone.

    Several machines must see the output folder under the same path.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), size, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()
