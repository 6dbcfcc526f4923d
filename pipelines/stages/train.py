"""Train: the trainer, started as anyone would start it: `torchrun training/train.py`.

It is found by its place, never imported: pipelines run where there is no torch. It resumes by itself and is as exact
as the other stages, so that its folder is sealed like theirs; only timings, which no two runs share, stay outside.
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
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, UsageError, failure
from pipelines.recipe import TrainOptions
from pipelines.run import STATE, UNSEALED, Finish, Machines, Stage, Work, files_of
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.seal import Counts, Sealed

VERSION = 2
GRACE = 120  # seconds that a trainer gets to save and leave


def train_stage(
    folder: Path,
    dataset: Path,
    options: TrainOptions,
    seed: int,
    say: Callable[[str], None],
    machines: Machines,
) -> Stage:
    """Train on a dataset and its schedule. `say` is told each of the trainer's lines."""
    opened = Sealed(dataset, "pack")
    schedule = seal.hash_file(dataset / SCHEDULE).sha256
    config = _config(options, seed)

    def work() -> Work:
        return Work(finish=train)

    def train(finish: Finish) -> None:
        seal.write_json(folder / STATE / "train.json", config)
        _wait_for_last(folder, say)
        _launch(folder, _staged(dataset, machines), options.ranks, machines.nodes, say)
        for name in files_of(folder)[0]:
            if name not in UNSEALED:
                finish.adopt(name)
        steps = max(int(match[1]) for name in finish.files if (match := re.match(r"checkpoints/step-(\d+)/", name)))
        finish.counts = {"steps": Counts(input=steps, out=steps)}

    given = {**config, "ranks": options.ranks * machines.nodes}  # gradients are summed over them: as many, as exact
    return Stage("train", VERSION, folder, given, {"dataset": opened.digest, "schedule": schedule}, work)


def _config(options: TrainOptions, seed: int) -> dict[str, object]:
    """The trainer's own configuration: what the recipe says, and nothing where it says nothing."""
    given = options.model_dump(mode="json", exclude_none=True, exclude={"ranks"})
    given = {key: value for key, value in given.items() if value != {}}
    return {"seed": seed, **given}


def _staged(dataset: Path, machines: Machines) -> Path:
    """The dataset as the trainer is to read it: copied to the disk of each machine and proven there, if so asked."""
    if machines.scratch is None:
        return dataset
    from pipelines.stages.copy_to_scratch import copied, copy

    if machines.nodes == 1:
        return copy(dataset, machines.scratch)
    command = [sys.executable, "-m", "pipelines.stages.copy_to_scratch", str(dataset), machines.scratch]
    if subprocess.run([*_on_each(machines.nodes), *command]).returncode:
        raise Failure(f"{dataset} could not be copied to {machines.scratch} on each machine; the job's log says why")
    return copied(dataset, machines.scratch)


def _on_each(nodes: int) -> list[str]:
    """What starts a command once on each machine of this job."""
    cpus = os.environ.get("SLURM_CPUS_PER_TASK", "1")
    return ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", f"--cpus-per-task={cpus}", "--kill-on-bad-exit=1"]


def _rendezvous(nodes: int) -> list[str]:
    """torchrun's flags for several machines: they meet on this one, at a port that is the job's own."""
    job = os.environ["SLURM_JOB_ID"]
    place = f"{os.uname().nodename}:{20_000 + int(job) % 20_000}"
    return [f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-id={job}", f"--rdzv-endpoint={place}"]


def _launch(folder: Path, dataset: Path, ranks: int, nodes: int, say: Callable[[str], None]) -> None:
    """Run the trainer to its end. Raises a Failure with its last line and exit code, KeyboardInterrupt if so ended."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError("training needs torch, which is not installed: pip install 'arcorp[train]'")
    found = importlib.util.find_spec("training")
    if found is None or not found.submodule_search_locations:
        raise Failure("the package 'training' is not installed beside arcorp; install arcorp again")
    script = Path(next(iter(found.submodule_search_locations))) / "train.py"
    command = [sys.executable, "-u"]
    if ranks > 1 or nodes > 1:
        meeting = _rendezvous(nodes) if nodes > 1 else ["--standalone"]
        command = [*(_on_each(nodes) if nodes > 1 else []), *command]
        command += ["-m", "torch.distributed.run", *meeting, f"--nproc-per-node={ranks}"]
        command += ["--signals-to-handle=SIGTERM,SIGINT,SIGUSR1"]
    command += [str(script), "--data", str(dataset), "--out", str(folder)]
    command += ["--config", str(folder / STATE / "train.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    log = folder / STATE / "train.log"
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
        before = _pass_on(process)
        try:
            for line in process.stdout:
                file.write(line)
                if line.startswith(("step ", "validation ", "saved ", "resuming ", "error: ", "interrupted ")):
                    last = line.strip()
                    say(f"  {last}")
            code = process.wait()
        except KeyboardInterrupt:  # it came to the trainer too: let it save
            process.wait(timeout=GRACE)
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if last.startswith("interrupted "):
        raise KeyboardInterrupt
    if code:
        why = last.removeprefix("error: ") if last.startswith("error: ") else f"it left with {code}"
        raise failure(f"training failed: {why} (its log is {log})", code)


def _pass_on(process: subprocess.Popen[str]) -> dict[int, Any]:
    """Have what a scheduler sends before it takes the machine away reach the trainer, once: it saves and leaves."""
    if threading.current_thread() is not threading.main_thread():  # no signal comes here
        return {}
    passed: list[int] = []

    def pass_on(number: int, _: object) -> None:
        if not passed:
            passed.append(number)
            process.send_signal(signal.SIGUSR1)

    return {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGUSR1)}


def _wait_for_last(folder: Path, say: Callable[[str], None]) -> None:
    """The trainer of a build that was killed is told to save and leave, which takes it a moment."""
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
                    say("  waiting for the trainer of the last build to save and leave")
                time.sleep(1)


def _end_with_parent() -> None:
    """Runs in the child before it becomes torchrun: have the kernel send SIGTERM when arcorp dies."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
