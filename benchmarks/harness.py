"""What all benchmarks share: a goal beside its figure, the machine, and dated JSON in `results/`.

A room's benchmark is `python -m benchmarks.ROOM`: it measures, prints, and keeps one JSON file, whose `goals` are what
`benchmarks.page` makes docs/benchmarks.md of. A goal that is missed is kept like any other.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pipelines.run.executor import forked
from sharding.seal import write_json

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Goal:
    """One question, with what was measured of ours and of the best peer, and the bound that was set beforehand.

    The bound holds the ratio where there is a peer, else our figure. `ratio` is how many times better ours is.
    """

    question: str
    ours: float | None  # None: it has not run
    unit: str
    bound: Literal["at least", "at most"]
    limit: float
    peer: str = ""  # with its version
    theirs: float | None = None
    ratio: float | None = None

    @property
    def met(self) -> bool | None:
        held = self.ours if self.ratio is None else self.ratio
        if held is None:
            return None
        return held >= self.limit if self.bound == "at least" else held <= self.limit


def start_workers(count: int) -> None:
    """Start what worker processes are forked from, as the first stage with several parts does, once for a command."""
    if count > 1:
        with ProcessPoolExecutor(count, forked()) as pool:
            list(pool.map(abs, range(count)))


def keep(room: str, results: dict[str, Any], goals: list[Goal], load_before: float, *packages: str) -> Path:
    """Print the goals, and keep them with the results and the machine in results/ROOM-DATE.json.

    What was measured earlier on that day and not again is kept.
    """
    for goal in goals:
        held = goal.ours if goal.ratio is None else goal.ratio
        said = {True: "met", False: "NOT MET", None: "has not run"}[goal.met]
        print(f"  {goal.question}: {'-' if held is None else f'{held:,.2f}'}, {goal.bound} {goal.limit:g}: {said}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = RESULTS / f"{room}-{today}.json"
    before = json.loads(path.read_bytes()) if path.exists() else {"goals": []}
    judged = {goal["question"]: goal for goal in before["goals"]}
    judged |= {goal.question: {**asdict(goal), "met": goal.met} for goal in goals}
    RESULTS.mkdir(exist_ok=True)
    now = {"date": today, "machine": machine(load_before, *packages), "goals": list(judged.values())}
    write_json(path, {**before, **now, **results})
    print(path.relative_to(RESULTS.parent.parent))
    return path


def machine(load_before: float, *packages: str) -> dict[str, Any]:
    """The processor, its cores, the load around the run, and the versions of `packages`."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
    return {
        "cpu": model.strip(),
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
    }


def told(what: str, found: dict[str, Any], indent: str = "") -> dict[str, Any]:
    """Print a measurement as a list of lines, and return it."""
    print(f"{indent}{what}")
    for name, value in found.items():
        if isinstance(value, dict):
            told(str(name), value, indent + "  ")
        else:
            print(f"{indent}  {name!s:32} {f'{value:,.3f}' if isinstance(value, float) else value}", flush=True)
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not here"
