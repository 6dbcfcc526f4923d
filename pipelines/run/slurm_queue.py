"""The jobs of a build: in SLURM's queue, and in their logs.

Jobs in the queue are identified by name, `<what>-<hash of the build's folder>`. A name needs no record that could be
lost between sbatch and a write.
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
from pipelines.run.state import Array, Unreadable, read_state
from pipelines.run.state_files import ARRAY, SLURM


@dataclass(frozen=True)
class Job:
    """A job, or one job of an array: 12_3 is a job of array 12."""

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
    """Return the name of a job of the build in `out`."""
    return f"{what}-{_mark(out)}"


def _mark(out: Path) -> str:
    return hashlib.sha256(f"arcorp {out.resolve()}".encode()).hexdigest()[:10]


def queued_jobs(out: Path) -> list[Job]:
    """Return the jobs of the build in `out` that are queued or running. Raises Failure if squeue fails."""
    owner = (out / SLURM).stat().st_uid
    command = ["squeue", "--noheader", "--array", f"--user={owner}", "--format=%i|%j|%T|%r"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise Failure("squeue has not answered for 60 s: try again") from None
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Failure(f"squeue failed ({reason}): try again when SLURM is available")
    jobs = [Job(*line.split("|", 3)) for line in done.stdout.splitlines() if line.count("|") >= 3]
    return [job for job in jobs if job.name.endswith(f"-{_mark(out)}")]


def refuse_queued(out: Path) -> None:
    """Raise Failure if jobs of this build are queued or running, since two runs would make the same parts."""
    if not (out / SLURM).is_dir() or shutil.which("squeue") is None:
        return
    jobs = queued_jobs(out)
    if jobs:
        running = sum(job.state != "PENDING" for job in jobs)
        ids = " ".join(sorted({job.array for job in jobs}))
        raise Failure(
            f"{out} is being built on SLURM (jobs running: {running}, waiting: {len(jobs) - running}); "
            f"wait for them to end (arcorp status {out}), or cancel them: scancel {ids}"
        )


def job_id(output: str) -> str:
    """Return the job id in the output of sbatch, which may hold a site's messages too. Raises Failure.

    >>> job_id("Submitted batch job 4711\\nYou have 312 node hours left.")
    '4711'
    """
    ids = re.findall(r"Submitted batch job (\d+)", output)
    if not ids:
        raise Failure(f"sbatch printed no job id, but {output.strip()[:200]!r}: check that it is SLURM's sbatch")
    return str(ids[-1])


# -- the last array of a stage ----------------------------------------------------------------------------


def read_array(folder: Path) -> dict[str, Any]:
    """Return the record of a stage's last array; empty if there is none or it can't be read."""
    try:
        return dict(read_state(folder / ARRAY, Array) or {})
    except Unreadable:
        return {}


def stranded(folder: Path, array: dict[str, Any], missing: list[int], parts: int) -> str:
    """Return a phrase that names the ranks whose parts an ended array did not make, and why the first one failed."""
    shown = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
    log = rank_log(folder, array, missing[0])
    why = last_words(log, missing[0])[-1]
    return f"{len(missing)} of {parts} ranks failed: {shown}; rank {missing[0]}: {why} (its log is {log})"


def rank_log(folder: Path, array: dict[str, Any], rank: int) -> Path:
    """Return the log of the job that a rank runs in."""
    ranks = array["ranks"]
    task = ranks.index(rank) // array["per_job"] if rank in ranks else 0
    return folder / SLURM / f"{array['job']}_{task}.out"


def last_words(log: Path, rank: int, lines: int = 1) -> list[str]:
    """Return why a rank failed: its message in the log of its job, else the last `lines` lines of that log."""
    try:
        written = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ["its job left no log: it was cancelled before it started, or its machine was lost"]
    prefix = f"rank {rank}: "
    messages = [line.removeprefix(prefix) for line in written if line.startswith(prefix)]
    return messages[-1:] or written[-lines:] or ["the log of its job is empty"]
