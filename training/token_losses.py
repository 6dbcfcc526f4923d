"""Losses of single tokens: the beginnings of some validation documents, each token with its nats, at the end of a run.

One document of each stratum, Arabic ones first. A document is read in its row, as validation reads it. Tokens that end
inside a character have no text of their own: they are one piece with the token that completes the character. Special
tokens are omitted.
"""

from __future__ import annotations

import codecs
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from sharding.layout import StratumLayout
from sharding.rows import Dataset, Split
from training.detokenize import TokenBytes
from training.evaluate import Floats, Ints, row_nats
from training.sampling import arabic_first, searched_rows

DOCUMENTS, TOKENS, ENOUGH = 12, 160, 64
"""Documents, one of each stratum; the most tokens of one; tokens that are enough for a document to be chosen."""


class Beginning(NamedTuple):
    """The first `length` tokens of a document, from `position` of a row on."""

    stratum: StratumLayout
    row: int
    position: int
    length: int


def beginnings(split: Split) -> list[Beginning]:
    """Return a document of each stratum: the first that begins in its rows and has ENOUGH tokens, else the longest."""
    chosen: list[Beginning] = []
    for stratum in arabic_first(split):
        if len(chosen) == DOCUMENTS:
            break
        begun = [
            Beginning(stratum, int(row), int(segment["position"]), min(int(segment["length"]), TOKENS))
            for row in searched_rows(stratum)
            for segment in split.segments(int(row))
            if segment["offset"] == 0
        ]
        if begun:
            chosen.append(max(begun, key=lambda each: min(each.length, ENOUGH)))
    return chosen


def token_losses(model: nn.Module, dataset: Dataset, device: torch.device, batch: int) -> list[dict[str, Any]]:
    """Return the records of documents: stratum, language, source, validation row, and pieces (text, tokens, nats).

    model: in evaluation mode; batch: rows in one forward pass, those of validation. Nats are rounded to 1/1000; None
    where no token of a piece is a target.
    """
    split, token_bytes = dataset.validation, TokenBytes(dataset.tokenizer)
    chosen = beginnings(split)
    rows = np.array([each.row for each in chosen], dtype=np.int64)
    if not chosen:
        return []
    nats = np.full((len(rows), dataset.row_tokens), np.nan)  # of each id itself; nothing predicts the first of a row
    nats[:, 1:] = row_nats(model, split, rows, device, batch)[:, :-1]
    return [
        {
            "stratum": each.stratum.name,
            "language": each.stratum.language,
            "source": each.stratum.source,
            "row": each.row,
            "pieces": pieces(token_bytes, ids[within], own[within]),
        }
        for each, ids, own in zip(chosen, split.read(rows).ids, nats, strict=True)
        for within in [slice(each.position, each.position + each.length)]
    ]


def pieces(token_bytes: TokenBytes, ids: Ints, nats: Floats) -> list[tuple[str, int, float | None]]:
    """Return the text of ids in pieces of whole characters: (text, tokens, nats of those that are targets)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    result: list[tuple[str, int, float | None]] = []
    tokens, losses = 0, list[float]()
    read = [(token_bytes.of(int(id)), float(loss)) for id, loss in zip(ids, nats, strict=True)]
    texts = [(data, loss) for data, loss in read if data]
    for place, (data, loss) in enumerate(texts, 1):
        text = decoder.decode(data, final=place == len(texts))
        tokens += 1
        if not math.isnan(loss):
            losses.append(loss)
        if text:
            result.append((text, tokens, round(math.fsum(losses), 3) if losses else None))
            tokens, losses = 0, []
    return result
