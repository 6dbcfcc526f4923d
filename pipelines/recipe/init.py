"""`arcorp init`: a recipe for files of text, with sizes chosen by the amount of text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora.addresses import bare, is_remote
from pipelines.errors import InputError, UsageError
from pipelines.texts import label, line, name, yaml_text

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

EXPANSION = 4
"""Approximate ratio of text to file size, for compressed and columnar files."""


@dataclass(frozen=True)
class Sizes:
    """Sizes for an amount of text, chosen by building and training at these sizes."""

    vocab_size: int
    row_tokens: int
    batch_rows: int
    layers: int
    width: int


# (maximum bytes of text, sizes). A model reads each token about four times; the last line is nanochat's d12. Small
# vocabularies are far below the number of pairs in that much text (14 kB of stories: 831 ids).
BY_BYTES = (
    (60_000, Sizes(384, 64, 4, 2, 64)),
    (400_000, Sizes(1_024, 128, 8, 4, 128)),
    (5_000_000, Sizes(4_096, 256, 16, 4, 192)),
    (100_000_000, Sizes(16_384, 512, 32, 6, 384)),
    (2_000_000_000, Sizes(32_768, 1_024, 64, 8, 512)),
    (1 << 62, Sizes(65_536, 2_048, 256, 12, 768)),
)
BYTES_PER_TOKEN = 5


VALIDATION = 0.02
MAX_VALIDATION = 0.1
"""A note is shown if a larger part of the text is held out."""


def write_recipe(inputs: Sequence[str], out: Path, language: str, text_field: str | None) -> list[str]:
    """Write a recipe for `inputs`. Return notes for the user. Raises UsageError, InputError."""
    try:
        label(language)
    except ValueError as error:
        raise UsageError(f"--language {language}: {error}") from None
    if os.path.lexists(out):
        raise UsageError(f"{out} exists: choose another --out")
    corpora, size, texts = [], 0, 0
    for path in inputs:
        sizes_by_reader, files = _readers(path)
        texts += files
        for reader, text_size in sizes_by_reader.items():
            corpus = {"source": reader, "input": _relative(Path(path), out.parent), "language": language}
            if text_field and reader != "text":
                corpus["text_field"] = text_field
            corpora.append(corpus)
            size += text_size
    sizes = next(sizes for limit, sizes in BY_BYTES if size <= limit)
    steps = max(100, 4 * size // BYTES_PER_TOKEN // (sizes.batch_rows * sizes.row_tokens))
    recipe = {
        "name": _name(out.stem),
        "description": f"about {size / 1e6:,.1f} MB of {language}",
        "corpora": corpora,
        # a file can be a book, and there is a single source: no cap is needed
        "tokenizer": {"vocab_size": sizes.vocab_size, "sample": {"document_cap": max(size, 1)}},
        "pack": {"row_tokens": sizes.row_tokens, "validation": {"share": VALIDATION}},
        "phases": [{"name": "all", "steps": steps}],
        "train": {"layers": sizes.layers, "width": sizes.width, "heads": 4, "batch_rows": sizes.batch_rows},
    }
    text = yaml_text(recipe, width=110)
    out.parent.mkdir(parents=True, exist_ok=True)
    file = line(out.name)
    with out.open("x", encoding="utf-8") as written:
        written.write(
            f"# Written by `arcorp init`; edit it freely. `arcorp build {file} --dry-run` estimates the build,\n"
            f"# `arcorp build {file} --print-config` shows all keys with their defaults.\n{text}"
        )
    return _notes(corpora, texts)


def _name(stem: str) -> str:
    """Return the name of a recipe, given that of its file."""
    try:
        return name(re.sub(r"\s+", "-", stem.strip()))
    except ValueError:
        return "recipe"


def _notes(corpora: Sequence[dict[str, str]], texts: int) -> list[str]:
    """Return a note if few text files are the whole corpus: validation holds whole documents, a large part then."""
    if any(corpus["source"] != "text" for corpus in corpora) or not texts or 1 / texts <= MAX_VALIDATION:
        return []
    if texts == 1:
        return ["one file is one document, and the validation split is empty: split the file into several files"]
    return [
        f"{texts} files are {texts} documents, and validation holds whole documents: about {1 / texts:.0%} of the "
        "text is held out; split books into one file per chapter to hold out less"
    ]


def _readers(given: str) -> tuple[dict[str, int], int]:
    """Return the estimated bytes of text at a path by reader, and the number of text files. Raises UsageError."""
    path = Path(given)
    if is_remote(given):
        where = bare(given)
        raise UsageError(f"{where}: init reads files on this machine; write the address into a recipe")
    if not path.exists():
        raise UsageError(f"{given}: no such file or folder")
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
    sizes: dict[str, int] = {}
    texts = 0
    for file in files:
        suffixes = [suffix.lower() for suffix in file.suffixes]
        packed = bool(suffixes) and suffixes[-1] in COMPRESSED
        suffix = suffixes[-2] if packed and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
        reader = READERS.get(suffix)
        texts += reader == "text"
        if reader:
            large = packed or reader == "parquet"
            sizes[reader] = sizes.get(reader, 0) + file.stat().st_size * (EXPANSION if large else 1)
    if not sizes:
        raise InputError(
            f"{given}: no file name ends in {', '.join(READERS)}: give other files, or choose a source of "
            "`arcorp sources`"
        )
    return sizes, texts


def _relative(path: Path, folder: Path) -> str:
    """Return a path below the recipe's folder as a relative path, and any other path as an absolute path."""
    path, folder = path.resolve(), folder.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
