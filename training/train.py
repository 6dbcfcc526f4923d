"""Train a decoder on a dataset: `torchrun [--standalone --nproc-per-node=N] training/train.py --data DIR --out DIR`.

Without torchrun it is one process; with torchrun it is DDP, by gloo on the CPU and NCCL on CUDA. A step is a function
of dataset, schedule, configuration, step number and number of ranks: on the CPU a run that was killed and resumed
writes the same metrics.jsonl and weights as an uninterrupted run. SIGTERM, SIGINT and SIGUSR1 save a checkpoint and
exit with 130. Start torchrun with `--signals-to-handle=SIGTERM,SIGINT,SIGUSR1`: its default orphans the ranks
on SIGUSR1.
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

if (
    __name__ == "__main__"
):  # Python puts training/ first on the path; a checkout that is not installed needs its parent
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    # How long an idle thread of libgomp spins, read when torch is imported. By default another process that needs a
    # core halves the speed of training on a CPU.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

from sharding.proving import Share
from sharding.rows import Dataset
from training.attention import fastest_kernels
from training.config import Config
from training.config_file import read_config
from training.data import check_batch
from training.errors import REPORTED, ConfigError, InputError, TrainError, exit_code, say
from training.fp8 import check_hardware
from training.loop import Trainer
from training.ranks import FirstRankFailed, Ranks, joined, place_on_machine, rank_in_environment
from training.runfolder import RunFolder
from training.tracking import tracker

LINGER = 30
"""Seconds that the other ranks wait before they exit: torchrun ends all ranks when one exits, rank 0 included."""


class Signals:
    """Context manager in which SIGTERM, SIGINT and SIGUSR1 set `raised`, which the loops poll."""

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
    parser.add_argument("--data", type=Path, required=True, help="Dataset folder, written by `arcorp pack`.")
    parser.add_argument("--out", type=Path, required=True, help="Run folder. An unfinished run in it is resumed.")
    parser.add_argument(
        "--config",
        type=Path,
        help="YAML or JSON file of options, or a recipe, whose `train:` section is read. Default: all defaults.",
    )
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="Override one option. Repeatable.")
    parser.add_argument(
        "--schedule", default="schedule.json", help="File name of a schedule in the dataset folder, or ./FILE."
    )
    parser.add_argument("--restart", action="store_true", help="Delete the files of an earlier run in --out first.")
    return parser.parse_args(argv)


def train(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> int:
    """Train on this rank, from the start or the last checkpoint to the end. Returns the exit code."""
    if config.threads:
        torch.set_num_threads(config.threads)
    dataset: Dataset | None = None

    def open_first() -> str:
        nonlocal dataset
        dataset = open_dataset(arguments, config, ranks)
        return dataset.digest

    digest = ranks.from_first(open_first)
    dataset = dataset or open_dataset(arguments, config, ranks)
    if dataset.digest != digest:
        raise InputError(
            f"{arguments.data} is dataset {dataset.digest[:16]} on rank {ranks.rank} and {digest[:16]} on rank 0: "
            "copy the same dataset to every machine"
        )
    with ExitStack() as stack:
        stop = stack.enter_context(Signals())
        folder: RunFolder | None = None

        def open_folder() -> None:
            nonlocal folder
            folder = stack.enter_context(RunFolder(arguments.out, restart=arguments.restart))

        ranks.from_first(open_folder)
        stack.enter_context(fastest_kernels(config.model(dataset.vocab_size, dataset.row_tokens), ranks.device))
        trainer = Trainer(config, dataset, ranks, folder, lambda: stop.raised)
        trainer.resume()
        if ranks.from_first(lambda: trainer.finished):
            if ranks.first:
                say(f"{arguments.out} is complete: {trainer.step} steps; nothing to do")
            return 0

        def track() -> None:
            if folder is not None and config.log is not None:
                path = arguments.out.resolve()
                folder.track = stack.enter_context(tracker(config.log, path, config.values(), trainer.step))

        ranks.from_first(track)
        if ranks.first:
            how = [config.precision, *(name for name in ("compile", "deterministic") if getattr(config, name))]
            say(
                f"{config.preset}: {trainer.counts.parameters:,} parameters, "
                f"{trainer.counts.flops / 1e9:.4f} GFLOP per token; "
                f"{trainer.steps} steps of {dataset.batch_rows} x {dataset.row_tokens} tokens on {ranks.world} x "
                f"{ranks.device.type}: {', '.join(map(str, how))}"
            )
        return trainer.run()


def open_dataset(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> Dataset:
    """Open the dataset. Raises SealError if it is damaged, ConfigError if the options do not fit it."""
    beside = Share(*place_on_machine())
    dataset = Dataset(arguments.data, schedule=arguments.schedule, beside=beside)
    check_batch(dataset, config.batch_rows, ranks.world, config.accumulation)
    if config.steps is not None and config.steps > dataset.steps:
        raise ConfigError(
            f"steps is {config.steps} but the schedule has {dataset.steps}: create a longer one with `arcorp mix`"
        )
    if config.generate.prompt_tokens >= dataset.row_tokens:
        raise ConfigError(
            f"generate.prompt_tokens is {config.generate.prompt_tokens}: lower it below "
            f"the dataset's row_tokens, {dataset.row_tokens}"
        )
    return dataset


def check_machine(config: Config, device: torch.device) -> None:
    """Set up torch for a run. Raises ConfigError if FP8 or a C compiler is missing."""
    torch.use_deterministic_algorithms(config.deterministic)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is not deterministic without it
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32: fp32 products would be about ten times slower
    if config.precision == "fp8":
        check_hardware(device)
    compilers = (("CXX", "g++"), ("CC", "gcc"), ("CC", "cc"))
    if config.compile and not any(shutil.which(os.environ.get(key, name)) for key, name in compilers):
        raise ConfigError(
            "compile is true, which needs a C compiler, and none is on the PATH: install gcc or set compile to false"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. The rank that failed reports its error as one sentence."""
    arguments = parse(argv)
    reports = rank_in_environment() == 0
    try:
        config = read_config(arguments.config, arguments.set)
        with joined(config.device) as ranks:
            config = config.on(ranks.device.type)
            check_machine(config, ranks.device)
            reports = True
            return train(arguments, config, ranks)
    except (FirstRankFailed, torch.OutOfMemoryError, *REPORTED) as error:
        if not reports or isinstance(error, FirstRankFailed):
            time.sleep(LINGER)
            return 1
        if isinstance(error, torch.OutOfMemoryError):
            error = TrainError(
                f"the GPU is out of memory: increase accumulation or create a schedule with fewer batch_rows ({error})"
            )
        say(f"error: {error}")
        return exit_code(error)


if __name__ == "__main__":
    code = main()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # gloo's threads can abort a process that unloads its modules
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
