"""How fast a run is against what its hardware can do: MFU by two conventions, and a watch on the device's clock.

MFU is FLOPs done over FLOPs that the peak allows. `mfu` counts attention whole (PaLM's and nanochat's convention),
`mfu_causal` halves it, since a causal mask leaves half of it out. The peak is that of dense bf16 products, for
FP8 runs too, so that runs compare; figures are the vendors' data sheets, where those give the rate with sparsity half
of it, and agree with nanochat's common.py. An unknown device has no MFU.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from training.model import Counts
from training.ranks import Ranks

PEAKS = {  # dense bf16 FLOP/s, by what the device's name contains; the first that fits
    "GB200": 2.5e15,
    "B200": 2.25e15,
    "H200 NVL": 836e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H20": 148e12,
    "A100": 312e12,
    "L40S": 362e12,
}


def peak_of(name: str) -> float | None:
    """Dense bf16 FLOP/s of a device by its name."""
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def utilisation(tokens_per_second: float, counts: Counts, name: str, world: int) -> dict[str, Any]:
    """`mfu`, `mfu_causal` (parts of 1) and the `peak` they are of; nothing where the peak is unknown.

    tokens_per_second: of all ranks together, `world` devices of this name.
    """
    peak = peak_of(name)
    if peak is None:
        return {}
    rate = tokens_per_second / (peak * world)
    named = f"{name}, {peak / 1e12:g} TFLOP/s dense bf16"
    return {"mfu": rate * counts.flops, "mfu_causal": rate * counts.causal_flops, "peak": named}


class Stopwatch:
    """Seconds from `start` to `stop` on a device's own clock. A GPU must have been waited for before they are read."""

    def __init__(self, device: torch.device) -> None:
        on_gpu = device.type == "cuda"
        self._events: list[Any] = [torch.cuda.Event(enable_timing=True) for _ in range(2 * on_gpu)]  # type: ignore[no-untyped-call]
        self._times = [0.0, 0.0]

    def start(self) -> None:
        self._mark(0)

    def stop(self) -> None:
        self._mark(1)

    def _mark(self, which: int) -> None:
        if self._events:
            self._events[which].record()
        else:
            self._times[which] = time.perf_counter()

    @property
    def seconds(self) -> float:
        if self._events:
            return float(self._events[0].elapsed_time(self._events[1])) / 1000
        return self._times[1] - self._times[0]


class Meter:
    """What the steps since the last line took: altogether, waiting for data, and until ranks wait for each other."""

    def __init__(self, ranks: Ranks, counts: Counts, tokens: int) -> None:
        """tokens: of one step, over all ranks."""
        self.ranks, self.counts, self.tokens = ranks, counts, tokens
        self.watch = Stopwatch(ranks.device)  # to be run over the forward passes of a step
        self._clear()

    def _clear(self) -> None:
        self.steps, self.spent, self.waited, self.own = 0, 0.0, 0.0, 0.0

    @contextmanager
    def step(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.steps, self.spent = self.steps + 1, self.spent + time.perf_counter() - began

    @contextmanager
    def waiting(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.waited += time.perf_counter() - began

    def passed(self) -> None:
        """The forward passes of a step are over, and the device has been waited for."""
        self.own += self.watch.seconds

    def line(self, step: int) -> dict[str, Any]:
        """The line of timings.jsonl, and begin anew. Every rank asks for it."""
        waits, own, device = self.ranks.each(self.waited), self.ranks.each(self.own), self.ranks.device
        speed = self.steps * self.tokens / self.spent
        found = {
            "step": step,
            "seconds": self.spent,
            "steps": self.steps,
            "tokens_per_second": speed,
            "data_wait_ms": 1000 * self.waited / self.steps,
            "slowest_data_wait_ms": 1000 * max(waits) / self.steps,  # of all ranks
            "slowest_rank": own.index(max(own)),  # in the forward passes, before ranks wait for each other,
            "skew_ms": 1000 * (max(own) - min(own)) / self.steps,  # by so much behind the fastest
            **utilisation(speed, self.counts, device_name(device), self.ranks.world),
        }
        if device.type == "cuda":
            found["memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
            found["reserved_mib"] = torch.cuda.max_memory_reserved() / 2**20
        self._clear()
        return found
