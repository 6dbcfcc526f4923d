"""Evaluate: score a model on tasks. Each task is a part, so that an evaluation that was killed continues.

The folder has `results.json`: for each task its version, examples, number of documents and metrics with standard
errors. The identity is that of the model's weights, its tokenizer and the tasks' definitions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.evaluation import core, harness
from pipelines.evaluation.minimal_pairs import evaluate_pairs
from pipelines.evaluation.models import Place, RunModel
from pipelines.evaluation.suites import SUITES
from pipelines.evaluation.tasks import Task
from pipelines.run import Finish, Part, PartWriter, Stage, Work
from sharding import seal
from sharding.seal import Counts

VERSION = 1
RESULTS = "results.json"


def evaluate_stage(folder: Path, place: Place, tasks: Sequence[Task], limit: int | None) -> Stage:
    """Score the model of `place` on tasks. limit: most documents of a task."""
    definitions = [task.definition() for task in tasks]
    parts = [
        Part(f"{number:03d}-{re.sub('[^a-zA-Z0-9_-]', '-', task.label)[:80]}", definition)
        for number, (task, definition) in enumerate(zip(tasks, definitions, strict=True))
    ]

    def finish(finished: Finish) -> None:
        _close()
        results = [
            {"suite": task.suite, **sidecar.summary} for task, sidecar in zip(tasks, finished.sidecars, strict=True)
        ]
        finished.summary = {"tasks": results, "means": _means(results)}
        finished.write(RESULTS, seal.canonical(finished.summary))

    options = {"tasks": [task.label for task in tasks], "limit": limit, "definitions": seal.digest_of(definitions)}
    inputs = {"model": place.model, "tokenizer.json": place.tokenizer}
    work = Work(parts=parts, write=_Evaluation(place, tuple(tasks), limit), finish=finish)
    return Stage("evaluate", VERSION, folder, options, inputs, lambda: work)


@dataclass(frozen=True)
class _Evaluation:
    """Scores one task and puts its result into the part's summary."""

    place: Place
    tasks: tuple[Task, ...]
    limit: int | None

    def __call__(self, _documents: Any, part: Part, writer: PartWriter) -> None:
        task = self.tasks[int(part.name.partition("-")[0])]
        try:
            result = self._evaluate(task)
        except BaseException:
            _close()
            raise
        scored, total = result["documents"], result["of"]
        counts = Counts(input=total, out=scored)
        counts.drop("over the limit", total - scored)
        writer.counts = {"documents": counts}
        writer.summary = {"task": task.label, "chat": task.chat, **result}

    def _evaluate(self, task: Task) -> dict[str, Any]:
        model = _model(self.place)
        if task.kind == "harness":
            lm = harness.run_lm(model) if isinstance(model, RunModel) else model.lm
            return harness.evaluate(task.name, task.manager, lm, self.limit, task.chat)
        if task.kind == "pairs":
            return evaluate_pairs(model, self.limit)
        return core.evaluate_core(task.of_bundle, model, self.limit)


_opened: dict[Place, Any] = {}
"""Models that are open, for all tasks of an evaluation."""


def _model(place: Place) -> Any:
    """Return the model of a place."""
    if place not in _opened:
        if place.data is None:
            harness.require(f"the Hugging Face folder {place.folder}")
            _opened[place] = harness.HubModel(place)
        else:
            _opened[place] = RunModel(place)
    return _opened[place]


def _close() -> None:
    """Forget the models, and end their processes."""
    for model in _opened.values():
        if isinstance(model, RunModel):
            model.close()
    _opened.clear()


def _means(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the mean centred value of each suite that has one, by its name."""
    means = {}
    for name, suite in SUITES.items():
        rows = {result["rows"][0]["name"]: result["rows"][0] for result in results if result["suite"] == name}
        if not suite.mean or not rows:
            continue
        if suite.entries:
            values = [
                core.centred(rows[entry.task]["metrics"][entry.metric]["value"], entry.guessing)
                for entry in suite.entries
            ]
        else:
            values = [row["metrics"]["centred"]["value"] for row in rows.values()]
        means[suite.mean] = sum(values) / len(values)
    return means
