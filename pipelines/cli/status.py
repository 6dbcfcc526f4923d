"""`arcorp status`: the progress of a build, read from seals, sidecars, locks and SLURM's queue.

Nothing is written, and no part is opened. A part with a sidecar is done; the times of the sidecars give the rate. Ten
thousand ranks need two listings of a folder.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from pipelines.console import Console, clock
from pipelines.errors import Failure, UsageError, failure
from pipelines.run import FAILURE, PLAN, SLURM, STATE, Job, is_held, last_words, queued_jobs, rank_log, read_array
from pipelines.run.state import Named, Plan, Stopped, Unreadable, read_state
from pipelines.stages.build_folder import RECIPE
from sharding import seal

EVERY = 2.0
"""Seconds between two updates of `--watch`."""
SHOWN = 5
"""Maximum number of failed jobs whose last lines of log are shown."""


def show_status(folder: Path, console: Console, *, watch: bool = False) -> None:
    """Show one line for each stage's folder: sealed, running, unfinished or damaged, with its counts.

    With `watch`, repeat until no job runs or waits. Raises Failure if the build then is unfinished.
    """
    while watch:
        state = look(folder)
        if not state["running"] and not state["jobs"]:
            break
        console.say(_sentence(folder, state), **state)
        time.sleep(EVERY)
    state = look(folder)
    _show(folder, state, console)
    stopped = state["stopped"]
    if watch and stopped:
        raise failure(stopped["message"], stopped["exit_code"])


def look(folder: Path) -> dict[str, Any]:
    """Return the state of a build as JSON. Raises UsageError if the folder is not that of a build."""
    recipe: Named | None = read_state(folder / RECIPE, Named)
    if recipe is None:
        raise UsageError(f"{folder} is not the folder of a build: it has no {RECIPE}")
    jobs, answered = _jobs(folder)
    places = ("*", "*/*", f"*/{STATE}/*")  # the last: a stage whose output only one other stage reads
    stages = sorted({path.parent for place in places for path in folder.glob(f"{place}/{STATE}")}, key=_age)
    lines = [_line(stage, folder, jobs) for stage in stages]
    counts = {state: sum(job.state == state for job in jobs) for state in sorted({job.state for job in jobs})}
    working = is_held(folder) or any(job.state == "RUNNING" for job in jobs)
    stopped: Any = None
    if not jobs and not working:
        stopped = read_state(folder / FAILURE, Stopped)
        if stopped is None and answered and any(line["state"] == "unfinished" for line in lines):
            message = f"{folder}: no job of this build is in the queue; {_last_step(folder)}"
            stopped = {"message": message, "exit_code": 5}
    return {"recipe": recipe["name"], "running": working, "jobs": counts, "stopped": stopped, "folders": lines}


def _jobs(folder: Path) -> tuple[list[Job], bool]:
    """Return the build's jobs in the queue, and whether SLURM answered."""
    if not (folder / SLURM).is_dir() or shutil.which("squeue") is None:
        return [], False
    try:
        return queued_jobs(folder), True
    except Failure:
        return [], False


def _last_step(folder: Path) -> str:
    """Return a clause on the end of the last step's log."""
    logs = sorted((folder / SLURM).glob("step-*.out"), key=lambda path: path.stat().st_mtime_ns)
    if not logs:
        return "its first step was cancelled before it began"
    return f"its last step ended with: {last_words(logs[-1], -1)[0]} (its log is {logs[-1]})"


def _age(folder: Path) -> tuple[int, str]:
    return (folder / STATE).stat().st_ctime_ns, str(folder)


def _line(stage: Path, folder: Path, jobs: list[Job]) -> dict[str, Any]:
    place = stage.relative_to(folder)
    line: dict[str, Any] = {"folder": str(place)}
    try:
        manifest = seal.read_manifest(stage)
    except seal.Unsealed:
        mine = [job for job in jobs if job.what == str(place).replace("/", ".")]
        return {**line, **_parts(stage, mine)}
    except seal.Damaged as error:
        return {**line, "state": f"damaged: {error}"}
    faults = seal.find_faults(stage, manifest, full=False)
    counts = {unit: count.out for unit, count in manifest.counts.items() if unit in ("documents", "tokens")}
    size = sum(record.bytes for record in manifest.files.values())
    return {
        **line,
        "state": f"damaged: {faults[0]}" if faults else "sealed",
        **counts,
        "bytes": size,
        "digest": manifest.digest[:12],
    }


def _parts(stage: Path, jobs: list[Job]) -> dict[str, Any]:
    """Return the progress of an unsealed stage: finished parts, jobs, failed ranks, rate."""
    held = is_held(stage)
    progress: dict[str, Any] = {"state": "running" if held or jobs else "unfinished"}
    try:
        plan: Plan | None = read_state(stage / PLAN, Plan)
    except Unreadable:
        plan = None
    if plan is None:
        return progress
    names, planned = plan["parts"], set(plan["missing"])
    made = 0
    missing = []
    files = _files(stage, {os.path.dirname(name) for name in names})  # noqa: PTH120 (faster for ten thousand names)
    for rank, name in enumerate(names):
        sidecar = files.get(f"{name}.json")
        if sidecar is None:
            missing.append(rank)
        elif rank in planned and sidecar.st_mtime >= plan["began"]:
            made += 1
    written = sum(entry.st_size for name, entry in files.items() if entry.st_mtime >= plan["began"])
    progress |= {
        "done": len(names) - len(missing),
        "parts": len(names),
        "bytes": sum(e.st_size for e in files.values()),
    }
    array = read_array(stage)
    if jobs:
        progress["jobs"] = {
            state: sum(job.state == state for job in jobs) for state in sorted({j.state for j in jobs})
        }
    if (held or jobs) and made:
        seconds = max(time.time() - plan["began"], 1e-3)
        progress["bytes_per_second"] = written / seconds
        progress["seconds_left"] = seconds / made * len(missing)
    if array and missing:
        alive = {int(job.id.partition("_")[2]) for job in jobs if job.id.partition("_")[2].isdigit()}
        where = {rank: index // array["per_job"] for index, rank in enumerate(array["ranks"])}
        failed = [rank for rank in missing if rank in where and where[rank] not in alive]
        progress["failed"] = failed
        first: dict[Path, int] = {}  # one rank of each job: its log is that of the other ranks too
        for rank in failed:
            first.setdefault(rank_log(stage, array, rank), rank)
        progress["failures"] = [
            {"rank": rank, "log": str(log), "last_lines": last_words(log, rank, lines=3)}
            for log, rank in list(first.items())[:SHOWN]
        ]
    return progress


def _files(stage: Path, below: set[str]) -> dict[str, os.stat_result]:
    """Return the stat results of the files of the parts by name. `below`: folders of the parts."""
    files = {}
    for folder in below:
        try:
            with os.scandir(stage / folder) as entries:
                for entry in entries:
                    if entry.is_file() and not entry.name.startswith("."):
                        files[f"{folder}/{entry.name}" if folder else entry.name] = entry.stat()
        except (OSError, ValueError):  # no such folder, or an invalid name
            continue
    return files


# -- output ---------------------------------------------------------------------------------------------


def _show(folder: Path, state: dict[str, Any], console: Console) -> None:
    columns = ["folder", "state", "parts", "documents", "tokens", "bytes", "MB/s", "left"]
    console.table(columns, [_row(line) for line in state["folders"]], title=f"recipe {state['recipe']}")
    for line in state["folders"]:
        for failed in line.get("failures", []):
            console.text(f"{line['folder']}: rank {failed['rank']} failed; {failed['log']} ends with:")
            console.text("\n".join(f"    {text}" for text in failed["last_lines"]))
    console.result(state, _sentence(folder, state))


def _row(line: dict[str, Any]) -> list[Any]:
    state = line["state"]
    if line.get("failed"):
        state += f", {len(line['failed'])} ranks failed"
    if line.get("jobs"):
        state += ", jobs: " + ", ".join(f"{count} {name.lower()}" for name, count in line["jobs"].items())
    parts = f"{line['done']:,} of {line['parts']:,}" if "parts" in line else None
    rate = f"{line['bytes_per_second'] / 1e6:.1f}" if "bytes_per_second" in line else None
    left = clock(line["seconds_left"]) if "seconds_left" in line else None
    return [line["folder"], state, parts, line.get("documents"), line.get("tokens"), line.get("bytes"), rate, left]


def _sentence(folder: Path, state: dict[str, Any]) -> str:
    if state["stopped"]:
        return f"{folder}: stopped: {state['stopped']['message']}"
    if not state["jobs"]:
        return f"{folder}: {'being built now' if state['running'] else 'nothing is running'}"
    jobs = ", ".join(f"{count} {state.lower()}" for state, count in state["jobs"].items())
    under_way = [line for line in state["folders"] if line["state"] == "running" and "parts" in line]
    parts = "; ".join(f"{line['folder']} {line['done']:,} of {line['parts']:,} parts" for line in under_way)
    return f"{folder}: jobs: {jobs}" + (f"; {parts}" if parts else "")
