"""Looking at what was made: rows as text, where a document went, how a tokenizer cuts, which sources there are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines.console import Console
from pipelines.run import check_if_sealed
from pipelines.texts import line


def show_row(dataset: Path, split: str, row: int, console: Console) -> None:
    """A row, segment by segment: the document, where in it the segment begins, and its text.

    Every file that this is read from is hashed first. Raises Damaged.
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
    """The rows that a document went to."""
    from sharding.checking import document_view

    view = document_view(dataset, name)
    rows = [(place.split, place.row, place.position, place.offset, place.length) for place in view.places]
    console.table(["split", "row", "position", "from token", "tokens"], rows)
    where = f"in {len(rows)} pieces" if rows else "in no row: it is empty, or shorter than the tail that was dropped"
    console.result(asdict(view), f"{line(name)}: {view.document.tokens:,} tokens, {where}")


def show_tokenizer(path: str, text: str | None, console: Console) -> None:
    """What a tokenizer is; and, of a text, its tokens."""
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
    pieces = [tokenizer.pieces[one].decode(errors="replace") for one in ids]
    console.table(["id", "token"], list(zip(ids, map(repr, pieces), strict=True)))
    words = max(1, len(text.split()))
    console.result(
        {"ids": ids, "tokens": pieces},
        f"{len(ids)} tokens, {len(ids) / words:.2f} a word, {len(text) / max(1, len(ids)):.2f} characters each",
    )


def show_sources(console: Console) -> None:
    """The sources, and what each reads."""
    from corpora.sources import SOURCES, describe

    facts = {name: describe(name) for name in SOURCES}
    console.table(
        ["source", "what it is", "category"],
        [(n, f["title"].rstrip("."), f.get("category", "")) for n, f in facts.items()],
    )
    console.result(facts, f"{len(facts)} sources; docs/sources.md tells what each reads")
