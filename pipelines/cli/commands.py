"""The commands: each turns its arguments into options, calls `pipelines`, and shows the result.

Heavy imports are inside the commands, so that `arcorp --help` starts fast.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.flags import CORES, Debug, DryRun, Form, Out, Restart, Seed, Workers, options_of
from pipelines.cli.model_commands import add_models
from pipelines.cli.stage_commands import AnyTokenizer, add_stages
from pipelines.console import Console, Format
from pipelines.errors import UsageError, failure
from pipelines.recipe import ScheduleOptions, StageName
from sharding.options import Level, Split
from tokenization.options import SegmenterName

app = typer.Typer(
    name="arcorp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build an Arabic-first pretraining dataset and tokenizer, verify it, and train on it.",
)
tokenizer_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train, import, export and inspect tokenizers."
)
app.add_typer(tokenizer_app, name="tokenizer")

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override one key of the recipe; repeatable.")
]
RecipeSeed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of all random choices. [the recipe's]")]


# -- the whole chain --------------------------------------------------------------------------------------


@app.command()
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


@app.command()
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
    from pipelines.cli.show import show_written
    from pipelines.recipe import write_recipe

    show_written(write_recipe(paths, out, language, text_field), out, Console(format))


@app.command()
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


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until no job runs or waits.")] = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show the progress of a build: stages, ranks, failures, jobs."""
    from pipelines.cli.status import show_status

    show_status(folder, Console(format), watch=watch)


@app.command()
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


@app.command()
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


add_stages(app, tokenizer_app)
add_models(app)

# -- one folder at a time ---------------------------------------------------------------------------------


@app.command()
@options_of(ScheduleOptions)
def mix(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    options: ScheduleOptions,
    seed: Seed = 42,
    out: Annotated[
        str, typer.Option("--out", help="File name of the schedule in the dataset, or its path.")
    ] = "schedule.json",
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write another schedule of a dataset: new shares, same rows."""
    from pipelines.cli.show_stages import show_schedule
    from pipelines.stages.pack import refuse_used, write_schedule

    console = Console(format)
    if "/" in out and Path(out).parent.resolve() == dataset.resolve():
        out = Path(out).name
    schedule = write_schedule(dataset, options, seed, name=None)
    if not dry_run:
        refuse_used(dataset, out, schedule)
        write_schedule(dataset, options, seed, name=out)
    show_schedule(schedule, console)
    console.result(schedule, "nothing was written" if dry_run else str(dataset / out))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Sealed folder, or folder of a build.")],
    level: Annotated[
        Level,
        typer.Option("--level", help="quick: sizes and seals; full: every byte; deep: the content of rows too."),
    ] = "full",
    order: Annotated[int | None, typer.Option("--order", help="Recompute the order hash with this seed.")] = None,
    steps: Annotated[str, typer.Option("--steps", metavar="A:B", help="Steps to recompute, B excluded.")] = "0:1",
    workers: Workers = CORES,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Verify a folder against its seal, and name each fault."""
    from pipelines.cli.show_stages import verify_folder, verify_order

    if order is None:
        verify_folder(folder, level, workers, Console(format))
    else:
        verify_order(folder, order, steps, Console(format))


# -- showing ----------------------------------------------------------------------------------------------


@app.command()
def inspect(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, of a build, or of dedup.")],
    row: Annotated[int | None, typer.Option("--row", min=0, help="Row to show. [0]")] = None,
    document: Annotated[str | None, typer.Option("--document", help="Id of a document to show.")] = None,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents: id, split, tokens.")] = False,
    split: Annotated[Split, typer.Option("--split", help="Split of the row.")] = "train",
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show a row, the rows of a document, or its duplicates."""
    from pipelines.cli.show import dataset_in, list_documents, show_document, show_row
    from pipelines.cli.show_duplicates import holds_duplicates, show_duplicates

    dataset = dataset_in(folder)
    if holds_duplicates(dataset):
        show_duplicates(dataset, document, Console(format))
    elif documents:
        list_documents(dataset, Console(format))
    elif document is not None:
        show_document(dataset, document, Console(format))
    else:
        show_row(dataset, split, row or 0, Console(format))


@tokenizer_app.command("segment")
def segment(
    text: Annotated[
        str | None, typer.Argument(metavar="FILE|TEXT", help="Plain text file in UTF-8, or a text.")
    ] = None,
    segmenter: Annotated[
        SegmenterName, typer.Option("--segmenter", help="Segmenter that finds the morpheme boundaries.")
    ] = "learned",
    database: Annotated[
        str | None, typer.Option("--database", help="camel: name or path of a database. [calima-msa-r13]")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="TSV to score against: word, tab, its segments joined by '+'.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Split Arabic words into morphemes, and score a segmenter."""
    from pipelines.cli.segmentation import show_segmentation
    from pipelines.cli.show import text_of

    show_segmentation(text_of(text), segmenter, database, gold, Console(format))


@tokenizer_app.command("show")
def show_tokenizer(
    tokenizer: AnyTokenizer,
    text: Annotated[
        str | None, typer.Argument(metavar="FILE|TEXT", help="Text to encode, or a plain text file in UTF-8.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show the facts of a tokenizer, or the tokens of a text."""
    from pipelines.cli.show import show_tokenizer as show
    from pipelines.cli.show import text_of

    show(tokenizer, text_of(text), Console(format))


@app.command()
def fertility(
    tokenizers: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENIZER...",
            help="Tokenizer folders, tokenizer.json, .model or .tiktoken files, folders of vocab.json and merges.txt, "
            "names of tiktoken's encodings. The others are compared with the first.",
        ),
    ],
    docs: Annotated[list[Path], typer.Option("--docs", help="Folder of documents; repeatable.")],
    out: Out,
    gold: Annotated[
        Path | None,
        typer.Option("--gold", help="TSV of words: word<TAB>mor+pheme. [the learned segmenter]"),
    ] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="8k,16k,...", help="Vocabulary sizes to train for the cost curve.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Compare tokenizers on documents: figures, plots, sentences."""
    from pipelines.fertility import PAGE, show_tables, write_fertility

    console = Console(format)
    with console:
        figures = write_fertility(tokenizers, docs, out, gold, _sizes(sizes))
    show_tables(figures, console)
    console.result(figures, str(out / PAGE))


def _sizes(text: str | None) -> list[int]:
    """Return sizes from text: 16k is 16,384, 16000 is 16,000. Raises UsageError."""
    words = text.replace(" ", "").lower().split(",") if text else []
    try:
        return [int(word[:-1]) * 1024 if word.endswith("k") else int(word) for word in words]
    except ValueError:
        raise UsageError(f"--sizes {text}: write them as 8k,16k,32k or 8000,76800") from None


@app.command()
def sources(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Source to show with its options.")] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """List the sources, or show one with its options."""
    from pipelines.cli.show import show_source, show_sources

    if name is not None:
        show_source(name, Console(format))
    else:
        show_sources(Console(format))


@app.command()
def recipes(format: Form = Format.human, debug: Debug = False) -> None:
    """List the packaged recipes."""
    from pipelines.recipe import load_recipe, packaged

    console = Console(format)
    rows = [(name, load_recipe(path).description) for name, path in packaged().items()]
    console.table(["recipe", "what it is"], rows)
    console.result(dict(rows), f"{len(rows)} recipe{'s' if len(rows) != 1 else ''}; arcorp build NAME --out DIR")


@app.command()
def schema(debug: Debug = False) -> None:
    """Print the JSON schema of a recipe, for editors."""
    from pipelines.recipe import Recipe

    Console(Format.json).result(Recipe.model_json_schema(), "")


@app.command()
def doctor(format: Form = Format.human, debug: Debug = False) -> None:
    """Check the environment, and list missing packages."""
    from pipelines.cli.doctor import examine

    examine(Console(format))
