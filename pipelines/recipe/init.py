"""`arcorp init`: a recipe for files of text, with sizes chosen by the amount of text."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora.addresses import is_remote
from pipelines import texts
from pipelines.errors import InputError, UsageError
from pipelines.recipe.chat_specials import chat_specials, has_conversations
from pipelines.recipe.corpus_options import CorpusOptions
from pipelines.recipe.model import is_embedded
from pipelines.recipe.own_corpora import OwnCorpus, Survey, survey
from pipelines.texts import line, name, yaml_text

WIDTH = 80
FEW = 5
"""Number of files of one folder that are left out for one reason, up to which all are named."""


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


@dataclass(frozen=True)
class Written:
    """What `write_recipe` wrote.

    sections  sections of the recipe, one for each corpus
    seen      the corpora, and the files that are left out
    notes     notes for the user
    """

    sections: list[dict[str, Any]]
    seen: Survey
    notes: list[str]


def write_recipe(inputs: Sequence[str], out: Path, language: str | None, text_field: str | None) -> Written:
    """Write a recipe for the files at `inputs`, each read by the source that it is recognised for.

    language    label of documents whose data name no language; None: by the letters of the text
    text_field  field of the text, in files that have it

    Raises UsageError; InputError if no file is recognised.
    """
    try:
        language = texts.language(language) if language is not None else None
    except ValueError as error:
        raise UsageError(f"--language {language}: {error}") from None
    if os.path.lexists(out):
        raise UsageError(f"{out} exists: choose another --out")
    seen = survey(inputs, text_field or "")
    if not seen.corpora:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in seen.left_out[:3])
        raise InputError(f"{', '.join(inputs)}: no file holds text that arcorp reads ({reasons or 'there is none'})")
    if text_field and not any(text_field == corpus.options.get("text_field", "text") for corpus in seen.corpora):
        raise UsageError(f"--text-field {text_field}: no file has a field of this name with text")
    corpora = [_corpus(corpus, language, out.parent) for corpus in seen.corpora]
    text = _recipe_text(out, seen, corpora)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("x", encoding="utf-8") as written:
        written.write(text)
    return Written(corpora, seen, _notes(seen.corpora))


def _corpus(corpus: OwnCorpus, language: str | None, folder: Path) -> dict[str, Any]:
    """Return the recipe's section for a corpus."""
    inputs = [_relative(path, folder) for path in corpus.inputs]
    section: dict[str, Any] = {"source": corpus.source, "input": inputs[0] if len(inputs) == 1 else inputs}
    if not corpus.labelled and (language or corpus.language):
        section["language"] = language or corpus.language
    beside = {key: value for key, value in corpus.options.items() if key in CorpusOptions.model_fields}
    inside = {key: value for key, value in corpus.options.items() if key not in beside}
    return section | beside | ({"options": inside} if inside else {})


def _relative(path: str, folder: Path) -> str:
    """Return a path below the recipe's folder as a relative path, and any other path as an absolute path."""
    path, base = os.path.abspath(path), os.path.abspath(folder)  # noqa: PTH100 (resolve() follows links)
    if os.path.commonpath([path, base]) != base:
        return path
    relative = os.path.relpath(path, base)
    return f"./{relative}" if is_embedded(relative) or is_remote(relative) or relative[0] == "~" else relative


# -- the text of the recipe -------------------------------------------------------------------------------


def _recipe_text(out: Path, seen: Survey, corpora: Sequence[dict[str, Any]]) -> str:
    size = sum(corpus.bytes for corpus in seen.corpora)
    sizes = next(sizes for limit, sizes in BY_BYTES if size <= limit)
    chat = has_conversations(section["source"] for section in corpora)
    steps = max(100, 4 * size // BYTES_PER_TOKEN // (sizes.batch_rows * sizes.row_tokens))
    file = line(out.name)
    parts = [
        _comment(
            f"Written by `arcorp init`; edit it freely. `arcorp build {file} --dry-run` reads the first records and "
            f"estimates the build, `arcorp build {file} --print-config` shows all keys with their defaults."
        ),
        *(_comment(sentence) for sentence in _left_out(seen.left_out)),
        _yaml({"name": _name(out.stem), "description": f"about {size_of(size)} of text"}),
        "corpora:\n",
    ]
    for corpus, section in zip(seen.corpora, corpora, strict=True):
        parts += [_comment(_about(corpus, section), "  # "), textwrap.indent(_yaml([section]), "  ")]
    parts.append(
        _yaml(
            {
                # a file can be a book, and there may be a single source: no cap is needed
                "tokenizer": {
                    "vocab_size": sizes.vocab_size,
                    **({"specials": chat_specials()} if chat else {}),
                    "sample": {"document_cap": max(size, 1)},
                },
                "pack": {"row_tokens": sizes.row_tokens, "validation": {"share": VALIDATION}},
                "phases": [{"name": "all", "steps": steps}],
                "train": {"layers": sizes.layers, "width": sizes.width, "heads": 4, "batch_rows": sizes.batch_rows},
            }
        )
    )
    return "".join(parts)


def _yaml(data: Any) -> str:
    return yaml_text(data, width=WIDTH - 2)


def _comment(text: str, prefix: str = "# ") -> str:
    """Return text as lines of a comment."""
    wrapped = textwrap.wrap(line(text), WIDTH - len(prefix), break_long_words=False, break_on_hyphens=False)
    return "".join(f"{prefix}{part}\n" for part in wrapped)


def _about(corpus: OwnCorpus, section: dict[str, Any]) -> str:
    """Return what a corpus holds, and which of its keys are guesses."""
    from corpora.sources import find_source

    count = f"{len(corpus.files)} file{'s' if len(corpus.files) > 1 else ''}"
    guessed = [key for key in section if key not in ("source", "input", "options")] + list(section.get("options", {}))
    text = f"{count}, about {size_of(corpus.bytes)} of text."
    if find_source(corpus.source).OWN and corpus.labelled:
        text += " The data name their language."
    elif corpus.labelled:
        text += " Language and licence are those of the corpus."
    elif "language" not in section:
        text += " Nothing names the language: add the key language."
    return text + (f" Guessed: {', '.join(guessed)}." if guessed else "")


def size_of(count: int) -> str:
    """Return a number of bytes in a unit that fits it."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _left_out(left_out: Sequence[tuple[str, str]]) -> Iterator[str]:
    if left_out:
        yield f"Left out: {len(left_out)} file{'s' if len(left_out) > 1 else ''}."
        yield from (f"- {sentence}" for sentence in sentences_on_left_out(left_out))


def sentences_on_left_out(left_out: Sequence[tuple[str, str]]) -> list[str]:
    """Return a sentence for each file that is left out, and one for more than FEW files of a folder and a reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for path, reason in left_out:
        alike.setdefault((os.path.dirname(path), reason), []).append(path)  # noqa: PTH120 (as the paths are written)
    sentences = []
    for (folder, reason), paths in alike.items():
        if len(paths) > FEW:
            sentences.append(f"{folder or '.'}: {len(paths)} files, such as {os.path.basename(paths[0])}: {reason}")  # noqa: PTH119
        else:
            sentences += [f"{path}: {reason}" for path in paths]
    return sentences


def _name(stem: str) -> str:
    """Return the name of a recipe, given that of its file."""
    try:
        return name(re.sub(r"\s+", "-", stem.strip()))
    except ValueError:
        return "recipe"


def _notes(corpora: Sequence[OwnCorpus]) -> list[str]:
    """Return a note if few text files are the whole corpus: validation holds whole documents, a large part then."""
    files = sum(len(corpus.files) for corpus in corpora)
    whole = all(corpus.source == "text" and "split" not in corpus.options for corpus in corpora)
    if not whole or 1 / files <= MAX_VALIDATION:
        return []
    if files == 1:
        return ["one file is one document, and the validation split is empty: split the file into several files"]
    return [
        f"{files} files are {files} documents, and validation holds whole documents: about {1 / files:.0%} of the "
        "text is held out; split books into one file per chapter to hold out less"
    ]
