"""The commands on trained models: scores on tasks, and a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.flags import Debug, DryRun, Form, Restart, Seed, run_quietly
from pipelines.console import Console, Format
from pipelines.run import preview

Data = Annotated[Path | None, typer.Option("--data", help="Dataset of the run. [the one beside the run]")]


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a run or of a checkpoint, or Hugging Face folder of a model."),
    ],
    tasks: Annotated[
        list[str],
        typer.Option(
            "--tasks",
            help="Suites (minimal-pairs, v2-base, core, chat), names of lm-evaluation-harness, YAML files of tasks, "
            "or a CORE bundle; separated by commas, repeatable.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Output folder. [evaluation/TASKS beside the run]")] = None,
    data: Data = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Documents of each task, at most. [all]")] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Ask each question as a turn of a conversation.")] = False,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Score a trained model on tasks."""
    from pipelines.evaluation import evaluate_stage, find_model, find_tasks, folder_of

    console = Console(format)
    place = find_model(model, data)
    folder = out or folder_of(model, tasks)
    stage = evaluate_stage(folder, place, find_tasks(tasks, chat), limit)
    if dry_run:
        plan = preview(stage)
        console.table(["", ""], [(key, str(value)) for key, value in plan.items()])
        console.result(plan, "nothing was written")
        return
    outcome = run_quietly(stage, 1, restart, console)
    summary = outcome.sealed.manifest.summary
    show_results(summary, console)
    console.result({"folder": str(folder), "digest": outcome.sealed.digest, **summary}, str(folder))


def chat(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    data: Data = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A=B", help="Override one option of section `generate`; repeatable."),
    ] = None,
    seed: Seed = 42,
    debug: Debug = False,
) -> None:
    """Talk to a trained model: each line of input is a turn."""
    from pipelines.stages.export_model import talk

    raise typer.Exit(talk(run, data, settings or [], seed))


def show_results(summary: dict[str, Any], console: Console) -> None:
    """Show the metrics of each task, and the means of suites."""
    rows = [
        (row["name"], name, f"{metric['value']:.4f}", "" if metric["stderr"] is None else f"{metric['stderr']:.4f}",
         "" if row["documents"] is None else row["documents"])
        for result in summary["tasks"]
        for row in result["rows"]
        for name, metric in row["metrics"].items()
    ]  # fmt: skip
    rows += [(name, "mean, centred", f"{value:.4f}", "", "") for name, value in summary["means"].items()]
    console.table(["task", "metric", "value", "stderr", "documents"], rows)
