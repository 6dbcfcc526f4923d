"""`--dry-run` of a build: what a recipe comes to, before anything is read: files, text, tokens, disk, hours.

Sizes of files are measured; everything after them is reckoned with the factors below, and said to be so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.options import TrainOptions
from pipelines.recipe import Recipe, is_embedded, paths

TEXT_PER_BYTE = {".zst": 4.0, ".gz": 3.5, ".xz": 4.5, ".parquet": 2.5}
"""Bytes of UTF-8 text in a byte of file, on the sample corpora; 1 for others."""

BYTES_PER_TOKEN = 5.5
"""Of Arabic under a 32k tokenizer; dialects and code have fewer."""

PART_BYTES = 32 << 20
TEXT_PER_CORE_SECOND = 10e6
"""Bytes of text from file to row in a second of one core."""

DISK_PER_TEXT = 1.6
"""All stages together, in bytes of disk to a byte of text: documents twice as zstd, tokens and rows as u2."""

GPU_FLOPS = 400e12
"""Of one H100 or H200 in bf16 at 40 % of its peak of 989e12."""


def estimate(recipe: Recipe, out: Path) -> dict[str, Any]:
    """What building `recipe` comes to. Raises what finding its files raises."""
    corpora: list[dict[str, Any]] = []
    for corpus in recipe.corpora:
        files, size, text = _measure(recipe, corpus.source, paths(corpus))
        corpora.append(
            {"source": corpus.source, "language": corpus.language, "files": files, "bytes": size, "text": int(text)}
        )
    text = sum(corpus["text"] for corpus in corpora)
    tokens = int(text / BYTES_PER_TOKEN)
    row = recipe.pack.row_tokens
    step = recipe.train.batch_rows * row
    phases: list[dict[str, Any]] = []
    for phase in recipe.phases:
        steps = phase.steps or (phase.tokens or 0) // step
        phases.append({"name": phase.name, "steps": steps, "tokens": steps * step})
    trained = sum(phase["tokens"] for phase in phases)
    flops = flops_per_token(recipe.train, recipe.tokenizer.vocab_size, row)
    id_bytes = 2 if recipe.tokenizer.vocab_size <= 65_536 else 4
    return {
        "recipe": recipe.name,
        "out": str(out),
        "corpora": corpora,
        "files": sum(corpus["files"] for corpus in corpora),
        "text_bytes": text,
        "tasks": sum(max(1, -(-corpus["text"] // PART_BYTES)) for corpus in corpora),
        "jobs": 0,
        "tokens": tokens,
        "rows": tokens // row,
        "disk_bytes": int(text * DISK_PER_TEXT) + tokens * (id_bytes - 2) * 2,
        "core_hours": text / TEXT_PER_CORE_SECOND / 3600,
        "phases": phases,
        "trained_tokens": trained,
        "epochs": trained / tokens if tokens else None,
        "flops_per_token": flops,
        "gpu_hours": trained * flops / GPU_FLOPS / 3600,
    }


def _measure(recipe: Recipe, source: str, inputs: list[str]) -> tuple[int, int, float]:
    """Files, their bytes, and about how much text they hold."""
    if all(is_embedded(path) for path in inputs):
        assert recipe.embedded is not None  # the recipe's own validation saw to it
        share = recipe.embedded.bytes / sum(is_embedded(one) for each in recipe.corpora for one in paths(each))
        return len(inputs), int(share), share
    from corpora.files import find as find_files
    from corpora.sources import find

    files = find_files([path for path in inputs if not is_embedded(path)], find(source).FILES)
    text = sum(file.size * TEXT_PER_BYTE.get(Path(file.name).suffix, 1.0) for file in files)
    return len(files), sum(file.size for file in files), text


def flops_per_token(train: TrainOptions, vocab_size: int, context: int) -> float:
    """Training FLOPs for a token: 6 for each weight of a matrix product, 12 layers x width x context for attention
    (Chowdhery et al. 2022, appendix B)."""
    layers, width = train.layers or 4, train.width or 128
    ffn = train.ffn or 4 * width
    matrices = 3 if train.preset == "llama" else 2
    weights = layers * (4 * width * width + matrices * width * ffn) + width * vocab_size
    return 6.0 * weights + 12.0 * layers * width * context


def show(plan: dict[str, Any], console: Console) -> None:
    """The estimate as tables, or as JSON."""
    rows = [(c["source"], c["language"] or "", c["files"], c["bytes"], c["text"]) for c in plan["corpora"]]
    console.table(["corpus", "language", "files", "bytes", "text, about"], rows, title=f"recipe {plan['recipe']}")
    console.table(
        ["phase", "steps", "tokens"], [(phase["name"], phase["steps"], phase["tokens"]) for phase in plan["phases"]]
    )
    facts = [
        ("tasks to ingest", f"{plan['tasks']:,}"),
        ("tokens, about", f"{plan['tokens']:,}"),
        ("rows, about", f"{plan['rows']:,}"),
        ("tokens to train on", f"{plan['trained_tokens']:,}"),
        ("disk, about", _size(plan["disk_bytes"])),
        ("core-hours, about", f"{plan['core_hours']:,.4g}"),
        ("GPU-hours, about", f"{plan['gpu_hours']:,.4g} (one H200, bf16)"),
    ]
    console.table(["", ""], facts)
    console.result(plan, f"nothing was written; arcorp build would write to {plan['out']}")


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
