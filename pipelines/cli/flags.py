"""Flags: those that commands share, and those that come from options.

A stage's command takes the same options as the recipe's section, from the same model. Fields that a flag can hold (a
word, a number, yes or no, a list of words) become flags `--row-tokens`; every field, nested ones too, can be given by
`--config FILE` and `--set a.b=c`.
"""

from __future__ import annotations

import inspect
import os
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel

from pipelines.console import Console, Format
from pipelines.recipe import Lines, Options, apply_settings, merge_mappings, read_yaml, validate_options
from pipelines.run import Context, Outcome, Stage, preview, run_stage

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Cores that this process may use: `taskset` and SLURM allow it fewer than the machine has."""

Out = Annotated[Path, typer.Option("--out", help="Folder to write; made if it is not there.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, show_default=False, help="Processes; they never change a byte. [all cores]")
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of every choice that is drawn.")]
Restart = Annotated[bool, typer.Option("--restart", help="Start over instead of going on.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Form = Annotated[Format, typer.Option("--format", help="How to show things.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the code an error comes from.")]
CONFIG = Annotated[Path | None, typer.Option("--config", help="YAML file with the options, as in a recipe.")]
SET = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one option; may be repeated.")]


Command = Callable[..., Any]


def options_of(model: type[Options]) -> Callable[[Command], Command]:
    """Decorator for a command with a parameter `options: <model>`: replaces it by one flag per field.

    The command is called with the validated model; flags override `--set`, which overrides `--config`.
    """

    def decorate(command: Command) -> Command:
        flags = _flags(model)

        def called(config: Path | None, set_: list[str] | None, **given: Any) -> Any:
            data: dict[str, Any] = {}
            lines: Lines = {}
            if config is not None:
                data, lines = read_yaml(config)
            apply_settings(data, lines, set_ or [])
            flagged = {name: given.pop(name) for name in flags}
            merge_mappings(data, {name: value for name, value in flagged.items() if value is not None})
            options = validate_options(model, data, lines, f"{config}" if config else "options")
            return command(options=options, **given)

        added = {name: (flag, None) for name, flag in flags.items()}
        return _dressed(called, command, {**added, "config": (CONFIG, None), "set_": (SET, None)}, without="options")

    return decorate


def runs_stage(command: Command) -> Command:
    """Decorator for a command that gives a stage: adds the flags of running one, runs it, shows what came of it."""

    def called(workers: int, restart: bool, dry_run: bool, format: Format, debug: bool, **given: Any) -> None:
        run_and_show(command(**given), workers, restart, dry_run, Console(format))

    return _dressed(
        called,
        command,
        {
            "workers": (Workers, CORES),
            "restart": (Restart, False),
            "dry_run": (DryRun, False),
            "format": (Form, Format.human),
            "debug": (Debug, False),
        },
    )


def run_and_show(stage: Stage, workers: int, restart: bool, dry_run: bool, console: Console) -> None:
    """Run one stage and show what came of it; or, dry, what would."""
    if dry_run:
        found = preview(stage)
        console.table(["", ""], [(key, str(value)) for key, value in found.items()])
        console.result(found, "nothing was written")
        return
    outcome = run_quietly(stage, workers, restart, console)
    console.result(
        {"folder": str(stage.folder), "digest": outcome.sealed.digest, "idle": outcome.idle}, str(stage.folder)
    )


def run_quietly(stage: Stage, workers: int, restart: bool, console: Console) -> Outcome:
    """Run one stage, and say in a line of log what it did."""
    from pipelines.build import describe

    began = time.monotonic()
    with console:
        outcome = run_stage(stage, Context(workers, restart, console.progress, say=console.say))
    console.say(describe(stage, outcome, time.monotonic() - began))
    return outcome


def _dressed(called: Command, command: Command, added: dict[str, tuple[Any, Any]], without: str = "") -> Command:
    """`called` with the name, help and parameters of `command`, and the added ones: (annotation, default)."""
    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    kept = [one.replace(kind=keyword) for name, one in signature.parameters.items() if name != without]
    more = [inspect.Parameter(name, keyword, default=value, annotation=kind) for name, (kind, value) in added.items()]
    called.__signature__ = inspect.Signature([*kept, *more])  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in (*kept, *more)}
    called.__doc__, called.__name__ = command.__doc__, command.__name__
    return called


def _flags(model: type[BaseModel]) -> dict[str, Any]:
    """Annotation of a typer option for each field that a flag can hold."""
    flags = {}
    for name, field in model.model_fields.items():
        kind = _simple(field.annotation)
        if kind is None:
            continue
        default = field.default
        shown = ", ".join(map(str, default)) if isinstance(default, list) else default
        text = field.description or ""
        text = text[:1].upper() + text[1:]
        text += f" [{shown}]" if not field.is_required() and shown is not None else ""
        flag = name.replace("_", "-")
        declared = f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"
        flags[name] = Annotated[kind | None, typer.Option(declared, help=text, show_default=False)]
    return flags


def _simple(annotation: Any) -> Any:
    """The type a flag can hold for a field's annotation, or None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _simple(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        return _simple(inner[0]) if len(inner) == 1 else None
    if origin is list:
        inner = get_args(annotation)[0]
        return list[str] if inner is str or get_origin(inner) is Literal else None
    if origin is Literal:
        return annotation
    return annotation if annotation in (str, int, float, bool) else None
