"""The processes of one run: who they are, and the few words they exchange.

torchrun says in the environment who each process is; without it there is one. Only rank 0 decides, writes and
speaks: what can fail there (a lock, a damaged checkpoint, a full disk) goes through `tell`, so that the others
leave with it instead of waiting for it. Values travel as JSON in tensors; nothing is pickled.
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

from training.errors import SAID, ConfigError


class Elsewhere(Exception):
    """Rank 0 has failed and says why; this rank has nothing to add."""


@dataclass(frozen=True)
class Ranks:
    """This process among `world`."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up over ranks, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def each(self, value: float) -> list[float]:
        """The value of each rank, in order."""
        values = torch.zeros(self.world, dtype=torch.float64)
        values[self.rank] = value
        found: list[float] = self.sum(values.to(self.device)).tolist()
        return found

    def any(self, flag: bool) -> bool:
        """Whether the flag is up on any rank."""
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)).item())

    def tell(self, decide: Callable[[], Any]) -> Any:
        """Run `decide` on rank 0 and give its JSON value to everyone.

        What it raises of `errors.SAID` is raised on rank 0, and Elsewhere on the others.
        """
        failure: Exception | None = None
        payload = b""
        if self.first:
            try:
                payload = b"+" + json.dumps(decide()).encode()
            except SAID as error:
                failure, payload = error, b"-"
        if self.world > 1:
            payload = self._broadcast(payload)
        if failure is not None:
            raise failure
        if payload == b"-":
            raise Elsewhere
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
    """This process's rank, known before anything is joined."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the other processes that torchrun started: NCCL on CUDA, gloo on CPU.

    `device` is cpu, cuda or auto (CUDA if there is any). Raises ConfigError where CUDA is asked for and missing.
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
    where = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(where)
    if world > 1:
        dist.init_process_group("nccl" if on_gpu else "gloo", device_id=where if on_gpu else None)
    yield Ranks(rank, world, where)
    if world > 1:  # not after an error: the others may be waiting elsewhere, and torchrun ends them
        dist.destroy_process_group()
