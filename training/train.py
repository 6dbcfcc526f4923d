"""Train a decoder on a dataset: `torchrun [--standalone --nproc-per-node=N] training/train.py --data DIR --out DIR`.

One process without torchrun, DDP with it: gloo on CPU, NCCL on CUDA. What a step computes is a function of
dataset, schedule, configuration, step and the number of ranks, so that a run that was killed and resumed writes
the same metrics.jsonl and the same weights as one that was not. SIGTERM, SIGINT and SIGUSR1 save and leave with
130 (start torchrun with `--signals-to-handle=SIGTERM,SIGINT,SIGUSR1`: its default leaves orphans on the last).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

if __name__ == "__main__":  # torchrun and python put training/ first; a checkout that is not installed needs its root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from sharding.rows import Dataset
from training.attention import fastest_kernels
from training.config import Config, read_config
from training.data import check_batch
from training.errors import SAID, ConfigError, InputError, TrainError, exit_code, say
from training.fp8 import check_hardware
from training.loop import Trainer
from training.ranks import Elsewhere, Ranks, joined, rank_in_environment
from training.runfolder import RunFolder

LINGER = 30  # seconds: torchrun ends all ranks when one leaves, and the one that has something to say must be first


class Signals:
    """While it is entered, SIGTERM, SIGINT and SIGUSR1 raise a flag, which the loops poll."""

    def __init__(self) -> None:
        self.raised = False

    def __enter__(self) -> Signals:
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
        self._before = {number: signal.signal(number, self._raise) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, *_: object) -> None:
        self.raised = True


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a dataset made by `arcorp pack`")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a run begun there goes on")
    parser.add_argument("--config", type=Path, help="YAML or JSON; defaults without it")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="lay a value over the file's")
    parser.add_argument("--schedule", default="schedule.json", help="a schedule in the dataset's folder")
    parser.add_argument("--restart", action="store_true", help="delete what an earlier run left in --out")
    return parser.parse_args(argv)


def train(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> int:
    """A whole run on this rank. Returns the exit code."""
    if config.threads:
        torch.set_num_threads(config.threads)
    root = ranks.tell(lambda: open_dataset(arguments, config, ranks).root)
    dataset = open_dataset(arguments, config, ranks)
    if dataset.root != root:
        raise InputError(f"rank {ranks.rank} sees dataset {dataset.root[:16]} where rank 0 sees {root[:16]}")
    with ExitStack() as stack:
        stop = stack.enter_context(Signals())
        folder: RunFolder | None = None

        def open_folder() -> None:
            nonlocal folder
            folder = stack.enter_context(RunFolder(arguments.out, restart=arguments.restart))

        ranks.tell(open_folder)
        model = config.model(dataset.vocab_size, dataset.row_tokens)
        attention = stack.enter_context(fastest_kernels(config, model, ranks.device))
        trainer = Trainer(config, dataset, ranks, folder, lambda: stop.raised)
        trainer.resume()
        if ranks.tell(lambda: trainer.finished):
            if ranks.first:
                say(f"{arguments.out} is complete: {trainer.step} steps; nothing to do")
            return 0
        if ranks.first:
            say(
                f"{config.preset}: {trainer.counts.parameters:,} parameters, "
                f"{trainer.counts.flops / 1e9:.4f} GFLOP per token; "
                f"{trainer.steps} steps of {dataset.batch_rows} x {dataset.row_tokens} tokens on {ranks.world} x "
                f"{ranks.device.type}; {attention}"
            )
        return trainer.run()


def open_dataset(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> Dataset:
    """Raises SealError if it is not sound, ConfigError if the configuration doesn't fit it."""
    dataset = Dataset(arguments.data, schedule=arguments.schedule)
    config.model(dataset.vocab_size, dataset.row_tokens)
    check_batch(dataset, config.batch_rows, ranks.world, config.accumulation)
    if config.steps is not None and config.steps > dataset.steps:
        raise ConfigError(
            f"steps is {config.steps} but the schedule has {dataset.steps}: lay a longer one with `arcorp mix`"
        )
    if config.generate.prompt_tokens >= dataset.row_tokens:
        raise ConfigError(f"generate.prompt_tokens is {config.generate.prompt_tokens}: a row has {dataset.row_tokens}")
    return dataset


def check_machine(config: Config, device: torch.device) -> None:
    """Bound the memory of a GPU. Raises ConfigError where the configuration wants what is not there."""
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(config.memory)
    if config.precision == "fp8":
        check_hardware(device)
    compilers = (("CXX", "g++"), ("CC", "gcc"), ("CC", "cc"))
    if config.compile and not any(shutil.which(os.environ.get(key, name)) for key, name in compilers):
        raise ConfigError("compile is true, which needs a C compiler, and there is none: set compile to false")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, join, train. Errors are a sentence, said by the rank that knows."""
    arguments = parse(argv)
    speaks = rank_in_environment() == 0
    try:
        config = read_config(arguments.config, arguments.set)
        with joined(config.device) as ranks:
            check_machine(config, ranks.device)
            speaks = True
            return train(arguments, config, ranks)
    except (Elsewhere, torch.OutOfMemoryError, *SAID) as error:
        if not speaks or isinstance(error, Elsewhere):
            time.sleep(LINGER)
            return 1
        if isinstance(error, torch.OutOfMemoryError):
            error = TrainError(f"the GPU is out of memory: raise accumulation, or choose fewer batch_rows ({error})")
        say(f"error: {error}")
        return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
