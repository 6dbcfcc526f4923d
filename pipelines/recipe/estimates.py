"""`--dry-run` of a build: the first documents of each corpus, and estimates of text, tokens, disk and hours.

The sizes of files are measured. The other figures are estimates, computed with the factors below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from corpora.errors import Unreachable
from pipelines.console import Console
from pipelines.errors import UsageError, as_failure
from pipelines.recipe.budget import Budget, budget_of
from pipelines.recipe.corpus_options import CorpusOptions, IngestOptions
from pipelines.recipe.model import Recipe, input_paths, is_embedded
from sharding.errors import OptionError
from sharding.scheduling import StratumSize, final_shares

TEXT_PER_BYTE = {".zst": 4.0, ".gz": 3.5, ".xz": 4.5, ".parquet": 2.5}
"""Bytes of UTF-8 text per byte of file, measured on the sample corpora; 1 for other files."""

BYTES_PER_TOKEN = 5.5
"""For Arabic with a vocabulary of 32k; dialects and code have fewer."""

PART_BYTES = 32 << 20
TEXT_PER_CORE_SECOND = 10e6
"""Bytes of text from file to row per second and core."""

DISK_PER_TEXT = 1.6
"""Bytes of disk per byte of text over all stages: documents twice as zstd, tokens and rows as u2."""

GPU_FLOPS = 400e12
"""FLOPs per second of one H100 or H200 in bf16, at 40 % of the peak of 989e12."""


DOCUMENT_BYTES = 5_000
"""Mean bytes of UTF-8 in a web document, for a corpus with a limit: arb_Arab of FineWeb-2 has 294 GB in 57.8 M."""


class Preview(Protocol):
    """The first documents of a corpus, as `pipelines.stages.first_documents` reads them."""

    sizes: dict[str, int]
    languages: dict[str, int]

    def to_json(self) -> dict[str, Any]: ...


Look = Callable[[str, Sequence[str], IngestOptions], Preview]
"""Reads the first documents of a corpus, given its source, inputs and options."""


def estimate(recipe: Recipe, out: Path, look: Look) -> dict[str, Any]:
    """Return the estimates of a build.

    A corpus that can't be read is listed in `missing` and not counted. `refused` is the first such failure that the
    build would have too; a corpus on a server that is not reached may be reached later.
    """
    corpora: list[dict[str, Any]] = []
    missing: list[str] = []
    refused: dict[str, Any] | None = None
    for corpus in recipe.corpora:
        line: dict[str, Any] = {"source": corpus.source, "language": corpus.language}
        line |= {"files": 0, "bytes": 0, "text": 0, "first": None}
        try:
            line |= _measure(recipe, corpus, look)
        except Exception as error:
            failure = as_failure(error)
            if failure is None or isinstance(failure, UsageError):
                raise
            missing.append(str(failure))
            if refused is None and not isinstance(error, Unreachable):
                refused = {"sentence": str(failure), "exit_code": failure.exit_code}
        else:
            limit = corpus.limit * DOCUMENT_BYTES if corpus.limit else line["text"]
            line["text"] = int(min(line["text"], limit))
            if corpus.translate:
                line["language"] = corpus.translate.target
        corpora.append(line)
    text = sum(corpus["text"] for corpus in corpora)
    tokens = int(text / BYTES_PER_TOKEN)
    budget = budget_of(recipe)
    shares: list[dict[str, Any]] = []
    if not missing:
        try:
            shares = _shares(recipe, corpora, budget)
        except OptionError as error:  # a share may name a language that only the documents contain
            missing.append(f"shares, which are unknown until the text is read: {error}")
    id_bytes = 2 if recipe.tokenizer.vocab_size <= 65_536 else 4
    return {
        "recipe": recipe.name,
        "out": str(out),
        "corpora": corpora,
        "missing": missing,
        "refused": refused,
        "files": sum(corpus["files"] for corpus in corpora),
        "text_bytes": text,
        "tasks": sum(max(1, -(-corpus["text"] // PART_BYTES)) for corpus in corpora),
        "jobs": 0,
        "tokens": tokens,
        "rows": tokens // recipe.pack.row_tokens,
        "disk_bytes": int(text * DISK_PER_TEXT) + tokens * (id_bytes - 2) * 2,
        "core_hours": text / TEXT_PER_CORE_SECOND / 3600,
        **budget.to_json(),
        "epochs": budget.tokens / tokens if tokens else None,
        "shares": shares,
        "gpu_hours": budget.total_flops / GPU_FLOPS / 3600,
    }


def _measure(recipe: Recipe, corpus: CorpusOptions, look: Look) -> dict[str, Any]:
    """Return the number of files, their bytes, the estimated bytes of text, and the first documents."""
    inputs = input_paths(corpus)
    if all(is_embedded(path) for path in inputs):
        assert recipe.embedded is not None  # checked by the recipe's validation
        share = recipe.embedded.bytes / sum(
            is_embedded(path) for corpus in recipe.corpora for path in input_paths(corpus)
        )
        return {"files": len(inputs), "bytes": int(share), "text": share}
    first = look(corpus.source, [path for path in inputs if not is_embedded(path)], recipe.ingest_options(corpus))
    language = next(iter(first.languages)) if len(first.languages) == 1 else corpus.language
    return {
        "language": language,
        "files": len(first.sizes),
        "bytes": sum(first.sizes.values()),
        "text": sum(size * TEXT_PER_BYTE.get(Path(name).suffix, 1.0) for name, size in first.sizes.items()),
        "first": first.to_json(),
    }


def _shares(recipe: Recipe, corpora: Sequence[dict[str, Any]], budget: Budget) -> list[dict[str, Any]]:
    """Return the natural share, final share and epochs of each corpus, with equal bytes per token in all corpora.

    Raises OptionError for a mixture that these corpora cannot have.
    """
    from corpora.sources import find_source

    strata = []
    for number, (corpus, line) in enumerate(zip(recipe.corpora, corpora, strict=True)):
        kind = find_source(corpus.source)
        language = line["language"] or kind.LANGUAGE
        own = None if corpus.translate else corpus.category or kind.CATEGORY
        category = own or ("english" if language == "eng_Latn" else "arabic")
        name = f"{number:02d} {corpus.source} {language}".strip()
        strata.append(StratumSize(name, int(line["text"] / BYTES_PER_TOKEN), corpus.source, language, category))
    drawn = dict.fromkeys((stratum.name for stratum in strata), 0.0)
    for phase, span in zip(recipe.all_phases, budget.phases, strict=True):
        mixture = phase.mixture or recipe.mixture
        for name, share in final_shares(strata, mixture, span.tokens).items():
            drawn[name] += share * span.tokens
    total = sum(stratum.size for stratum in strata) or 1
    return [
        {
            "corpus": stratum.name,
            "category": stratum.category,
            "tokens": stratum.size,
            "natural": stratum.size / total,
            "final": drawn[stratum.name] / (budget.tokens or 1),
            "drawn": round(drawn[stratum.name]),
            "epochs": drawn[stratum.name] / stratum.size if stratum.size else 0.0,
        }
        for stratum in strata
    ]


def show_estimate(plan: dict[str, Any], console: Console) -> None:
    """Show the estimates as tables, or as JSON."""
    rows = [(c["source"], c["language"] or "", c["files"], c["bytes"], c["text"]) for c in plan["corpora"]]
    console.table(["corpus", "language", "files", "bytes", "text, about"], rows, title=f"recipe {plan['recipe']}")
    _show_first(plan["corpora"], console)
    if plan["shares"]:
        console.table(
            ["corpus", "category", "tokens, about", "natural", "final", "epochs"],
            [
                (c["corpus"], c["category"], c["tokens"], f"{c['natural']:.2%}", f"{c['final']:.2%}", c["epochs"])
                for c in plan["shares"]
            ],
        )
    console.table(
        ["phase", "from step", "steps", "tokens"],
        [
            (f"{phase['run']} {phase['name']}".lstrip(), phase["first"], phase["steps"], phase["tokens"])
            for phase in plan["phases"]
        ],
    )
    facts = [
        ("tasks to ingest", f"{plan['tasks']:,}"),
        ("tokens, about", f"{plan['tokens']:,}"),
        ("rows, about", f"{plan['rows']:,}"),
        ("steps", _steps(plan)),
        ("tokens to train on", f"{plan['trained_tokens']:,}"),
        ("epochs, about", f"{plan['epochs']:,.4g}" if plan["epochs"] else "-"),
        ("parameters", f"{plan['parameters']:,}"),
        ("FLOPs", f"{plan['flops']:.4g}, {plan['flops_per_token']:.5g} per token"),
        ("disk, about", _size(plan["disk_bytes"])),
        ("core-hours, about", _hours(plan["core_hours"])),
        ("GPU-hours, about", f"{_hours(plan['gpu_hours'])} (one H200, bf16)"),
    ]
    console.table(["", ""], facts)
    for sentence in plan["missing"]:
        console.text(f"not counted: {sentence}")
    console.result(plan, f"nothing was written; arcorp build would write to {plan['out']}")


def _steps(plan: dict[str, Any]) -> str:
    """Return the number of steps, and the tokens of one if all have as many."""
    every = {phase["tokens"] // phase["steps"] for phase in plan["phases"]}
    return f"{plan['steps']:,}" + (f" of {plan['step_tokens']:,} tokens" if every == {plan["step_tokens"]} else "")


def _show_first(corpora: Sequence[dict[str, Any]], console: Console) -> None:
    """Show the first documents of each corpus that was read."""
    rows = []
    for corpus in corpora:
        if first := corpus["first"]:
            dropped = ", ".join(f"{count:,} {reason}" for reason, count in first["dropped"].items())
            languages, licenses = (
                ", ".join(name or "none" for name in first[key]) for key in ("languages", "licenses")
            )
            rows.append((corpus["source"], first["records"], first["kept"], languages, licenses, dropped))
    if rows:
        console.text("")
        console.table(["first records of", "read", "kept", "languages", "licences", "dropped"], rows)
        console.text("")
    for corpus in corpora:
        for sentence in corpus["first"]["doubts"] if corpus["first"] else []:
            console.text(f"{corpus['source']}: {sentence}")


def _hours(hours: float) -> str:
    return f"{hours:,.4g}" if hours >= 0.01 else "under 0.01"


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
