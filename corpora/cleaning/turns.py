"""Texts of a document that are cleaned: the text itself, or the parts of a conversation's turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datatrove.data import Document

from corpora.conversations import PROSE, SEPARATOR, TURNS, NotAConversation, joined, kinds_of, split
from corpora.document_counts import NORMALISED, DocumentCounter


def turns_of(document: Document) -> Any:
    """Return the turns of a conversation, None for another document."""
    return document.metadata["metadata"].get(TURNS) if document.metadata.get("category") == "chat" else None


def pieces_of(document: Document) -> list[str]:
    """Return the text of a document, or the texts of all parts of a conversation."""
    turns = turns_of(document)
    return [document.text] if turns is None else split(document.text, turns)


def prose_of(document: Document) -> list[str]:
    """Return those of `pieces_of` that are normalised: no calls, no code and no output of code."""
    turns = turns_of(document)
    if turns is None:
        return [document.text]
    return [text for text, kind in zip(split(document.text, turns), kinds_of(turns), strict=True) if kind in PROSE]


def replace_pieces(document: Document, pieces: Sequence[str]) -> None:
    """Replace the texts of `pieces_of`, in place. Raises NotAConversation if nothing is left of a turn."""
    turns = turns_of(document)
    if turns is None:
        (document.text,) = pieces
        return
    document.text, turns = joined(pieces, turns)
    document.metadata["metadata"] = {**document.metadata["metadata"], TURNS: turns}


def replace_prose(document: Document, prose: Sequence[str], counter: DocumentCounter) -> str:
    """Replace the texts of `prose_of`, in place. Returns a reason to drop the document, "" to keep it.

    Separators of parts of which nothing is left are counted as removed.
    """
    turns = turns_of(document)
    if turns is None:
        (document.text,) = prose
        return "" if document.text and not document.text.isspace() else "empty after cleaning"
    remaining = iter(prose)
    old = zip(split(document.text, turns), kinds_of(turns), strict=True)
    pieces = [next(remaining) if kind in PROSE else text for text, kind in old]
    try:
        replace_pieces(document, pieces)
    except NotAConversation as error:
        document.text = SEPARATOR.join(pieces)
        return str(error)
    shorter = len(SEPARATOR.join(pieces)) - len(document.text)
    if shorter:
        counter.count_removed(NORMALISED, shorter, shorter)
    return ""
