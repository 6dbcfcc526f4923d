"""The nanochat preset beside nanochat on one CPU: `python -m benchmarks.training --nanochat DIR --data DATASET`.

DIR is a checkout of karpathy/nanochat; its model and optimizer run in this process. Several can be given. The model of
commit 6ed7d1d has the parameters of our preset with value embeddings; later ones add a few for a mix of neighbouring
tokens ("smear") and of layers ("backout"). All models have the same blocks, width and heads, and read the same rows in
the same order. They take turns, step by step, so that the load of the machine is the same for all. Time is the CPU
time of the process. nanochat has the rates, momentum and schedule of its base_train.py; its factor for small batches,
which makes it worse here, is left out, and so is its weight decay, which is scaled to the length of long runs.

Reported are the mean loss of the twenty steps before 100, 300 and 1,000 (each a run of that length, since schedules
depend on it; the mean of several runs, with other initial weights and another order), tokens per CPU second (median of
steps), parameters, and the peak memory of a process that trains one, the compiler of nanochat's optimizer included.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Goal, keep, print_results
from sharding.rows import Dataset
from training.config import Config
from training.data import targets
from training.loss import IGNORE
from training.model import make_model
from training.optim import Optimizer, pace

SIZES = {"4 blocks of 256": (4, 256, 2), "2 blocks of 64": (2, 64, 2)}  # blocks, width, heads
LENGTHS = {"4 blocks of 256": (100, 300), "2 blocks of 64": (100, 300, 1_000)}
ROWS, LAST, WARM = 4, 20, 3
MOMENTUM_STEPS, WARM_UP, WARM_DOWN = 400, 10, 0.5
OURS = "ours"

Batch = tuple[Tensor, Tensor, Tensor]
Step = Callable[[int, Batch], float]  # step number and ids, targets, starts to the loss
Trainers = dict[str, Callable[[str, Dataset, int, int], tuple[nn.Module, Step]]]  # size, data, steps, seed


def ours(size: str, data: Dataset, steps: int, seed: int) -> tuple[nn.Module, Step]:
    """The model and a step of this repository's trainer, with its defaults for the preset."""
    layers, width, heads = SIZES[size]
    config = Config(
        layers=layers,
        width=width,
        heads=heads,
        value_embeddings=True,
        rope_theta=100_000.0,
        lr=0.1 / width**0.5,
        weight_decay=0.0,
        warmup=WARM_UP,
        warmdown=WARM_DOWN,
        seed=seed,
    )
    model = make_model(config.model(data.vocab_size, data.row_tokens), config.seed)
    optimizer = Optimizer(model, config)

    def step(index: int, batch: Batch) -> float:
        total, _ = model(*batch)
        count = int((batch[1] != IGNORE).sum())
        (total / count).backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        optimizer.step(pace(index, steps, config))
        return float(total.detach()) / count

    return model, step


def theirs(folder: Path, size: str, data: Dataset, steps: int, seed: int) -> tuple[nn.Module, Step]:
    """The model and a step of the nanochat in a folder, as its base_train.py takes it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "nanochat"]:
        del sys.modules[name]  # of another folder
    sys.path.insert(0, str(folder))
    gpt = importlib.import_module("nanochat.gpt")
    sys.path.pop(0)
    layers, width, heads = SIZES[size]
    torch.manual_seed(seed)
    model = gpt.GPT(
        gpt.GPTConfig(
            sequence_len=data.row_tokens,
            vocab_size=data.vocab_size,
            n_layer=layers,
            n_head=heads,
            n_kv_head=heads,
            n_embd=width,
            window_pattern="L",
        )
    )
    model.init_weights()
    optimizer = model.setup_optimizer(
        unembedding_lr=0.008, embedding_lr=0.3, matrix_lr=0.02, scalar_lr=0.5, weight_decay=0.0
    )
    down = round(WARM_DOWN * steps)
    last = 0.90 if hasattr(model, "smear_lambda") else 0.97  # the momentum does not decrease at 6ed7d1d

    def step(index: int, batch: Batch) -> float:
        loss = model(batch[0], batch[1])
        loss.backward()
        share = (index + 1) / WARM_UP if index < WARM_UP else min(1.0, (steps - index) / down)
        part = min(index / MOMENTUM_STEPS, 1.0)
        momentum = (1 - part) * 0.85 + part * 0.97
        if index >= MOMENTUM_STEPS and index >= steps - down:
            momentum = 0.97 - (0.97 - last) * (index - steps + down) / down
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
            if group["kind"] == "muon":
                group["momentum"] = momentum
        optimizer.step()
        model.zero_grad(set_to_none=True)
        return float(loss.detach())

    return model, step


def batches(data: Dataset, steps: int, seed: int) -> list[Batch]:
    """Rows of the training split in an order of their own, each as often as any other."""
    random = np.random.default_rng(seed)
    epochs = -(-steps * ROWS // data.train.rows)
    order = np.concatenate([random.permutation(data.train.rows) for _ in range(epochs)])[: steps * ROWS]
    result: list[Batch] = []
    for rows in order.reshape(steps, ROWS):
        batch = data.train.read(rows)
        ids, expected, starts = map(torch.from_numpy, (batch.ids, targets(batch), batch.starts))
        result.append((ids, expected, starts))
    return result


def compare(size: str, data: Dataset, steps: int, seeds: int, trainers: Trainers) -> dict[str, dict[str, Any]]:
    """Train models in turns, and return their figures. seeds: number of runs of each."""
    losses: dict[str, list[float]] = {name: [] for name in trainers}
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for seed in range(seeds):
        started = {name: start(size, data, steps, seed) for name, start in trainers.items()}
        for index, batch in enumerate(batches(data, steps, seed)):
            for name, (_, step) in started.items():
                began = time.process_time()
                losses[name].append(step(index, batch))
                seconds[name] += [time.process_time() - began] if index >= WARM else []
    tokens = ROWS * data.row_tokens
    results: dict[str, dict[str, Any]] = {}
    for name, (model, _) in started.items():
        last = [statistics.mean(losses[name][end - LAST : end]) for end in range(steps, len(losses[name]) + 1, steps)]
        results[name] = {
            "loss": statistics.mean(last),
            "by_seed": last,
            "tokens_per_cpu_second": tokens / statistics.median(seconds[name]),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        }
    return results


def memory(size: str, trainers: Trainers, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the peak memory of a process of each trainer, MiB, beyond that of one that trains nothing."""
    peaks = {}
    for name in trainers:
        command = [sys.executable, "-m", "benchmarks.training", "--data", str(arguments.data)]
        command += [part for folder in arguments.nanochat for part in ("--nanochat", str(folder))]
        command += ["--alone", name, "--size", size]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[name] = float(run.stdout.splitlines()[-1])
    return peaks


def alone(size: str, data: Dataset, trainers: Trainers) -> None:
    """Train for a few steps, and print the memory that it took, MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    compare(size, data, LAST, 1, trainers)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def beside(peer: str, question: str, unit: str, limit: float, mine: float, other: float, ratio: float) -> Goal:
    """Return a goal whose bound is on `ratio`."""
    return Goal(question, mine, unit, "at least", limit, f"nanochat {peer}", other, ratio)


def goals(size: str, steps: int, trained: dict[str, dict[str, Any]]) -> list[Goal]:
    """Return the goals of runs of one size and length: loss and speed."""
    result = []
    for peer in [name for name in trained if name != OURS]:
        mine, other = trained[OURS], trained[peer]
        is_same = mine["parameters"] == other["parameters"]
        what = size if is_same else f"{size}, nanochat with smear and backout"
        loss, speed = ((mine[key], other[key]) for key in ("loss", "tokens_per_cpu_second"))
        question = f"Loss after {steps:,} steps, {what}"
        result.append(beside(peer, question, "nats", 1.0, *loss, loss[1] / loss[0]))
        result.append(beside(peer, f"Training on a CPU, {what}", "tokens/cpu-s", 1.15, *speed, speed[0] / speed[1]))
    return result


def goals_of_memory(size: str, peaks: dict[str, float]) -> list[Goal]:
    """Return the goals of one size: memory."""
    mine = peaks[OURS]
    return [
        beside(peer, f"Memory of training, {size}, nanochat {peer}", "MiB", 1.0, mine, other, other / mine)
        for peer, other in peaks.items()
        if peer != OURS
    ]


def commit(folder: Path) -> str:
    """Return the commit of a checkout, or the name of a folder without git."""
    head = ["git", "-C", str(folder), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(head, capture_output=True, text=True).stdout.strip() or folder.name


def main() -> None:
    parser = argparse.ArgumentParser(description="Train our nanochat preset beside nanochat.")
    parser.add_argument(
        "--nanochat", type=Path, action="append", required=True, help="checkout of karpathy/nanochat; repeatable"
    )
    parser.add_argument("--data", type=Path, required=True, help="dataset, such as that of the demo")
    parser.add_argument("--size", choices=SIZES, action="append", help="default: all")
    parser.add_argument("--steps", type=int, action="append", help="default: 100, 300 and, for the small one, 1,000")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--alone", help="measure the memory of one trainer only: ours, or a commit")
    arguments = parser.parse_args()
    os.environ["NANOCHAT_DTYPE"] = "float32"
    torch.set_num_threads(arguments.threads)
    trainers: Trainers = {OURS: ours, **{commit(folder): partial(theirs, folder) for folder in arguments.nanochat}}
    data, load = Dataset(arguments.data), os.getloadavg()[0]
    if arguments.alone:
        alone(arguments.size[0], data, {arguments.alone: trainers[arguments.alone]})
        return
    common: dict[str, Any] = {"vocab_size": data.vocab_size, "row_tokens": data.row_tokens, "rows": ROWS}
    for size in arguments.size or SIZES:
        peaks = print_results(f"{size}, MiB", memory(size, trainers, arguments))
        keep("training", common | {f"{size}, MiB": peaks}, goals_of_memory(size, peaks), load, "torch", "numpy")
        for steps in arguments.steps or LENGTHS[size]:
            what = f"{size}, {steps} steps"
            trained = print_results(what, compare(size, data, steps, arguments.seeds, trainers))
            keep("training", common | {what: trained}, goals(size, steps, trained), load, "torch", "numpy")


if __name__ == "__main__":
    main()
