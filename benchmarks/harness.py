"""Shared by all benchmarks: goals with their figures, a description of the machine, and dated JSON in `results/`.

`python -m benchmarks.PACKAGE` measures one package, prints the figures and writes one JSON file. `benchmarks.page`
writes docs/benchmarks.md from the `goals` of these files. Missed goals are kept like all others.
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


Bound = Literal["at least", "at most"]


@dataclass(frozen=True)
class Goal:
    """One question, our figure, the best peer's figure, and the bound that was set before measuring.

    The bound applies to the ratio if there is a peer, else to our figure. `ratio`: how many times better ours is.
    """

    question: str
    ours: float | None  # None: it has not run
    unit: str
    bound: Bound
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
    """Start the server process of the workers before timing, as a command's first stage with several parts does."""
    if count > 1:
        with ProcessPoolExecutor(count, forked()) as pool:
            list(pool.map(abs, range(count)))


def keep(package: str, results: dict[str, Any], goals: list[Goal], load_before: float, *packages: str) -> Path:
    """Print the goals, and write them with the results and the machine to results/PACKAGE-DATE.json.

    Results of the same day that were not measured again remain in the file.
    """
    for goal in goals:
        held = goal.ours if goal.ratio is None else goal.ratio
        outcome = {True: "met", False: "NOT MET", None: "has not run"}[goal.met]
        print(f"  {goal.question}: {'-' if held is None else f'{held:,.2f}'}, {goal.bound} {goal.limit:g}: {outcome}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = RESULTS / f"{package}-{today}.json"
    before = json.loads(path.read_bytes()) if path.exists() else {"goals": []}
    outcomes = {goal["question"]: goal for goal in before["goals"]}
    outcomes |= {goal.question: {**asdict(goal), "met": goal.met} for goal in goals}
    RESULTS.mkdir(exist_ok=True)
    now = {"date": today, "machine": machine(load_before, *packages), "goals": list(outcomes.values())}
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


def print_results(what: str, results: dict[str, Any], indent: str = "") -> dict[str, Any]:
    """Print a measurement as a list of lines, and return it."""
    print(f"{indent}{what}")
    for name, value in results.items():
        if isinstance(value, dict):
            print_results(str(name), value, indent + "  ")
        else:
            print(f"{indent}  {name!s:32} {f'{value:,.3f}' if isinstance(value, float) else value}", flush=True)
    return results


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not here"
