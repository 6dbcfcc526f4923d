"""The output of commands that show something: rows as text, rows of a document, tokenizers, sources."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines.console import Console
from pipelines.run import check_if_sealed
from pipelines.texts import line


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
        console.text(text)
        shown.append({**asdict(segment), "text": text})
    counted = "1 segment" if len(shown) == 1 else f"{len(shown)} segments"
    console.result({"split": split, "row": row, "segments": shown}, f"\n{split} row {row}: {counted}")


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


def show_sources(console: Console) -> None:
    """Show the sources with titles and categories."""
    from corpora.sources import SOURCES, describe

    facts = {name: describe(name) for name in SOURCES}
    console.table(
        ["source", "description", "category"],
        [(n, f["title"].rstrip("."), f.get("category", "")) for n, f in facts.items()],
    )
    console.result(facts, f"{len(facts)} sources; docs/sources.md describes them")
