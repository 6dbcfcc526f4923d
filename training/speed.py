"""Speed of a run: MFU, waiting times, and a stopwatch on the device's clock.

MFU (model FLOPs utilisation) is the FLOPs per second of the run divided by the peak of the device. It counts the whole
attention (the convention of PaLM and nanochat), of which a causal mask leaves half out. The peak is always that of
dense bf16 products, also for FP8, so that runs are comparable. Peaks come from the vendors' data sheets (half of the
value with sparsity) and equal those of nanochat's common.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from training.model import ModelCost
from training.ranks import Ranks

PEAKS = {  # dense bf16 FLOP/s by a part of the device's name; the first match is used
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


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def utilisation(tokens_per_second: float, cost: ModelCost, name: str, world: int) -> dict[str, Any]:
    """Return `mfu` (share of 1) and its `peak`; nothing if the peak of the device is unknown.

    tokens_per_second: of all ranks; name: of the device; world: number of devices.
    """
    peak = next((peak for part, peak in PEAKS.items() if part in name), None)
    if peak is None:
        return {}
    mfu = tokens_per_second * cost.flops / (peak * world)
    return {"mfu": mfu, "peak": f"{name}, {peak / 1e12:g} TFLOP/s dense bf16"}


class Stopwatch:
    """Seconds from `start` to `stop` on the device's clock. Synchronise a GPU before reading `seconds`."""

    def __init__(self, device: torch.device) -> None:
        on_gpu = device.type == "cuda"
        self._events: list[Any] = [torch.cuda.Event(enable_timing=True) for _ in range(2 * on_gpu)]  # type: ignore[no-untyped-call]
        self._times = [0.0, 0.0]

    def start(self) -> None:
        self._mark(0)

    def stop(self) -> None:
        self._mark(1)

    def _mark(self, index: int) -> None:
        if self._events:
            self._events[index].record()
        else:
            self._times[index] = time.perf_counter()

    @property
    def seconds(self) -> float:
        if self._events:
            return float(self._events[0].elapsed_time(self._events[1])) / 1000
        return self._times[1] - self._times[0]


class Meter:
    """Times of the steps since the last log line: in all, waiting for data, and in this rank's own forward passes."""

    def __init__(self, ranks: Ranks, cost: ModelCost, tokens: int) -> None:
        """tokens: of one step, over all ranks."""
        self.ranks, self.cost, self.tokens = ranks, cost, tokens
        self.watch = Stopwatch(ranks.device)  # the caller runs it over the forward passes of a step
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
        """Add the time of a step's forward passes. Call it after the device was synchronised."""
        self.own += self.watch.seconds

    def line(self, step: int) -> dict[str, Any]:
        """Return the line of timings.jsonl and reset the times. Every rank must call it: it is an exchange."""
        waits, own, device = self.ranks.each(self.waited), self.ranks.each(self.own), self.ranks.device
        speed = self.steps * self.tokens / self.spent
        result = {
            "step": step,
            "seconds": self.spent,
            "steps": self.steps,
            "tokens_per_second": speed,
            "data_wait_ms": 1000 * self.waited / self.steps,
            "slowest_data_wait_ms": 1000 * max(waits) / self.steps,  # longest of all ranks
            "slowest_rank": own.index(max(own)),  # in the forward passes, before ranks synchronise
            "skew_ms": 1000 * (max(own) - min(own)) / self.steps,  # between the slowest and the fastest rank
            **utilisation(speed, self.cost, device_name(device), self.ranks.world),
        }
        if device.type == "cuda":
            result["memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        self._clear()
        return result
