"""Flags: those that several commands share, and those that are made from options.

The command of a stage has the options of the recipe's section, from the same model. A field that a flag can hold (a
text, a number, a boolean, a list of texts) becomes a flag such as `--row-tokens`. `--config FILE` and `--set a.b=c`
set any field, nested ones included.
"""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from pipelines.console import Console, Format
from pipelines.run import Context, Outcome, Stage, Stopwatch, preview, run_stage

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Number of cores that this process may use; `taskset` and SLURM can restrict it."""

Docs = Annotated[list[Path], typer.Argument(help="Folders of documents, in decreasing order of trust.")]
Out = Annotated[Path, typer.Option("--out", help="Output folder; created if it does not exist.")]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        show_default=False,
        help="Worker processes (the output does not depend on them). [all cores]",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of all random choices.")]
Restart = Annotated[bool, typer.Option("--restart", help="Delete this command's earlier output and start again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")]
Form = Annotated[Format, typer.Option("--format", help="Output format.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
CONFIG = Annotated[
    Path | None, typer.Option("--config", help="YAML file of options, with the keys of the recipe's section.")
]
SET = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override one option; repeatable.")]


Command = Callable[..., Any]


def options_of(model: type[Any]) -> Callable[[Command], Command]:
    """Return a decorator that replaces the parameter `options` of a command by one flag per field of `model`.

    `model`: a pydantic model or dataclass. The command is called with the validated options. Flags override `--set`,
    which overrides `--config`.
    """

    def decorate(command: Command) -> Command:
        flags = _flags(model)

        def called(config: Path | None, set_: list[str] | None, **given: Any) -> Any:
            from pipelines.recipe import Lines, apply_settings, merge_mappings, read_yaml, validate_options

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
    """Decorate a command that returns a stage: add the flags of a run, run the stage, show its result."""

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
    """Run one stage and show its result, or show its plan if `dry_run` is set."""
    if dry_run:
        plan = preview(stage)
        console.table(["", ""], [(key, str(value)) for key, value in plan.items()])
        console.result(plan, "nothing was written")
        return
    outcome = run_quietly(stage, workers, restart, console)
    console.result(
        {"folder": str(stage.folder), "digest": outcome.sealed.digest, "idle": outcome.idle}, str(stage.folder)
    )


def run_quietly(stage: Stage, workers: int, restart: bool, console: Console) -> Outcome:
    """Run one stage and log one line on its result."""
    from pipelines.build import describe

    watch = Stopwatch()
    with console:
        outcome = run_stage(stage, Context(workers, restart, console.progress, say=console.say))
    console.say(describe(stage, outcome, watch.shown()))
    return outcome


def _dressed(called: Command, command: Command, added: dict[str, tuple[Any, Any]], without: str = "") -> Command:
    """Give `called` the name, help and parameters of `command` except `without`, and the `added` parameters.

    `added`: (annotation, default) by name.
    """
    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    kept = [option.replace(kind=keyword) for name, option in signature.parameters.items() if name != without]
    more = [inspect.Parameter(name, keyword, default=value, annotation=kind) for name, (kind, value) in added.items()]
    called.__signature__ = inspect.Signature([*kept, *more])  # type: ignore[attr-defined]
    called.__annotations__ = {option.name: option.annotation for option in (*kept, *more)}
    called.__doc__, called.__name__ = command.__doc__, command.__name__
    return called


def _flags(model: type[Any]) -> dict[str, Any]:
    """Return the annotation of a typer option for each field that a flag can hold."""
    flags = {}
    for name, field in model.__pydantic_fields__.items():
        kind = _simple(field.annotation)
        if kind is None:
            continue
        default = field.default
        shown = ", ".join(map(str, default)) if isinstance(default, list | tuple) else default
        text = field.description or ""
        text = text[:1].upper() + text[1:]
        text += f" [{shown}]" if not field.is_required() and shown is not None else ""
        flag = name.replace("_", "-")
        declared = f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"
        flags[name] = Annotated[kind | None, typer.Option(declared, help=text, show_default=False)]
    return flags


def _simple(annotation: Any) -> Any:
    """Return the type of a flag for a field's annotation, or None if no flag can hold it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _simple(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [member for member in get_args(annotation) if member is not type(None)]
        return _simple(inner[0]) if len(inner) == 1 else None
    if origin in (list, tuple):
        inner = get_args(annotation)[0]
        return list[str] if inner is str or get_origin(inner) is Literal else None
    if origin is Literal:
        return annotation
    return annotation if annotation in (str, int, float, bool) else None
