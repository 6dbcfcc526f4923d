"""The commands on a whole build, and on its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.flags import CORES, Debug, DryRun, Form, Out, Restart, Workers
from pipelines.console import Console, Format
from pipelines.errors import failure
from pipelines.recipe import StageName

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override one key of the recipe; repeatable.")
]
RecipeSeed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of all random choices. [the recipe's]")]


def demo(
    out: Out = Path("out/demo"),
    workers: Workers = CORES,
    settings: Settings = None,
    seed: RecipeSeed = None,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Build, verify and train on the embedded corpus, in minutes."""
    _build("demo", out, None, workers, _seeded(settings, seed), restart, dry_run, Console(format))


def init(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders of text.")],
    out: Annotated[Path, typer.Option("--out", help="Recipe file to write.")] = Path("recipe.yaml"),
    language: Annotated[
        str | None,
        typer.Option("--language", help="Language of text whose data name none. [by its letters: arb_Arab, eng_Latn]"),
    ] = None,
    text_field: Annotated[
        str | None, typer.Option("--text-field", help="Field of the text, in files that have it. [guessed]")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write a recipe for your own files, ready to edit and build."""
    from pipelines.cli.show_sources import show_written
    from pipelines.recipe import write_recipe

    show_written(write_recipe(paths, out, language, text_field), out, Console(format))


def build(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or name of a packaged recipe.")],
    out: Annotated[Path | None, typer.Option("--out", help="Output folder of the build. [out/<recipe>]")] = None,
    until: Annotated[StageName | None, typer.Option("--until", help="Last stage to run. [report]")] = None,
    executor: Annotated[
        Literal["local", "slurm", "ray"],
        typer.Option("--executor", help="Run on this machine, in jobs of SLURM, or in tasks of a Ray cluster."),
    ] = "local",
    workers: Workers = CORES,
    settings: Settings = None,
    seed: RecipeSeed = None,
    restart: Restart = False,
    dry_run: DryRun = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the recipe with all defaults and write nothing.")
    ] = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Run all stages of a recipe, or resume an unfinished build."""
    if print_config:
        from pipelines.recipe import find_recipe, load_recipe, to_yaml

        loaded = load_recipe(find_recipe(recipe), _seeded(settings, seed))
        Console(format).result(loaded.canonical(), to_yaml(loaded).rstrip())
        return
    _build(recipe, out, until, workers, _seeded(settings, seed), restart, dry_run, Console(format), executor)


def _seeded(settings: list[str] | None, seed: int | None) -> list[str]:
    return [*(settings or []), *([f"seed={seed}"] if seed is not None else [])]


def _build(
    name: str,
    out: Path | None,
    until: StageName | None,
    workers: int,
    settings: list[str],
    restart: bool,
    dry_run: bool,
    console: Console,
    executor: str = "local",
) -> None:
    from pipelines.recipe import find_recipe, load_recipe

    recipe = load_recipe(find_recipe(name), settings)
    folder = out or Path("out") / recipe.name
    recipe.check_phases(until)
    if dry_run:
        from pipelines.recipe import estimate, show_estimate
        from pipelines.stages.first_documents import first_documents

        plan = estimate(recipe, folder, first_documents)
        show_estimate(plan, console)
        if plan["refused"]:
            raise failure(plan["refused"]["sentence"], plan["refused"]["exit_code"])
        return
    if executor == "slurm":
        from pipelines.slurm.steps import launch

        launched = launch(recipe, folder, until, restart, console)
        console.result(launched.to_json(), launched.last_line)
        return
    console.say(f"building {recipe.name} in {folder}")  # before imports that take a second
    from pipelines.build import build as build_all
    from pipelines.kernels import compile_once
    from pipelines.run import Context

    compile_once(console)
    context = Context(workers, restart, console.progress)
    if executor == "ray":
        from pipelines.run.on_ray import RayRunner

        context = replace(context, launcher=RayRunner())
    with console:
        result = build_all(recipe, folder, until, context, console)
    console.result(result.to_json(), result.last_line)


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until no job runs or waits.")] = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show the progress of a build: stages, ranks, failures, jobs."""
    from pipelines.cli.status import show_status

    show_status(folder, Console(format), watch=watch)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Build to compare it with; gets comparison.html.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write the report.html of a build, or compare two builds."""
    if other is not None:
        from pipelines.report import gather, write_comparison

        path = write_comparison(folder, other, (gather(folder), gather(other)))
        Console(format).result({"comparison": str(path)}, str(path))
        return
    from pipelines.build import write_report_and_card

    path = write_report_and_card(folder)
    Console(format).result({"report": str(path)}, str(path))


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset or of an export.")],
    repo: Annotated[str, typer.Argument(help="Repository on the Hugging Face Hub: USER/NAME.")],
    public: Annotated[bool, typer.Option("--public", help="Create a new repository as public.")] = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Check a dataset, write its card, and upload it to the Hub."""
    from pipelines.publish import parcel
    from pipelines.publish import push as send

    files = parcel(folder, repo)
    address = None if dry_run else send(files, repo, public)
    result = {"repo": repo, "digest": files.digest, "files": len(files.files), "bytes": files.bytes, "commit": address}
    line = address or f"{len(files.files)} files, {files.bytes:,} bytes would be uploaded to {repo}"
    Console(format).result(result, line)
