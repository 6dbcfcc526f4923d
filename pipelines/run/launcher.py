"""Launchers: where the parts of a stage are made, and the progress that is reported meanwhile.

`LocalRunner` makes them in processes of this machine; `pipelines.slurm` has the launchers of a cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipelines.run.parts import Part
from pipelines.run.stage import Stage, Work
from pipelines.run.state_files import LOG


@dataclass(frozen=True)
class Progress:
    """Progress of a stage.

    done, parts: number of finished parts, and of all parts. rank: the last rank that finished in this run, if any.
    made: number of parts that this run made. bytes: bytes that this run wrote. seconds: time since the run started.
    """

    stage: str
    done: int
    parts: int
    rank: int | None = None
    made: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Machines:
    """Machines of a training job. nodes: number of machines. scratch: folder for the dataset on each machine's own
    disk; may contain environment variables."""

    nodes: int = 1
    scratch: str | None = None


class Launcher(Protocol):
    """Where the missing parts of a stage are made."""

    def admit(self, out: Path) -> None:
        """Called once the folder of a build is locked. Raises Failure if jobs of this build are queued or running."""

    def begin(self, stage: Stage) -> None:
        """Called before a stage that has missing work is planned. May raise Delegated."""

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        """Make the parts of the ranks `missing`. May raise Delegated."""


class Delegated(Exception):
    """The work of a stage was given to jobs; the build continues when they have ended. Not a failure.

    jobs: ids of these jobs; empty if none is submitted yet. to_train: the next step runs on the training machines.
    """

    def __init__(self, stage: str, jobs: Sequence[str] = (), *, to_train: bool = False) -> None:
        super().__init__(f"the work of stage {stage} was delegated to jobs")
        self.stage, self.jobs, self.to_train = stage, list(jobs), to_train


def largest_first(parts: Sequence[Part], ranks: Sequence[int]) -> list[int]:
    """Return ranks by decreasing size of their parts, so that no worker ends with a large part while others idle.

    >>> largest_first([Part("a", bytes=3), Part("b", bytes=9), Part("c", bytes=3)], [0, 1, 2])
    [1, 0, 2]
    """
    return sorted(ranks, key=lambda rank: -parts[rank].bytes)


def pipeline(stage: Stage, work: Work) -> list[Any]:
    """Return the datatrove steps of a rank; the last one commits its part."""
    from pipelines.run.executor import CommitPart

    return [*work.steps, CommitPart(stage.folder, work.parts, [stage.key(part) for part in work.parts], work.write)]


class LocalRunner:
    """Makes parts in processes of this machine."""

    def admit(self, out: Path) -> None:
        from pipelines.run.slurm_queue import refuse_queued

        refuse_queued(out)

    def begin(self, stage: Stage) -> None:
        pass

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        from pipelines.run.executor import LocalExecutor

        log = stage.folder / LOG
        log.unlink(missing_ok=True)
        executor = LocalExecutor(pipeline(stage, work), len(work.parts), context.workers, log)
        start = time.monotonic()
        kept = len(work.parts) - len(missing)
        made = written = 0
        context.progress(Progress(stage.name, kept, len(work.parts)))

        def report(rank: int) -> None:
            nonlocal made, written
            made += 1
            sidecar = json.loads((stage.folder / f"{work.parts[rank].name}.json").read_bytes())
            written += sum(size for size, _ in sidecar["files"].values())
            seconds = time.monotonic() - start
            context.progress(Progress(stage.name, kept + made, len(work.parts), rank, made, written, seconds))

        executor.run_ranks(largest_first(work.parts, missing) if context.workers > 1 else missing, report)


@dataclass(frozen=True)
class Context:
    """How to run stages. Must not affect the output unless it is recorded in the seal (as the ranks of a run are).

    workers: number of processes. restart: start over. progress: called after each part. launcher: makes the parts.
    patience: seconds to wait for a lock. machines: those of training. say: called with each line for the user.
    """

    workers: int = 1
    restart: bool = False
    progress: Callable[[Progress], None] = lambda progress: None
    launcher: Launcher = field(default_factory=LocalRunner)
    patience: float = 0
    machines: Machines = Machines()
    say: Callable[[str], None] = lambda line: None
