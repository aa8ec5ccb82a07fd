"""Several processes that train one network together, started by `torchrun`; one process on its own otherwise.

On a busy CPU three single-threaded processes train about twice as fast as one process of three threads: they meet once
a batch, where threads meet at every operation and wait for whichever was held up.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes there are, and which of them this is; the first writes files and speaks."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its mean over the processes, the same to the last bit in each of them."""
        if self.count == 1:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(joined)
        joined /= self.count
        for tensor, mean in zip(tensors, joined.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def agreed(self, value: float) -> float:
        """The mean over the processes, so that all of them decide alike."""
        if self.count == 1:
            return value
        values = torch.tensor([value], dtype=torch.float64)
        self.average([values])
        return values.item()


def join_workers() -> Workers:
    """This process's place among those that `torchrun` started."""
    if "WORLD_SIZE" not in os.environ:
        return Workers()
    torch.distributed.init_process_group("gloo")
    return Workers(torch.distributed.get_rank(), torch.distributed.get_world_size())


def leave_workers(workers: Workers) -> None:
    """Waits for the first process, which still writes files: one that ends early can cut the others' connections."""
    if workers.count > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
