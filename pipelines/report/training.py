"""The figures of a run: its curves, thinned to what a chart can show, its validation, its speed, its samples.

From `metrics.jsonl` (a function of dataset and configuration), `samples.json` and `timings.jsonl`, which is not
sealed and alone may differ between two runs of the same build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from pipelines.report.folders import Folders
from sharding.seal import Sealed

POINTS = 240
"""A curve has no more points than this; each stands for a stretch of steps."""

KEPT = ("bits_per_byte", "bits_per_char", "loss", "rows", "bytes")


def training_of(folders: Folders) -> dict[str, Any] | None:
    """Everything about the run that the report shows; None without one."""
    run = folders.get("run")
    if run is None:
        return None
    lines = [json.loads(line) for line in run.read("metrics.jsonl").decode().splitlines()]
    steps = [line for line in lines if "loss" in line]
    validations = [{"step": line["step"], **_validation(line["validation"])} for line in lines if "validation" in line]
    config = run.read_json("config.json")
    first, last = (validations[0], validations[-1]) if validations else ({}, {})
    done = steps[-1]["step"] if steps else 0
    schedule = folders.schedule
    return {
        "steps": done,
        "tokens": done * schedule["batch_rows"] * schedule["row_tokens"] if schedule else None,
        "model": config.get("model", {}),
        "preset": config.get("preset"),
        "optimizer": config.get("optimizer"),
        "ranks": run.manifest.options.get("ranks", 1),
        "curve": _thinned(steps),
        "validation": validations,
        "bits_per_byte": {
            "before": first.get("bits_per_byte"),
            "after": last.get("bits_per_byte"),
            "steps": [first.get("step"), last.get("step")],
        },
        "order_hash": steps[-1]["order_hash"] if steps else None,
        "samples": _samples(run),
        "timings": _timings(run),
    }


def _validation(result: Mapping[str, Any]) -> dict[str, Any]:
    """One validation: overall, and by whatever the strata are split by."""
    groups = {
        name: {value: {key: one[key] for key in KEPT} for value, one in sorted(result[name].items())}
        for name in ("by_language", "by_category", "by_source")
        if name in result
    }
    return {**{key: result[key] for key in KEPT}, **groups}


def _thinned(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Steps in stretches of equal length: the last step, mean, least and greatest loss, rate, gradient norm."""
    stretch = max(1, -(-len(lines) // POINTS))
    points = []
    for first in range(0, len(lines), stretch):
        some = lines[first : first + stretch]
        losses = [line["loss"] for line in some]
        points.append(
            {
                "step": some[-1]["step"],
                "loss": sum(losses) / len(losses),
                "least": min(losses),
                "most": max(losses),
                "lr": some[-1]["lr"],
                "grad_norm": max(line["grad_norm"] for line in some),
            }
        )
    return points


def _samples(run: Sealed) -> list[dict[str, Any]]:
    if "samples.json" not in run.manifest.files:
        return []
    keys = ("stratum", "language", "source", "prompt", "text")
    return [{key: one[key] for key in keys} for one in run.read_json("samples.json")["samples"]]


def _timings(run: Sealed) -> dict[str, Any] | None:
    """How fast it went; a step that was done again after an interruption counts as it was last."""
    path = run.path / "timings.jsonl"
    if not path.is_file():
        return None
    by_step = {}
    for line in path.read_text().splitlines():
        timing = json.loads(line)
        by_step[timing["step"]] = timing
    timings = [by_step[step] for step in sorted(by_step)]
    if not timings:
        return None
    stretch = max(1, -(-len(timings) // POINTS))
    return {
        "tokens_per_second": median(one["tokens_per_second"] for one in timings),
        "data_wait_ms": median(one["data_wait_ms"] for one in timings),
        "seconds": sum(one["seconds"] for one in timings),
        "points": [
            {"step": some[-1]["step"], "tokens_per_second": median(one["tokens_per_second"] for one in some)}
            for some in (timings[first : first + stretch] for first in range(0, len(timings), stretch))
        ],
    }
