"""`arcorp status`: how far a build is, read from what lies there: sealed folders, sidecars, locks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.build import RECIPE
from pipelines.console import Console
from pipelines.errors import Failure, UsageError
from pipelines.lock import STATE, lock
from sharding import seal


def show_status(folder: Path, console: Console) -> None:
    """A line for each stage's folder: sealed, running, unfinished or damaged, and what it holds."""
    recipe = folder / RECIPE
    if not recipe.is_file():
        raise UsageError(f"{folder} is not the folder of a build: it has no {RECIPE}")
    name = json.loads(recipe.read_bytes())["name"]
    stages = sorted({path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{STATE}")}, key=_age)
    lines = [_line(stage, folder) for stage in stages]
    columns = ["folder", "state", "documents", "tokens", "bytes"]
    console.table(columns, [[line.get(column) for column in columns] for line in lines], title=f"recipe {name}")
    working = _held(folder)
    last = "being built now" if working else "nothing is running"
    console.result({"recipe": name, "running": working, "folders": lines}, f"{folder}: {last}")


def _age(folder: Path) -> tuple[int, str]:
    return (folder / STATE).stat().st_ctime_ns, str(folder)


def _line(stage: Path, folder: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"folder": str(stage.relative_to(folder))}
    try:
        manifest = seal.read_manifest(stage)
    except seal.Unsealed:
        parts = sum(len(list(stage.glob(f"{place}*.json"))) for place in ("part-", "*/part-", "shards/"))
        state = "running" if _held(stage) else "unfinished"
        return {**line, "state": f"{state}, {parts} parts" if parts else state}
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
        "root": manifest.root[:12],
    }


def _held(folder: Path) -> bool:
    """Whether another process is writing here."""
    try:
        with lock(folder, note=False):
            return False
    except Failure:
        return True
