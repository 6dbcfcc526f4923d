"""The output of commands that show something: rows as text, rows of a document, tokenizers, sources."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.console import Console, Format
from pipelines.errors import InputError, UsageError
from pipelines.run import check_if_sealed
from pipelines.stages.build_folder import DATASET
from pipelines.texts import line
from sharding.seal import MANIFEST


def dataset_in(folder: Path) -> Path:
    """Return the dataset of a build, or the folder itself if it is a dataset."""
    is_build = not (folder / MANIFEST).exists() and (folder / DATASET / MANIFEST).exists()
    return folder / DATASET if is_build else folder


def text_of(given: str | None) -> str | None:
    """Return the text of a file if there is one with this name, else the text itself; None for None.

    Raises UsageError for what looks like the name of a file that does not exist, InputError for one that is not UTF-8.
    """
    if given is None:
        return None
    path = Path(given)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, byte {error.start}: not UTF-8; give a plain text file in UTF-8") from error
    except (OSError, ValueError):  # a text that is too long for a name, or that no name may hold
        pass
    if re.fullmatch(r"\S+\.\w{1,5}|\S*/\S*", given, re.ASCII):
        raise UsageError(f"{given}: there is no such file; a text that looks like the name of one needs a space")
    return os.fsencode(given).decode(errors="surrogateescape")  # UTF-8 in any locale


def list_documents(dataset: Path, console: Console) -> None:
    """List the documents of a dataset, a line each: id, split and tokens."""
    from sharding.checking import document_lines

    total, listed = 0, []
    for name, split, tokens in document_lines(dataset):
        console.text(f"{line(name)}\t{split or 'no row'}\t{tokens}")
        total += 1
        if console.form is Format.json:
            listed.append({"id": name, "split": split, "tokens": tokens})
    console.result({"documents": listed}, f"{total:,} documents")


if TYPE_CHECKING:
    from tokenization.model import Tokenizer


def show_row(dataset: Path, split: str, row: int, console: Console) -> None:
    """Show a row, segment by segment: the document, the segment's first token in it, and the text.

    The files of the row are hashed first. Raises Damaged.
    """
    from sharding.checking import row_view
    from tokenization.model import Tokenizer

    segments = row_view(dataset, split, row)
    check_if_sealed(dataset / "tokenizer")
    tokenizer = Tokenizer.load(dataset / "tokenizer")
    shown = []
    for segment in segments:
        document, text = segment.document, tokenizer.decode(segment.ids)
        stop = segment.position + len(segment.ids)
        console.text(
            f"\n[{segment.position}:{stop}] {line(document.id)}  {line(document.language)}, from token "
            f"{segment.offset} of {document.tokens:,}" + (f"\n{line(document.url)}" if document.url else "")
        )
        console.text(text if segment.trained is None else _marked(segment.ids, segment.trained, tokenizer))
        shown.append({**asdict(segment), "text": text})
    counted = "1 segment" if len(shown) == 1 else f"{len(shown)} segments"
    console.result({"split": split, "row": row, "segments": shown}, f"\n{split} row {row}: {counted}")


def _marked(ids: list[int], trained: list[bool], tokenizer: Tokenizer) -> str:
    """Return the text of ids, a line for each run of ids that are trained on (marked by `>`) or not."""
    runs = [
        ("> " if is_trained else "  ", tokenizer.decode([token for token, _ in run]))
        for is_trained, run in groupby(zip(ids, trained, strict=True), key=itemgetter(1))
    ]
    return "\n".join(mark + text.replace("\n", "\n" + mark) for mark, text in runs)


def show_document(dataset: Path, name: str, console: Console) -> None:
    """Show the rows that hold a document."""
    from sharding.checking import document_view

    view = document_view(dataset, name)
    rows = [(place.split, place.row, place.position, place.offset, place.length) for place in view.places]
    console.table(["split", "row", "position", "from token", "tokens"], rows)
    where = f"in {len(rows)} pieces" if rows else "in no row: it is empty, or its tokens were too few to fill one"
    console.result(asdict(view), f"{line(name)}: {view.document.tokens:,} tokens, {where}")


def show_tokenizer(path: str, text: str | None, console: Console) -> None:
    """Show the facts of a tokenizer, or the tokens of `text` if it is given."""
    from tokenization.model import open_tokenizer

    check_if_sealed(path)
    tokenizer = open_tokenizer(path)
    if text is None:
        sizes = tokenizer.token_bytes[tokenizer.token_bytes > 0]
        facts = {
            "vocabulary": tokenizer.vocab_size,
            "special tokens": len(tokenizer.specials),
            "bytes per token, mean": round(float(sizes.mean()), 2),
            "bytes per token, largest": int(sizes.max()),
            "golden encodings": tokenizer.check_golden(),
            "pattern": tokenizer.pattern or "none",
            "changes of a text": "; ".join(tokenizer.changes()) or "none",
            "sha256": tokenizer.sha256,
        }
        console.table(
            ["", ""], [(name, f"{value:,}" if isinstance(value, int) else value) for name, value in facts.items()]
        )
        console.result({**facts, "specials": tokenizer.specials}, path)
        return
    ids = tokenizer.encode(text)
    pieces = [tokenizer.pieces[token].decode(errors="replace") for token in ids]
    console.table(["id", "token"], list(zip(ids, map(repr, pieces), strict=True)))
    words = max(1, len(text.split()))
    console.result(
        {"ids": ids, "tokens": pieces},
        f"{len(ids)} tokens, {len(ids) / words:.2f} a word, {len(text) / max(1, len(ids)):.2f} characters each",
    )
