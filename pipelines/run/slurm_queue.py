"""The jobs of a build, in SLURM's queue and in the logs they leave.

In the queue they are known by name, `<what>-<hash of the build's folder>`: a name needs no record beside it that could
be lost between sbatch and a write.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import Failure
from pipelines.run.folder_lock import STATE
from pipelines.run.state import Array, Unreadable, read_state

SLURM = f"{STATE}/slurm"
"""In a build's folder: what was launched, and the logs of steps. In a stage's: its array, and the logs of jobs."""

ARRAY = f"{SLURM}/array.json"
"""A stage's last array: of which launch, the job's id, its ranks and how many of them share a job."""
FAILURE = f"{SLURM}/failure.json"
"""Why a build has stopped."""


@dataclass(frozen=True)
class Job:
    """A job, or one job of an array: 12_3 is one of array 12."""

    id: str
    name: str
    state: str
    reason: str

    @property
    def array(self) -> str:
        return self.id.partition("_")[0]

    @property
    def what(self) -> str:
        return self.name.rpartition("-")[0]


def job_label(out: Path, what: str) -> str:
    """The name of a job of the build in `out`."""
    return f"{what}-{_mark(out)}"


def _mark(out: Path) -> str:
    return hashlib.sha256(f"arcorp {out.resolve()}".encode()).hexdigest()[:10]


def queued_jobs(out: Path) -> list[Job]:
    """Jobs of the build in `out` that wait or run. Raises Failure if SLURM can't be asked."""
    owner = (out / SLURM).stat().st_uid
    command = ["squeue", "--noheader", "--array", f"--user={owner}", "--format=%i|%j|%T|%r"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise Failure("squeue has not answered for 60 s, so that nobody knows what is queued: try again") from None
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise Failure(f"squeue can't tell what is queued ({said}): try again when SLURM is back")
    jobs = [Job(*line.split("|", 3)) for line in done.stdout.splitlines() if line.count("|") >= 3]
    return [job for job in jobs if job.name.endswith(f"-{_mark(out)}")]


def refuse_queued(out: Path) -> None:
    """Raise Failure if jobs of this build wait or run: two that write the same parts would waste each other's work."""
    if not (out / SLURM).is_dir() or shutil.which("squeue") is None:
        return
    jobs = queued_jobs(out)
    if jobs:
        running = sum(job.state != "PENDING" for job in jobs)
        ids = " ".join(sorted({job.array for job in jobs}))
        raise Failure(
            f"{out} is being built on SLURM (jobs running: {running}, waiting: {len(jobs) - running}); "
            f"let them end (arcorp status {out}), or end them: scancel {ids}"
        )


def job_id(output: str) -> str:
    """The id in what sbatch printed, among whatever else a site has it say. Raises Failure.

    >>> job_id("Submitted batch job 4711\\nYou have 312 node hours left.")
    '4711'
    """
    found = re.findall(r"Submitted batch job (\d+)", output)
    if not found:
        raise Failure(f"sbatch printed no job id, but {output.strip()[:200]!r}: is it a site's own?")
    return str(found[-1])


# -- what an array has left -------------------------------------------------------------------------------


def read_array(folder: Path) -> dict[str, Any]:
    """A stage's last array; empty if there was none, or if its record can't be read."""
    try:
        return dict(read_state(folder / ARRAY, Array) or {})
    except Unreadable:
        return {}


def stranded(folder: Path, array: dict[str, Any], missing: list[int], parts: int) -> str:
    """In words: the ranks that an array has ended without making, and why the first of them failed."""
    shown = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
    log = rank_log(folder, array, missing[0])
    why = last_words(log, missing[0])[-1]
    return f"{len(missing)} of {parts} ranks failed: {shown}; rank {missing[0]}: {why} (its log is {log})"


def rank_log(folder: Path, array: dict[str, Any], rank: int) -> Path:
    """Where the job of a rank writes."""
    ranks = array["ranks"]
    task = ranks.index(rank) // array["per_job"] if rank in ranks else 0
    return folder / SLURM / f"{array['job']}_{task}.out"


def last_words(log: Path, rank: int, lines: int = 1) -> list[str]:
    """Why a rank failed: what its job's log says of it, else how that log ends."""
    try:
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ["its job left no log: it was cancelled before it began, or its machine was lost"]
    own = f"rank {rank}: "
    told = [line.removeprefix(own) for line in said if line.startswith(own)]
    return told[-1:] or said[-lines:] or ["its job ended without a word"]
