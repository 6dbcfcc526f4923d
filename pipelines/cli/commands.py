"""The command line: `arcorp COMMAND`. Thin: it turns words into options, calls `pipelines`, and shows the outcome.

Heavy imports stand inside the commands that need them, so that `arcorp --help` answers at once.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from corpora.addresses import has_secrets, scrub
from pipelines.cli.flags import CORES, Debug, DryRun, Form, Out, Restart, Seed, Workers, options_of
from pipelines.cli.stage_commands import AnyTokenizer, add_stages
from pipelines.console import Console, Format
from pipelines.errors import Failure, UsageError, as_failure
from pipelines.recipe import ScheduleOptions

app = typer.Typer(
    name="arcorp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build an Arabic-first pretraining dataset and tokenizer, prove it right, and train on it.",
)
tokenizer_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train a tokenizer, and look at one.")
app.add_typer(tokenizer_app, name="tokenizer")

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key of the recipe; may be repeated.")
]
RecipeSeed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of every choice that is drawn. [the recipe's]")
]
StageName = Literal["ingest", "dedup", "tokenizer", "tokenize", "pack", "verify", "train", "report"]


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):  # a locale that lacks a character must not end a command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; returns its exit code. Every failure is one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale without Arabic: characters are shown by their numbers
            stream.reconfigure(errors="backslashreplace")
    form = Format.json if "json" in _value(arguments, "--format") else Format.human
    try:
        code = app(list(arguments), prog_name="arcorp", standalone_mode=False)
        if code == 130:  # typer turns Ctrl-C into this
            print("arcorp: interrupted; run the same command again to go on", file=sys.stderr)  # noqa: T201
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # whoever read our output has seen enough; nothing more can be said there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BaseException as error:  # a panic in Rust code is no Exception
        if as_failure(error) is None and not isinstance(error, Exception):
            raise
        failure = _explain(error, arguments)
        secret = [word for word in _words(arguments) if has_secrets(word)]
        if "--debug" in arguments:
            if not secret:
                raise
            print(scrub(traceback.format_exc(), *secret), file=sys.stderr)  # noqa: T201
        Console(form).error(type(failure)(scrub(str(failure), *secret)))
        return failure.exit_code


def _words(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments, and the values in `--flag=value` and `--set key=value`: an address may be any of them."""
    for word in arguments:
        yield word
        name, equals, value = word.partition("=")
        if equals and "://" not in name:
            yield value


def _value(arguments: Sequence[str], flag: str) -> str:
    """The value given to a flag, before anything is parsed."""
    text = "\0".join(arguments).replace(f"{flag}=", f"{flag}\0")
    return text.partition(f"{flag}\0")[2].partition("\0")[0]


def _explain(error: BaseException, arguments: Sequence[str]) -> Failure:
    known = as_failure(error)
    if known:
        return known
    message = getattr(error, "format_message", None)
    if message is not None:  # the command line itself is wrong
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "arcorp"
        said = " ".join(message().split())
        return UsageError(f"{said.rstrip('.')}; see '{command} --help'")
    again = shlex.join(["arcorp", *arguments, "--debug"])
    return Failure(f"a bug: {type(error).__name__}: {error}; please report it with what '{again}' prints")


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
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Your files or folders.")],
    out: Annotated[Path, typer.Option("--out", help="The recipe to write.")] = Path("recipe.yaml"),
    language: Annotated[str, typer.Option("--language", help="Language label of your text.")] = "arb_Arab",
    text_field: Annotated[str | None, typer.Option("--text-field", help="Field that holds the text.")] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write a recipe for your own files, ready to edit and build."""
    from pipelines.recipe import write_recipe

    console = Console(format)
    notes = write_recipe(paths, out, language, text_field)
    for note in notes:
        console.say(note)
    line = f"{out}: look it over, then: arcorp build {out} --out out/{out.stem}"
    console.result({"recipe": str(out), "notes": notes}, line)


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="A recipe's file, or the name of a packaged one.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to build in. [out/<recipe>]")] = None,
    until: Annotated[StageName | None, typer.Option("--until", help="Last stage to do.")] = None,
    executor: Annotated[
        Literal["local", "slurm"], typer.Option("--executor", help="Where to run: here, or in jobs of a cluster.")
    ] = "local",
    workers: Workers = CORES,
    settings: Settings = None,
    seed: RecipeSeed = None,
    restart: Restart = False,
    dry_run: DryRun = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the recipe with all defaults, and do nothing.")
    ] = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Do all stages of a recipe, or go on where the last run ended."""
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
    if dry_run:
        from pipelines.recipe import estimate, show_estimate

        show_estimate(estimate(recipe, folder), console)
        return
    if executor == "slurm":
        from pipelines.slurm.steps import launch

        launched = launch(recipe, folder, until, restart, console)
        console.result(launched.to_json(), launched.last_line)
        return
    from pipelines.build import build as build_all
    from pipelines.run import Context

    with console:
        result = build_all(recipe, folder, until, Context(workers, restart, console.progress), console)
    console.result(result.to_json(), result.last_line)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until nothing runs or waits.")] = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show how far a build is: stages, ranks, failures, jobs, pace."""
    from pipelines.cli.status import show_status

    show_status(folder, Console(format), watch=watch)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a build.")],
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write a build's report.html anew: one page, opens from disk."""
    from pipelines.build import write_report_and_card

    path = write_report_and_card(folder)
    Console(format).result({"report": str(path)}, str(path))


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, or of an export of one.")],
    repo: Annotated[str, typer.Argument(help="USER/NAME on the Hugging Face Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Make the repository public, if it is made.")] = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Check a dataset, write its card, and send it to the Hub."""
    from pipelines.publish import parcel
    from pipelines.publish import push as send

    files = parcel(folder, repo)
    address = None if dry_run else send(files, repo, public)
    result = {"repo": repo, "digest": files.digest, "files": len(files.files), "bytes": files.bytes, "commit": address}
    line = address or f"{len(files.files)} files, {files.bytes:,} bytes would be sent to {repo}"
    Console(format).result(result, line)


add_stages(app, tokenizer_app)

# -- one folder at a time ---------------------------------------------------------------------------------


@app.command()
@options_of(ScheduleOptions)
def mix(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    options: ScheduleOptions,
    seed: Seed = 42,
    out: Annotated[str, typer.Option("--out", help="Name of the schedule, beside the others.")] = "schedule.json",
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Lay another schedule on a dataset: other shares, same rows."""
    from pipelines.cli.show_stages import show_schedule
    from pipelines.stages.pack import refuse_used, write_schedule

    console = Console(format)
    schedule = write_schedule(dataset, options, seed, name=None)
    if not dry_run:
        refuse_used(dataset, out, schedule)
        write_schedule(dataset, options, seed, name=out)
    show_schedule(schedule, console)
    console.result(schedule, "nothing was written" if dry_run else str(dataset / out))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Any sealed folder, or a whole build.")],
    level: Annotated[
        Literal["quick", "full", "deep"],
        typer.Option("--level", help="quick: sizes and seals; full: every byte; deep: what the bytes mean."),
    ] = "full",
    order: Annotated[int | None, typer.Option("--order", help="Recompute the order hash under this seed.")] = None,
    steps: Annotated[str, typer.Option("--steps", metavar="A:B", help="The steps to recompute.")] = "0:1",
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Prove a folder against its seal, and name what is at fault."""
    from pipelines.cli.show_stages import verify_folder, verify_order

    if order is None:
        verify_folder(folder, level, Console(format))
    else:
        verify_order(folder, order, steps, Console(format))


# -- looking ----------------------------------------------------------------------------------------------


@app.command()
def inspect(
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset.")],
    row: Annotated[int | None, typer.Option("--row", min=0, help="Show this row.")] = None,
    document: Annotated[str | None, typer.Option("--document", help="Show where this document went.")] = None,
    split: Annotated[Literal["train", "validation"], typer.Option("--split", help="Rows of which split.")] = "train",
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show a row and its documents, or where a document went."""
    from pipelines.cli.show import show_document, show_row

    if document is not None:
        show_document(dataset, document, Console(format))
    else:
        show_row(dataset, split, row or 0, Console(format))


@tokenizer_app.command("segment")
def segment(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A plain text file.")] = None,
    segmenter: Annotated[
        Literal["learned", "camel", "rules"], typer.Option("--segmenter", help="What says where morphemes end.")
    ] = "learned",
    database: Annotated[
        str | None, typer.Option("--database", help="camel: name or path of a database. [calima-msa-r13]")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="Score against this TSV: word, tab, its segments joined by '+'.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show how Arabic words are cut into morphemes, and how well."""
    from pipelines.cli.segmentation import show_segmentation

    show_segmentation(file, segmenter, database, gold, Console(format))


@tokenizer_app.command("show")
def show_tokenizer(
    tokenizer: AnyTokenizer,
    text: Annotated[str | None, typer.Argument(help="Text to cut into tokens.")] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show what a tokenizer is, and how it cuts a text."""
    from pipelines.cli.show import show_tokenizer as show

    if text is not None:  # UTF-8, whatever the locale took its bytes for
        text = os.fsencode(text).decode(errors="surrogateescape")
    show(tokenizer, text, Console(format))


@app.command()
def fertility(
    tokenizers: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENIZER...",
            help="Tokenizer folders, tokenizer.json or .tiktoken files, folders of vocab.json and merges.txt, names "
            "of tiktoken's encodings. The others are compared with the first.",
        ),
    ],
    docs: Annotated[list[Path], typer.Option("--docs", help="Folder of documents; may be repeated.")],
    out: Out,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="Words and morphemes: word<TAB>mor+pheme. [the learned segmenter]")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="8k,16k,...", help="Vocabularies to train for the cost curve.")
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
    """16k is 16,384, as vocabularies are counted; 16000 is what it says."""
    words = text.replace(" ", "").lower().split(",") if text else []
    try:
        return [int(word[:-1]) * 1024 if word.endswith("k") else int(word) for word in words]
    except ValueError:
        raise UsageError(f"--sizes {text}: write them as 8k,16k,32k or 8000,76800") from None


@app.command()
def sources(format: Form = Format.human, debug: Debug = False) -> None:
    """List the sources that can be read."""
    from pipelines.cli.show import show_sources

    show_sources(Console(format))


@app.command()
def recipes(format: Form = Format.human, debug: Debug = False) -> None:
    """List the recipes that come with arcorp."""
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
    """Check the environment, and say how to get what is missing."""
    from pipelines.cli.doctor import examine

    examine(Console(format))
