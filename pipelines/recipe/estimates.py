"""`--dry-run` of a build: estimates of files, text, tokens, disk and hours before any text is read.

The sizes of files are measured. The other figures are estimates, computed with the factors below.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.errors import UsageError, as_failure
from pipelines.recipe.budget import Budget, budget_of
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


def estimate(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Return the estimates of a build. A corpus that cannot be reached is listed in `missing` and not counted."""
    corpora: list[dict[str, Any]] = []
    missing: list[str] = []
    for corpus in recipe.corpora:
        line: dict[str, Any] = {"source": corpus.source, "language": corpus.language}
        line |= {"files": 0, "bytes": 0, "text": 0}
        try:
            files, size, text = _measure(recipe, corpus.source, input_paths(corpus))
        except Exception as error:
            failure = as_failure(error)
            if failure is None or isinstance(failure, UsageError):
                raise
            missing.append(str(failure))
        else:
            limit = corpus.limit * DOCUMENT_BYTES if corpus.limit else text
            line |= {"files": files, "bytes": size, "text": int(min(text, limit))}
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


def _measure(recipe: Recipe, source: str, inputs: list[str]) -> tuple[int, int, float]:
    """Return the number of files, their size in bytes, and the estimated size of their text in bytes."""
    if all(is_embedded(path) for path in inputs):
        assert recipe.embedded is not None  # checked by the recipe's validation
        share = recipe.embedded.bytes / sum(
            is_embedded(path) for corpus in recipe.corpora for path in input_paths(corpus)
        )
        return len(inputs), int(share), share
    from corpora.reading import find_files
    from corpora.sources import find_source

    kind = find_source(source)
    files = find_files([path for path in inputs if not is_embedded(path)], kind.FILES, folder=kind.OWN)
    text = sum(file.size * TEXT_PER_BYTE.get(Path(file.name).suffix, 1.0) for file in files)
    return len(files), sum(file.size for file in files), text


def _shares(recipe: Recipe, corpora: Sequence[dict[str, Any]], budget: Budget) -> list[dict[str, Any]]:
    """Return the natural share, final share and epochs of each corpus, with equal bytes per token in all corpora.

    Raises OptionError for a mixture that these corpora cannot have.
    """
    from corpora.sources import find_source

    strata = []
    for number, (corpus, line) in enumerate(zip(recipe.corpora, corpora, strict=True)):
        kind = find_source(corpus.source)
        language = corpus.language or kind.LANGUAGE
        category = corpus.category or kind.CATEGORY or ("english" if language == "eng_Latn" else "arabic")
        name = f"{number:02d} {corpus.source} {language}".strip()
        strata.append(StratumSize(name, int(line["text"] / BYTES_PER_TOKEN), corpus.source, language, category))
    drawn = dict.fromkeys((stratum.name for stratum in strata), 0.0)
    for phase, span in zip(recipe.phases, budget.phases, strict=True):
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
        [(phase["name"], phase["first"], phase["steps"], phase["tokens"]) for phase in plan["phases"]],
    )
    facts = [
        ("tasks to ingest", f"{plan['tasks']:,}"),
        ("tokens, about", f"{plan['tokens']:,}"),
        ("rows, about", f"{plan['rows']:,}"),
        ("steps", f"{plan['steps']:,} of {plan['step_tokens']:,} tokens"),
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


def _hours(hours: float) -> str:
    return f"{hours:,.4g}" if hours >= 0.01 else "under 0.01"


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
