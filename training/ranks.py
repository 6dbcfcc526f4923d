"""The processes (ranks) of one run, and the values that they exchange.

torchrun sets the rank of each process in the environment; without torchrun there is one process. Rank 0 alone takes
decisions, writes files and reports. Work that can fail there (a lock, a damaged checkpoint, a full disk) runs in
`from_first`, so that all ranks stop when it fails. Values are exchanged as JSON in tensors, never pickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from training.errors import REPORTED, ConfigError


class FirstRankFailed(Exception):
    """Rank 0 has failed and reports the reason. Raised on the other ranks."""


@dataclass(frozen=True)
class Ranks:
    """This process, one of `world`."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all ranks, in place, and return it."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def each(self, value: float) -> list[float]:
        """Return the value of every rank, in order."""
        values = torch.zeros(self.world, dtype=torch.float64)
        values[self.rank] = value
        gathered: list[float] = self.sum(values.to(self.device)).tolist()
        return gathered

    def any(self, flag: bool) -> bool:
        """Return True if the flag is True on at least one rank."""
        if self.world == 1:
            return flag  # without waiting for the device
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)).item())

    def from_first(self, compute: Callable[[], Any]) -> Any:
        """Run `compute` on rank 0 and return its JSON value on every rank.

        An error of `errors.REPORTED` is raised on rank 0, and FirstRankFailed on the other ranks.
        """
        failure: Exception | None = None
        payload = b""
        if self.first:
            try:
                payload = b"+" + json.dumps(compute()).encode()
            except REPORTED as error:
                failure, payload = error, b"-"
        if self.world > 1:
            payload = self._broadcast(payload)
        if failure is not None:
            raise failure
        if payload == b"-":
            raise FirstRankFailed
        return json.loads(payload[1:])

    def _broadcast(self, payload: bytes) -> bytes:
        size = torch.tensor([len(payload)], device=self.device)
        dist.broadcast(size, 0)
        data = torch.zeros(int(size.item()), dtype=torch.uint8, device=self.device)
        if self.first:
            data.copy_(torch.frombuffer(bytearray(payload), dtype=torch.uint8))
        dist.broadcast(data, 0)
        return bytes(data.cpu().numpy())


def rank_in_environment() -> int:
    """Return the rank of this process, before the process group exists."""
    return int(os.environ.get("RANK", "0"))


def place_on_machine() -> tuple[int, int]:
    """Number of this process among those of its machine, and how many they are."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started, by NCCL on CUDA and gloo on the CPU. Yields this process's Ranks.

    device: cpu, cuda or auto (CUDA if there is a GPU). Raises ConfigError if CUDA is requested and missing.
    """
    rank, world = rank_in_environment(), int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but torch finds no CUDA device here: set device to auto or cpu")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu and local >= torch.cuda.device_count():
        raise ConfigError(
            f"local rank {local} has no GPU: there are {torch.cuda.device_count()}; lower --nproc-per-node"
        )
    own_device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(own_device)
    if world > 1:
        dist.init_process_group("nccl" if on_gpu else "gloo", device_id=own_device if on_gpu else None)
    yield Ranks(rank, world, own_device)
    if world > 1:  # not after an error: other ranks may wait in an exchange, and torchrun ends them
        dist.destroy_process_group()
