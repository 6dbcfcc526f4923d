"""`arcorp status`: how far a build is, read from what lies there: seals, sidecars, locks, SLURM's queue.

Nothing is written, and no part is opened: a part that has its sidecar is done, and how fast parts come is told by the
times of the sidecars. Ten thousand ranks are two listings of a folder.
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
"""Seconds between two looks of `--watch`."""
SHOWN = 5
"""Jobs with failed ranks whose last words are shown."""


def show_status(folder: Path, console: Console, *, watch: bool = False) -> None:
    """A line for each stage's folder: sealed, running, unfinished or damaged, and what it holds.

    With `watch` again and again until nothing runs or waits; then raises Failure if the build stopped unfinished.
    """
    while watch:
        found = look(folder)
        if not found["running"] and not found["jobs"]:
            break
        console.say(_sentence(folder, found), **found)
        time.sleep(EVERY)
    found = look(folder)
    _show(folder, found, console)
    stopped = found["stopped"]
    if watch and stopped:
        raise failure(stopped["message"], stopped["exit_code"])


def look(folder: Path) -> dict[str, Any]:
    """What there is to know about a build, as JSON. Raises UsageError if the folder is not one's."""
    recipe: Named | None = read_state(folder / RECIPE, Named)
    if recipe is None:
        raise UsageError(f"{folder} is not the folder of a build: it has no {RECIPE}")
    jobs, asked = _jobs(folder)
    places = ("*", "*/*", f"*/{STATE}/*")  # the last: a stage that another needs first, and nobody else
    stages = sorted({path.parent for place in places for path in folder.glob(f"{place}/{STATE}")}, key=_age)
    lines = [_line(stage, folder, jobs) for stage in stages]
    counts = {state: sum(job.state == state for job in jobs) for state in sorted({job.state for job in jobs})}
    working = is_held(folder) or any(job.state == "RUNNING" for job in jobs)
    stopped: Any = None
    if not jobs and not working:
        stopped = read_state(folder / FAILURE, Stopped)
    if stopped is None and asked and not jobs and not working and any(line["state"] == "unfinished" for line in lines):
        stopped = {"message": f"{folder}: no job of this build is left; {_last_step(folder)}", "exit_code": 5}
    return {"recipe": recipe["name"], "running": working, "jobs": counts, "stopped": stopped, "folders": lines}


def _jobs(folder: Path) -> tuple[list[Job], bool]:
    """The build's jobs in the queue, and whether SLURM could tell."""
    if not (folder / SLURM).is_dir() or shutil.which("squeue") is None:
        return [], False
    try:
        return queued_jobs(folder), True
    except Failure:
        return [], False


def _last_step(folder: Path) -> str:
    """How the log of the last step ends."""
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
    counts = {unit: ledger.out for unit, ledger in manifest.counts.items() if unit in ("documents", "tokens")}
    size = sum(record.bytes for record in manifest.files.values())
    return {
        **line,
        "state": f"damaged: {faults[0]}" if faults else "sealed",
        **counts,
        "bytes": size,
        "digest": manifest.digest[:12],
    }


def _parts(stage: Path, jobs: list[Job]) -> dict[str, Any]:
    """How far an unsealed stage is: parts made, its jobs, ranks that failed, its pace."""
    held = is_held(stage)
    found: dict[str, Any] = {"state": "running" if held or jobs else "unfinished"}
    try:
        plan: Plan | None = read_state(stage / PLAN, Plan)
    except Unreadable:
        plan = None
    if plan is None:
        return found
    names, asked = plan["parts"], set(plan["missing"])
    made = 0
    missing = []
    files = _files(stage, {os.path.dirname(name) for name in names})  # noqa: PTH120 (ten thousand of them)
    for rank, name in enumerate(names):
        sidecar = files.get(f"{name}.json")
        if sidecar is None:
            missing.append(rank)
        elif rank in asked and sidecar.st_mtime >= plan["began"]:
            made += 1
    written = sum(entry.st_size for name, entry in files.items() if entry.st_mtime >= plan["began"])
    found |= {"done": len(names) - len(missing), "parts": len(names), "bytes": sum(e.st_size for e in files.values())}
    array = read_array(stage)
    if jobs:
        found["jobs"] = {state: sum(job.state == state for job in jobs) for state in sorted({j.state for j in jobs})}
    if (held or jobs) and made:
        seconds = max(time.time() - plan["began"], 1e-3)
        found["bytes_per_second"] = written / seconds
        found["seconds_left"] = seconds / made * len(missing)
    if array and missing:
        alive = {int(job.id.partition("_")[2]) for job in jobs if job.id.partition("_")[2].isdigit()}
        where = {rank: index // array["per_job"] for index, rank in enumerate(array["ranks"])}
        failed = [rank for rank in missing if rank in where and where[rank] not in alive]
        found["failed"] = failed
        first: dict[Path, int] = {}  # of each job: what ended the job ended its other ranks too
        for rank in failed:
            first.setdefault(rank_log(stage, array, rank), rank)
        found["failures"] = [
            {"rank": rank, "log": str(log), "last_lines": last_words(log, rank, lines=3)}
            for log, rank in list(first.items())[:SHOWN]
        ]
    return found


def _files(stage: Path, below: set[str]) -> dict[str, os.stat_result]:
    """Files of the stage's parts with their sizes and times, by name; `below`: the folders that parts lie in."""
    found = {}
    for folder in below:
        try:
            with os.scandir(stage / folder) as entries:
                for entry in entries:
                    if entry.is_file() and not entry.name.startswith("."):
                        found[f"{folder}/{entry.name}" if folder else entry.name] = entry.stat()
        except (OSError, ValueError):  # no such folder, or a name that no folder can have
            continue
    return found


# -- showing it -------------------------------------------------------------------------------------------


def _show(folder: Path, found: dict[str, Any], console: Console) -> None:
    columns = ["folder", "state", "parts", "documents", "tokens", "bytes", "MB/s", "left"]
    console.table(columns, [_row(line) for line in found["folders"]], title=f"recipe {found['recipe']}")
    for line in found["folders"]:
        for one in line.get("failures", []):
            console.text(f"{line['folder']}: rank {one['rank']} failed; {one['log']} ends with:")
            console.text("\n".join(f"    {said}" for said in one["last_lines"]))
    console.result(found, _sentence(folder, found))


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


def _sentence(folder: Path, found: dict[str, Any]) -> str:
    if found["stopped"]:
        return f"{folder}: stopped: {found['stopped']['message']}"
    if not found["jobs"]:
        return f"{folder}: {'being built now' if found['running'] else 'nothing is running'}"
    jobs = ", ".join(f"{count} {state.lower()}" for state, count in found["jobs"].items())
    under_way = [line for line in found["folders"] if line["state"] == "running" and "parts" in line]
    parts = "; ".join(f"{line['folder']} {line['done']:,} of {line['parts']:,} parts" for line in under_way)
    return f"{folder}: jobs: {jobs}" + (f"; {parts}" if parts else "")
