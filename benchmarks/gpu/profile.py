"""Profile of a training step: a few steps of the trainer under torch's profiler. Prints one line of JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from sharding.rows import Dataset
from training.attention import fastest_kernels
from training.config_file import read_config
from training.data import steps
from training.loop import Trainer
from training.ranks import joined

BEFORE, PROFILED = 3, 3  # steps
SHOWN = 20  # kernels


def measure(config: Path, settings: list[str], data: Path) -> dict[str, float]:
    """Return the milliseconds of a step by kernel (on a CPU: by operator), the longest first."""
    options, dataset = read_config(config, settings), Dataset(data)
    with (
        joined(options.device) as ranks,
        fastest_kernels(options.model(dataset.vocab_size, dataset.row_tokens), ranks.device),
    ):
        trainer = Trainer(options, dataset, ranks, None, lambda: False)
        trainer.warm_up()
        upcoming = steps(dataset, 0, BEFORE + PROFILED, ranks, options.accumulation, trainer.order_hash)
        on_gpu = ranks.device.type == "cuda"
        for _ in range(BEFORE):
            trainer.train(next(upcoming))
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
        with profile(activities=activities) as profiler:
            for step in upcoming:
                trainer.train(step)
            if on_gpu:
                torch.cuda.synchronize()
    times = {
        event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / PROFILED / 1000
        for event in profiler.key_averages()
        if not on_gpu or event.device_type == torch.autograd.DeviceType.CUDA  # type: ignore[attr-defined]
    }
    longest = sorted(times.items(), key=lambda item: -item[1])
    return {
        "milliseconds": sum(times.values()),
        "kernels": [{"name": name[:120], "milliseconds": value} for name, value in longest[:SHOWN]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Profile a step of the trainer.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.config, arguments.set, arguments.data)))


if __name__ == "__main__":
    main()
