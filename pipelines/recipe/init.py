"""`arcorp init`: a recipe for someone's own files, with sizes that suit the amount of text, ready to edit."""

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


# Up to so many bytes of text. A model sees each token about four times; the last line is nanochat's d12. Small
# vocabularies are far below what so much ordinary text has pairs for (14 kB of stories: 831 ids).
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
FEW = 0.1
"""A part of the text that is more than was meant to be held out, and is said."""


def write_recipe(inputs: Sequence[str], out: Path, language: str, text_field: str | None) -> list[str]:
    """Write a recipe that builds on `inputs`; returns what its reader should know. Raises UsageError, InputError."""
    try:
        label(language)
    except ValueError as error:
        raise UsageError(f"--language {language}: {error}") from None
    if os.path.lexists(out):
        raise UsageError(f"{out} is there already: choose another --out")
    corpora, size, texts = [], 0, 0
    for given in inputs:
        sizes_found, files = _readers(given)
        texts += files
        for reader, found in sizes_found.items():
            corpus = {"source": reader, "input": _relative(Path(given), out.parent), "language": language}
            if text_field and reader != "text":
                corpus["text_field"] = text_field
            corpora.append(corpus)
            size += found
    sizes = next(sizes for limit, sizes in BY_BYTES if size <= limit)
    steps = max(100, 4 * size // BYTES_PER_TOKEN // (sizes.batch_rows * sizes.row_tokens))
    recipe = {
        "name": _name(out.stem),
        "description": f"about {size / 1e6:,.1f} MB of {language}",
        "corpora": corpora,
        # files may be whole books, and there is no other source that they could drown: no document is capped
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
            f"# Made by `arcorp init`; edit it freely. `arcorp build {file} --dry-run` shows what it comes to,\n"
            f"# `arcorp build {file} --print-config` every other key and its default.\n{text}"
        )
    return _notes(corpora, texts)


def _name(stem: str) -> str:
    """The name of a recipe from that of its file."""
    try:
        return name(re.sub(r"\s+", "-", stem.strip()))
    except ValueError:
        return "recipe"


def _notes(corpora: Sequence[dict[str, str]], texts: int) -> list[str]:
    """Where all is text files, and few: whole documents are held out, and one is a large part of them."""
    if any(corpus["source"] != "text" for corpus in corpora) or not texts or 1 / texts <= FEW:
        return []
    if texts == 1:
        return ["one file is one document: nothing is held out for validation; cut it into files to have some"]
    return [
        f"{texts} files are {texts} documents, and validation takes whole ones: about {1 / texts:.0%} of the text is "
        "held out; cut books into chapters, one file each, to hold out less"
    ]


def _readers(given: str) -> tuple[dict[str, int], int]:
    """The readers that suit what lies at a path, and about how much text each would find; and how many text files."""
    path = Path(given)
    if is_remote(given):
        where = bare(given)
        raise UsageError(f"{where}: init looks at files on this machine; write an address into a recipe by hand")
    if not path.exists():
        raise UsageError(f"{given}: there is no such file or folder")
    files = [path] if path.is_file() else [one for one in sorted(path.rglob("*")) if one.is_file()]
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
            f"{given}: no file here ends in {', '.join(READERS)}: name the files, or use `arcorp sources`"
        )
    return sizes, texts


def _relative(path: Path, folder: Path) -> str:
    """A path as the recipe should hold it: relative to the recipe where that goes down, else absolute."""
    path, folder = path.resolve(), folder.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
