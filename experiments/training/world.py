"""The processes that train one model together; one process is the usual case and needs nothing here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from parrots.decoder.routers import Routing
from theory.errors import InputError

T = TypeVar("T")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class World:
    """``size`` processes, of which this is number ``rank``, on ``device``."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.rank == 0

    def total(self, x: Tensor) -> Tensor:
        """The sum of ``x`` over the processes."""
        if self.size > 1:
            x = x.clone()
            torch.distributed.all_reduce(x)
        return x

    def gather(self, routings: Sequence[Routing]) -> tuple[Routing, ...]:
        """Routings of all processes' tokens, in the order of the processes."""
        return tuple(Routing(*(self._gather(x.contiguous()) for x in routing)) for routing in routings)

    def _gather(self, x: Tensor) -> Tensor:
        if self.size == 1:
            return x
        parts = [torch.empty_like(x) for _ in range(self.size)]
        torch.distributed.all_gather(parts, x)
        return torch.cat(parts)

    def collect(self, value: T) -> list[T]:
        """Every process's ``value``."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    def first_does(self, work: Callable[[], T]) -> T:
        """``work()`` of the first process, in all of them; bad input that it finds is raised in all of them."""
        if self.size == 1:
            return work()
        result: list[Any] = [None, None]
        if self.first:
            try:
                result[0] = work()
            except (InputError, OSError) as error:
                result[1] = error
        torch.distributed.broadcast_object_list(result, src=0)
        if result[1] is not None:
            raise result[1]
        done: T = result[0]
        return done


@contextmanager
def world() -> Iterator[World]:
    """The processes that ``torchrun`` started, or this one alone; on CUDA where there is a device for each."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available() and local < torch.cuda.device_count()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device=device)
        return
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield World(torch.distributed.get_rank(), size, device)
    finally:
        torch.distributed.destroy_process_group()
