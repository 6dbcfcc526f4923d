"""Making the parts of a stage on a Ray cluster (`--executor ray`, extra `ray`).

A task of Ray makes some of the missing parts, one after another, and reserves one CPU. Ray decides where tasks run.
The sidecars alone decide what is done: when no task is left, the ranks without a part are counted, whatever Ray has
reported. The folder must be on a file system that all machines share. Stages without parts, and training, run in the
process that was started.

datatrove's executor for Ray is not used, for reasons in docs/decisions/0037.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import Failure, UsageError, failure
from pipelines.run.launcher import Context, Progress, pipeline
from pipelines.run.parts import read_sidecar
from pipelines.run.proofs import Proofs
from pipelines.run.slurm_queue import refuse_queued
from pipelines.run.stage import Stage, Work
from pipelines.run.state_files import LOG

if TYPE_CHECKING:
    from pipelines.run.executor import LocalExecutor

TASKS_PER_CPU = 8
"""Number of tasks for each CPU of the cluster, if that many ranks are missing: tasks last different times."""
RETRIES = 2
"""Number of times that Ray starts a task again whose process or machine was lost."""
Failed = tuple[int, str, int | None]
"""Rank, message and exit code of a failure."""


class RayRunner:
    """Makes parts in tasks of Ray: of the cluster of RAY_ADDRESS, one on this machine, or one that is started here."""

    def admit(self, out: Path) -> None:
        refuse_queued(out)

    def begin(self, stage: Stage) -> None:
        pass

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        """Make the parts of `missing`. Raises Failure if some are missing in the end, UsageError without Ray."""
        from pipelines.run.executor import LocalExecutor

        ray = _connected()
        (stage.folder / LOG).unlink(missing_ok=True)
        executor = LocalExecutor(pipeline(stage, work), len(work.parts), 1, stage.folder.absolute() / LOG)
        cpus = int(ray.cluster_resources().get("CPU", 1))
        per_task = max(1, len(missing) // (TASKS_PER_CPU * max(cpus, 1)))
        given = ray.put(executor)
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(make_ranks)
        waiting = {}
        for first in range(0, len(missing), per_task):
            ranks = missing[first : first + per_task]
            waiting[task.remote(given, ranks, Path.cwd())] = ranks
        failed: list[Failed] = []
        start, ended = time.monotonic(), 0
        kept = len(work.parts) - len(missing)
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            ranks = waiting.pop(done)
            try:
                failed += ray.get(done)
            except ray.exceptions.RayError as error:
                failed += [(rank, _lost(error), None) for rank in ranks]
            ended += len(ranks)
            seconds = time.monotonic() - start
            context.progress(Progress(stage.name, kept + ended, len(work.parts), ranks[-1], ended, 0, seconds))
        _check(stage, work, missing, failed)


def make_ranks(executor: LocalExecutor, ranks: list[int], folder: Path) -> list[Failed]:
    """Make the parts of ranks in this process of the cluster. Returns the failures; the other ranks are made.

    folder: the current folder of the build, since its paths may be relative. Parts that an earlier run of this task
    made are kept.
    """
    os.chdir(folder)
    commit: Any = executor.pipeline[-1]
    proofs = Proofs(commit.folder)
    missing = [
        rank for rank in ranks if read_sidecar(commit.folder, commit.parts[rank], commit.keys[rank], proofs) is None
    ]
    failed: list[Failed] = []
    if missing:
        executor.run_ranks(missing, lambda rank: None, lambda e: failed.append((e.rank, e.message, e.exit_code)))
    return failed


def _check(stage: Stage, work: Work, missing: list[int], failed: list[Failed]) -> None:
    """Raise Failure if parts are missing, with the first failure and the exit code of its reason."""
    proofs = Proofs(stage.folder)
    left = [
        rank
        for rank in missing
        if read_sidecar(stage.folder, work.parts[rank], stage.key(work.parts[rank]), proofs) is None
    ]
    if not left:
        return
    reasons = {rank: (message, code) for rank, message, code in failed}
    message, code = reasons.get(
        left[0], ("its task ended without a part: is the folder shared by all machines?", None)
    )
    shown = ", ".join(map(str, left[:20])) + (", ..." if len(left) > 20 else "")
    raise failure(
        f"{stage.folder}: {len(left)} of {len(work.parts)} ranks failed: {shown}; rank {left[0]}: {message} "
        f"(tracebacks are in {stage.folder / LOG}); run the same build again to make them",
        code or Failure.exit_code,
    )


def _lost(error: Exception) -> str:
    name = type(error).__name__
    return f"its process or machine was lost {RETRIES + 1} times ({name}): give the cluster more memory"


def _connected() -> Any:
    """Return the module `ray`, connected. Raises UsageError if it is not installed, Failure if no cluster answers."""
    try:
        import ray
    except ImportError:
        raise UsageError("--executor ray needs Ray: pip install 'arcorp[ray]'") from None
    if not ray.is_initialized():
        from pipelines.run.executor import SINGLE_THREADED

        try:
            _refuse_deaf(os.environ.get("RAY_ADDRESS", ""))
            ray.init(log_to_driver=False, logging_level="error", runtime_env={"env_vars": SINGLE_THREADED})
        except (OSError, RuntimeError, ValueError) as error:
            raise Failure(
                f"no Ray cluster answers ({error}): correct RAY_ADDRESS, or unset it to use this machine"
            ) from None
    return ray


def _refuse_deaf(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT: Ray tries for minutes. Other addresses are not checked."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
