"""Conversations of a part as ids: rendered by the tokenizer's chat layout, and which ids are trained on.

A conversation that has a role or a kind of part without special tokens in the layout is dropped with the reason. The
texts of all conversations are encoded together, as other documents are; special tokens are put between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pipelines.stages.documents import DocumentsPart
    from tokenization.model import ChatLayout, ChatRun, Tokenizer

CATEGORY = "chat"


class Rendered(NamedTuple):
    """A document as runs of text and special tokens; its `reason` if the layout can't express it."""

    runs: Sequence[ChatRun]
    has_mask: bool
    reason: str = ""


class Assembled(NamedTuple):
    """Ids of documents, concatenated, their lengths, and which ids are trained on."""

    ids: npt.NDArray[Any]
    tokens: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]


def is_of_chat(strata: Iterable[dict[str, Any]]) -> bool:
    """Return whether lines of strata have conversations."""
    return any(line["category"] == CATEGORY for line in strata)


def has_conversations(part: DocumentsPart) -> bool:
    """Return whether a part of documents has conversations."""
    return CATEGORY in part.read(["category"])["category"].unique().to_pylist()


def layout_of(tokenizer: Tokenizer, untrained: Sequence[str] = ()) -> ChatLayout:
    """Return the layout of a tokenizer's conversations. Raises InputError if it has none.

    untrained: types of parts of answers that are not trained on.
    """
    from tokenization.model import LAYOUTS, chat_layout

    layout = chat_layout(tokenizer.specials)
    if layout is None:
        needed = " or ".join(
            ", ".join(dict.fromkeys(name for role in ("user", "assistant") for name in known.turns[role]))
            for known in LAYOUTS
        )
        raise InputError(
            f"{tokenizer.name} has no special tokens for the turns of conversations (category {CATEGORY}): train it "
            f"with {needed}, or leave the conversations out"
        )
    return layout.training(without=untrained)


def messages_of(name: str, text: str, metadata: str) -> Any:
    """Return the messages of a document. Raises InputError if its turns contradict its text."""
    from corpora.conversations import TURNS, from_text

    try:
        return from_text(text, json.loads(metadata)[TURNS])
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            f"document {name!r} has category {CATEGORY} and no turns of its text ({error}): ingest it by source chat"
        ) from None


def rendered(group: Any, layout: ChatLayout) -> Iterator[Rendered]:
    """Yield the documents of a table with the columns id, category, text and metadata. Others are one run of text."""
    from tokenization.model import ChatRun, render, runs_of

    columns = [group[name].to_pylist() for name in ("id", "category", "text", "metadata")]
    for name, category, text, metadata in zip(*columns, strict=True):
        if category != CATEGORY:
            yield Rendered([ChatRun(text, (), True)], False)
            continue
        messages = messages_of(name, text, metadata)
        lacking = layout.lacks(messages)
        runs = [] if lacking else runs_of(render(layout, messages, None))
        yield Rendered(runs, True, f"no special tokens for {lacking}" if lacking else "")


def texts_of(documents: Iterable[Rendered]) -> list[str]:
    """Return the texts of all runs that are no special tokens, in order."""
    return [run.text for document in documents for run in document.runs if not run.specials]


def assemble(
    documents: Sequence[Rendered], specials: dict[str, int], ids: npt.NDArray[Any], tokens: npt.NDArray[np.int64]
) -> Assembled:
    """Return the ids of documents.

    ids, tokens: of their texts, in the order of `texts_of`; specials: ids of special tokens by name.
    """
    import numpy as np

    ends = np.cumsum(tokens)
    pieces: list[npt.NDArray[Any]] = [np.zeros(0, ids.dtype)]
    lengths, trained, text, total = [], [], 0, []
    for document in documents:
        length = 0
        for run in document.runs:
            if run.specials:
                piece = np.array([specials[name] for name in run.specials], ids.dtype)
            else:
                piece = ids[ends[text] - tokens[text] : ends[text]]
                text += 1
            pieces.append(piece)
            lengths.append(len(piece))
            trained.append(run.answer)
            length += len(piece)
        total.append(length)
    mask = np.repeat(np.array(trained, np.bool_), np.array(lengths, np.int64))
    return Assembled(np.concatenate(pieces), np.array(total, np.int64), mask)
