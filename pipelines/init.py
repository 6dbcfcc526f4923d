"""`arcorp init`: a recipe for someone's own files, with sizes that suit the amount of text, ready to edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.errors import InputError, UsageError

READERS = {
    ".txt": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
COMPRESSED = (".gz", ".zst", ".xz", ".bz2")

# Text in a compressed or columnar file is about this much larger than the file.
EXPANSION = 4


@dataclass(frozen=True)
class Sizes:
    """What suits an amount of text: found by building and training at these sizes."""

    vocab_size: int
    row_tokens: int
    batch_rows: int
    layers: int
    width: int


# Up to so many bytes of text. A model sees each token about four times; the last line is nanochat's d12.
BY_BYTES = (
    (5_000_000, Sizes(4_096, 256, 16, 4, 192)),
    (100_000_000, Sizes(16_384, 512, 32, 6, 384)),
    (2_000_000_000, Sizes(32_768, 1_024, 64, 8, 512)),
    (1 << 62, Sizes(65_536, 2_048, 256, 12, 768)),
)
BYTES_PER_TOKEN = 5


def write_recipe(inputs: Sequence[str], out: Path, language: str, text_field: str | None) -> None:
    """Write a recipe that builds on `inputs`. Raises UsageError, InputError."""
    if out.exists():
        raise UsageError(f"{out} is there already: choose another --out")
    corpora, size = [], 0
    for given in inputs:
        for reader, found in _readers(given).items():
            corpus = {"source": reader, "input": _relative(Path(given), out.parent), "language": language}
            if text_field and reader != "text":
                corpus["text_field"] = text_field
            corpora.append(corpus)
            size += found
    sizes = next(sizes for limit, sizes in BY_BYTES if size <= limit)
    steps = max(100, 4 * size // BYTES_PER_TOKEN // (sizes.batch_rows * sizes.row_tokens))
    recipe = {
        "name": out.stem,
        "description": f"about {size / 1e6:,.1f} MB of {language}",
        "corpora": corpora,
        # files may be whole books, and there is no other source that they could drown: no document is capped
        "tokenizer": {"vocab_size": sizes.vocab_size, "sample": {"document_cap": max(size, 1)}},
        "pack": {"row_tokens": sizes.row_tokens, "validation": {"share": 0.02}},
        "phases": [{"name": "all", "steps": steps}],
        "train": {"layers": sizes.layers, "width": sizes.width, "heads": 4, "batch_rows": sizes.batch_rows},
    }
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=110)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        f"# Made by `arcorp init`; edit it freely. `arcorp build {out.name} --dry-run` shows what it comes to,\n"
        f"# `arcorp build {out.name} --print-config` every other key and its default.\n{text}",
        encoding="utf-8",
    )


def _readers(given: str) -> dict[str, int]:
    """The readers that suit what lies at a path, and about how much text each would find."""
    path = Path(given)
    if not path.exists():
        raise UsageError(f"{given}: there is no such file or folder")
    files = [path] if path.is_file() else [one for one in sorted(path.rglob("*")) if one.is_file()]
    sizes: dict[str, int] = {}
    for file in files:
        suffixes = [suffix.lower() for suffix in file.suffixes]
        packed = bool(suffixes) and suffixes[-1] in COMPRESSED
        suffix = suffixes[-2] if packed and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
        reader = READERS.get(suffix)
        if reader:
            large = packed or reader == "parquet"
            sizes[reader] = sizes.get(reader, 0) + file.stat().st_size * (EXPANSION if large else 1)
    if not sizes:
        raise InputError(
            f"{given}: no file here ends in {', '.join(READERS)}: name the files, or use `arcorp sources`"
        )
    return sizes


def _relative(path: Path, folder: Path) -> str:
    """A path as the recipe should hold it: relative to the recipe where that goes down, else absolute."""
    path, folder = path.resolve(), folder.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
