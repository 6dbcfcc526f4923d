"""Where the time of a step goes: a few steps of the real trainer under torch's profiler. Prints one line of JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from sharding.rows import Dataset
from training.attention import fastest_kernels
from training.config import read_config
from training.data import steps
from training.loop import Trainer
from training.ranks import joined

BEFORE, PROFILED = 3, 3  # steps
SHOWN = 20  # kernels


def measure(config: Path, settings: list[str], data: Path) -> dict:
    """Milliseconds of a step by kernel, the longest first; on a CPU, by operator."""
    read, dataset = read_config(config, settings), Dataset(data)
    with (
        joined(read.device) as ranks,
        fastest_kernels(read, read.model(dataset.vocab_size, dataset.row_tokens), ranks.device),
    ):
        trainer = Trainer(read, dataset, ranks, None, lambda: False)
        trainer.warm_up()
        coming = steps(dataset, 0, BEFORE + PROFILED, ranks, read.accumulation, trainer.order_hash)
        on_gpu = ranks.device.type == "cuda"
        for _ in range(BEFORE):
            trainer.train(next(coming))
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
        with profile(activities=activities) as profiler:
            for step in coming:
                trainer.train(step)
            if on_gpu:
                torch.cuda.synchronize()
    times = {
        one.key: (one.self_device_time_total if on_gpu else one.self_cpu_time_total) / PROFILED / 1000
        for one in profiler.key_averages()
        if not on_gpu or one.device_type == torch.autograd.DeviceType.CUDA
    }
    longest = sorted(times.items(), key=lambda item: -item[1])
    return {
        "milliseconds": sum(times.values()),
        "kernels": [{"name": name[:120], "milliseconds": value} for name, value in longest[:SHOWN]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A profile of the trainer's step.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps(measure(given.config, given.set, given.data)))


if __name__ == "__main__":
    main()
