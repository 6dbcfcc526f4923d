"""The command line: the names of the commands, and the module of each.

Only the module of the command that is run is imported: the options of a recipe alone take a tenth of a second.
"""

from __future__ import annotations

from importlib import import_module

import typer

COMMANDS = {
    "demo": "build_commands.demo",
    "init": "build_commands.init",
    "build": "build_commands.build",
    "status": "build_commands.status",
    "report": "build_commands.report",
    "push": "build_commands.push",
    "ingest": "stage_commands.ingest",
    "translate": "stage_commands.translate",
    "dedup": "stage_commands.dedup",
    "tokenize": "stage_commands.tokenize",
    "pack": "stage_commands.pack",
    "export": "stage_commands.export",
    "health": "stage_commands.health",
    "evaluate": "model_commands.evaluate",
    "chat": "model_commands.chat",
    "mix": "stage_commands.mix",
    "verify": "dataset_commands.verify",
    "inspect": "dataset_commands.inspect",
    "fertility": "tokenizer_commands.fertility",
    "sources": "list_commands.sources",
    "recipes": "list_commands.recipes",
    "schema": "list_commands.schema",
    "doctor": "list_commands.doctor",
    "tokenizer train": "tokenizer_commands.train_tokenizer",
    "tokenizer import": "tokenizer_commands.import_tokenizer",
    "tokenizer export": "tokenizer_commands.export_tokenizer",
    "tokenizer segment": "tokenizer_commands.segment",
    "tokenizer show": "tokenizer_commands.show_tokenizer",
}
"""Module and function of each command, in the order of --help."""


def command_line(first: str | None = None) -> typer.Typer:
    """Return the program, with the command or group `first` alone, or with all commands if no command has this name.

    first: the first word of the arguments.
    """
    app = typer.Typer(
        name="arcorp",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Build an Arabic-first pretraining dataset and tokenizer, verify it, and train on it.",
    )
    tokenizer = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Train, import, export and inspect tokenizers."
    )
    app.callback()(lambda: None)  # else a program of one command has no name of the command before its arguments
    names = [name for name in COMMANDS if name.split()[0] == first] or [*COMMANDS]
    for name in names:
        module, _, function = COMMANDS[name].partition(".")
        group, word = (tokenizer, name.removeprefix("tokenizer ")) if name.startswith("tokenizer ") else (app, name)
        group.command(word)(getattr(import_module(f"pipelines.cli.{module}"), function))
    if tokenizer.registered_commands:
        app.add_typer(tokenizer, name="tokenizer")
    return app
