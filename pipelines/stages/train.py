"""Train: run the trainer, `torchrun training/train.py`, as a process.

The trainer is found by its path and never imported, since pipelines run without torch. It resumes by itself and is
deterministic, so its folder is sealed. Only timings, which differ between equal runs, are not sealed.

A run that starts from other weights has their digest among its inputs, and their path nowhere: in another folder, the
same build has the same bytes.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, UsageError, failure
from pipelines.recipe import TrainOptions
from pipelines.run import UNSEALED, Finish, Machines, Stage, Work, check_sealed, files_of
from pipelines.run.state_files import TRAIN_CONFIG, TRAIN_LOG
from pipelines.stages.build_folder import RUNS
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.seal import Counts, Sealed

VERSION = 4
STEP = re.compile(r"step-(\d+)")
GRACE = 120
"""Seconds for a trainer to save a checkpoint and exit."""


@dataclass(frozen=True)
class TrainingData:
    """What a run reads: a dataset, the name of a schedule in it, and the folder of an earlier run to start from."""

    dataset: Path
    schedule: str = SCHEDULE
    start: Path | None = None


def train_stage(
    folder: Path,
    data: TrainingData,
    options: TrainOptions,
    seed: int,
    say: Callable[[str], None],
    machines: Machines,
) -> Stage:
    """Train on a dataset and one of its schedules. `say` is called with each line of the trainer's log."""
    opened = Sealed(data.dataset, "pack")
    config = _config(options, seed)
    inputs = {"dataset": opened.digest, "schedule": _digest_of_schedule(data)}
    if data.start is not None:
        earlier = Sealed(data.start, "train")
        inputs[f"{RUNS}/{data.start.name}"] = earlier.digest
        config["init_from"] = str(data.start)
    elif options.init_from is not None:
        inputs["weights"] = _digest_of_weights(Path(options.init_from))

    def work() -> Work:
        return Work(finish=train)

    def train(finish: Finish) -> None:
        if data.start is not None:
            check_sealed(data.start, earlier.manifest)
        seal.write_json(folder / TRAIN_CONFIG, config)
        _wait_for_trainer(folder, say)
        readable = _readable_path(data, machines)
        _launch(folder, readable, data.schedule, options.ranks, machines.nodes, say)
        for name in files_of(folder)[0]:
            if name not in UNSEALED:
                finish.adopt(name)
        steps = max(int(match[1]) for name in finish.files if (match := STEP.match(name.removeprefix("checkpoints/"))))
        finish.counts = {"steps": Counts(input=steps, out=steps)}

    identity = {**config, "ranks": options.ranks * machines.nodes}  # the sum of gradients depends on their number
    identity.pop("init_from", None)  # a path; the weights are among the inputs
    return Stage("train", VERSION, folder, identity, inputs, work)


def _digest_of_schedule(data: TrainingData) -> str:
    """Return the sha256 of the schedule's file. Raises UsageError if there is none."""
    path = data.dataset / data.schedule
    try:
        return seal.hash_file(path).sha256
    except OSError:
        raise UsageError(f"{path} is missing: write it with `arcorp mix {data.dataset} --out {path}`") from None


def _digest_of_weights(path: Path) -> str:
    """Return a digest of the weights that `init_from` names: of the newest checkpoint, or of the files of a model.

    The meta.json of a checkpoint holds the sha256 of its files, which the trainer compares. A path without weights is
    refused by the trainer.
    """
    saved = [
        (int(match[1]), meta)
        for meta in path.glob("checkpoints/*/meta.json")
        if (match := STEP.fullmatch(meta.parent.name))
    ]
    newest = [path / "meta.json"] if (path / "meta.json").is_file() else [meta for _, meta in sorted(saved)[-1:]]
    files = newest or [*sorted(path.glob("*.safetensors")), *sorted(path.glob("*.json"))]
    return seal.digest_of({file.name: seal.hash_file(file).sha256 for file in files})


def _config(options: TrainOptions, seed: int) -> dict[str, object]:
    """Return the trainer's configuration: the values that the recipe sets. The trainer has defaults for the others."""
    values = options.model_dump(mode="json", exclude_none=True, exclude={"ranks"})
    return {"seed": seed, **{key: value for key, value in values.items() if value != {}}}


def _readable_path(data: TrainingData, machines: Machines) -> Path:
    """Return the path that the trainer reads: the dataset, or its verified copy on the disk of each machine."""
    dataset = data.dataset
    if machines.scratch is None:
        return dataset
    from pipelines.stages.copy_to_scratch import copy, scratch_path

    if machines.nodes == 1:
        return copy(dataset, machines.scratch, data.schedule)
    command = [sys.executable, "-m", "pipelines.stages.copy_to_scratch"]
    command += [str(dataset), machines.scratch, data.schedule]
    if subprocess.run([*_on_each(machines.nodes), *command]).returncode:
        raise Failure(f"{dataset} could not be copied to {machines.scratch} on each machine: see the job's log")
    return scratch_path(dataset, machines.scratch)


def _on_each(nodes: int) -> list[str]:
    """Return the command prefix that starts a command once on each machine of this job."""
    cpus = os.environ.get("SLURM_CPUS_PER_TASK", "1")
    return ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", f"--cpus-per-task={cpus}", "--kill-on-bad-exit=1"]


def _rendezvous(nodes: int) -> list[str]:
    """Return torchrun's flags for several machines: a rendezvous on this machine, at a port derived from the job."""
    job = os.environ["SLURM_JOB_ID"]
    endpoint = f"{os.uname().nodename}:{20_000 + int(job) % 20_000}"
    return [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-id={job}", f"--rdzv-endpoint={endpoint}"]


def trainer_script(name: str, work: str) -> Path:
    """Return the path of a script of the package `training`. Raises UsageError without torch."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"{work} needs torch, which is not installed: pip install 'arcorp[train]'")
    package = importlib.util.find_spec("training")
    if package is None or not package.submodule_search_locations:
        raise Failure("the package 'training' is not installed: install arcorp again")
    return Path(next(iter(package.submodule_search_locations))) / name


def _launch(folder: Path, dataset: Path, schedule: str, ranks: int, nodes: int, say: Callable[[str], None]) -> None:
    """Run the trainer to its end.

    Raises a Failure with its last line and its exit code, KeyboardInterrupt if it was interrupted.
    """
    script = trainer_script("train.py", "training")
    command = [sys.executable, "-u"]
    if ranks > 1 or nodes > 1:
        rendezvous = _rendezvous(nodes) if nodes > 1 else ["--standalone"]
        command = [*(_on_each(nodes) if nodes > 1 else []), *command]
        command += ["-m", "torch.distributed.run", *rendezvous, f"--nproc-per-node={ranks}"]
        command += ["--signals-to-handle=SIGTERM,SIGINT,SIGUSR1"]
    command += [str(script), "--data", str(dataset), "--out", str(folder)]
    command += ["--schedule", schedule, "--config", str(folder / TRAIN_CONFIG)]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    log = folder / TRAIN_LOG
    last = ""
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        ) as process,
    ):
        assert process.stdout is not None
        handlers = _forward_signals(process)
        try:
            for line in process.stdout:
                file.write(line)
                if line.startswith(("step ", "validation ", "saved ", "resuming ", "error: ", "interrupted ")):
                    last = line.strip()
                    say(f"  {last}")
            code = process.wait()
        except KeyboardInterrupt:  # the trainer received it too, and saves
            process.wait(timeout=GRACE)
            raise
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if last.startswith("interrupted "):
        raise KeyboardInterrupt
    if code:
        reason = last.removeprefix("error: ") if last.startswith("error: ") else f"its exit code is {code}"
        raise failure(f"training failed: {reason} (its log is {log})", code)


def _forward_signals(process: subprocess.Popen[str]) -> dict[int, Any]:
    """Forward the first SIGTERM or SIGUSR1 of a scheduler to the trainer, which then saves and exits.

    Returns the previous handlers by signal.
    """
    if threading.current_thread() is not threading.main_thread():  # signals arrive in the main thread only
        return {}
    forwarded: list[int] = []

    def forward(number: int, _: object) -> None:
        if not forwarded:
            forwarded.append(number)
            process.send_signal(signal.SIGUSR1)

    return {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGUSR1)}


def _wait_for_trainer(folder: Path, say: Callable[[str], None]) -> None:
    """Wait up to GRACE seconds for the trainer of a killed build, which received a signal to save and exit."""
    path = folder / ".lock"
    if not path.exists():
        return
    with path.open("a") as file:
        for second in range(GRACE):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if second == 0:
                    say("  waiting for the trainer of the previous build to save and exit")
                time.sleep(1)


def _end_with_parent() -> None:
    """Set this process to receive SIGTERM when arcorp dies. Runs in the child before it executes torchrun."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
