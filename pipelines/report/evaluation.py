"""Evaluation: scores of the build's models on tasks, beside guessing and the figures that a seed publishes.

An evaluation of weights that no run of the build has (those of an earlier training) is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.evaluation import PAIRS, SUITES, Entry
from pipelines.html import (
    Bar,
    Figures,
    Label,
    Markup,
    Section,
    charts,
    count,
    decimal,
    figure,
    join,
    plural,
    section,
    share,
    table,
    tag,
)
from pipelines.report.folders import Folders, evaluations
from sharding.seal import Sealed


def gather(folders: Folders) -> list[dict[str, Any]] | None:
    """Return the figures of each evaluation; None without one of the build's models."""
    runs = {place: sealed for place, sealed in folders.sealed.items() if sealed.manifest.stage == "train"}
    shown = []
    for place, sealed in evaluations(folders.path).items():
        run = next((run for run, each in runs.items() if _has(each, sealed.manifest.inputs["model"])), None)
        if run is not None:
            facts = {"folder": place, "run": run, "limit": sealed.manifest.options["limit"]}
            shown.append({**facts, **sealed.manifest.summary})
    return shown or None


def _has(run: Sealed, model: str) -> bool:
    """Return whether a run holds weights of this sha256."""
    return any(record.sha256 == model for record in run.manifest.files.values())


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: list[Figures]) -> list[Section]:
    """Return one section on all evaluations."""
    documents = sum(task["documents"] for each in figures for task in each["tasks"])
    tasks = sum(len(each["tasks"]) for each in figures)
    lead = (
        f"{plural(tasks, 'task')} of {count(documents)} documents. Accuracies are shares of right answers, with their "
        "standard errors. Guessing is the value of random answers."
    )
    return [section("evaluation", "Evaluation", lead, *[_evaluation(each) for each in figures])]


def _evaluation(figures: Figures) -> Markup:
    """Return what is shown of one evaluation."""
    pairs = [task for task in figures["tasks"] if task["task"] == PAIRS]
    others = [task for task in figures["tasks"] if task["task"] != PAIRS]
    limited = f", at most {count(figures['limit'])} documents of a task" if figures["limit"] else ""
    title = tag("h3", f"{figures['folder']}: the model of {figures['run']}{limited}")
    return join([title, *map(_pairs, pairs), *([_tasks(others, figures["means"])] if others else [])])


def _pairs(task: Figures) -> Markup:
    """Return the accuracy of minimal pairs by phenomenon."""
    whole, *rows = task["rows"]
    values = [(row["name"], row["metrics"]["acc"]) for row in rows]
    return figure(
        f"Minimal pairs of Arabic: {share(whole['metrics']['acc']['value'])} of {count(whole['documents'])}",
        "How often the model gives the allowed one of two sentences that differ in one word more probability. Their "
        "words are in no text of the embedded corpus. Guessing reaches 50 %.",
        charts.bars(
            "Accuracy by phenomenon",
            "One bar for each phenomenon.",
            [(Label(name), [Bar(acc["value"], share(acc["value"]), name)]) for name, acc in values],
        ),
        table(
            ["phenomenon", "#accuracy", "#standard error", "#pairs"],
            [
                (name, share(acc["value"]), _error(acc), count(row["documents"]))
                for (name, acc), row in zip(values, rows, strict=True)
            ],
            narrow=True,
        ),
    )


def _error(metric: Mapping[str, Any]) -> str:
    return "–" if metric["stderr"] is None else decimal(metric["stderr"], 4)


def _tasks(tasks: list[Figures], means: Figures) -> Markup:
    """Return a table of tasks, and a sentence for each model whose published figures it has."""
    lines, models = [], []
    for task in tasks:
        suite = SUITES.get(task["suite"])
        entries = {entry.task: entry for entry in suite.entries} if suite else {}
        if suite and suite.model and suite.model not in models:
            models.append(suite.model)
        for row in task["rows"]:
            lines += [_line(row, name, metric, entries.get(row["name"])) for name, metric in row["metrics"].items()]
    for name, value in means.items():
        published = next(suite.published for suite in SUITES.values() if suite.mean == name)
        lines.append((name, "mean, centred", decimal(value, 4), "–", "–", _published(published), "–"))
    columns = ["task", "metric", "#value", "#standard error", "#guessing", "#published", "#documents"]
    note = f"Published figures are those of {', and of '.join(models)}." if models else ""
    return join([table(columns, lines), *([tag("p", note, class_="small")] if note else [])])


def _line(row: Figures, name: str, metric: Figures, entry: Entry | None) -> tuple[str, ...]:
    """Return the cells of a metric. entry: the task in its suite, whose metric has guessing and a published value."""
    shown = entry if entry is not None and entry.metric == name else None
    return (
        row["name"],
        name,
        decimal(metric["value"], 4),
        _error(metric),
        decimal(shown.guessing, 4) if shown else "–",
        _published(shown.published if shown else None),
        "–" if row["documents"] is None else count(row["documents"]),
    )


def _published(value: float | None) -> str:
    return "–" if value is None else decimal(value, 4)
