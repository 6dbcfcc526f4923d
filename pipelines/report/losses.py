"""Losses of single tokens: beginnings of validation documents, each token with a tint by its nats (`samples.json`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pipelines.html import (
    Content,
    Figures,
    Markup,
    Section,
    count,
    decimal,
    folded,
    language,
    passage,
    plural,
    section,
    share,
    table,
    tag,
)
from sharding.seal import Sealed

LEVELS = (0.5, 1, 2, 4, 6)
"""Nats at which the next stronger tint begins."""
LISTED = 10
"""Tokens of highest loss that are listed below a text."""


def gather(run: Sealed) -> list[dict[str, Any]]:
    """Return the documents of a run whose tokens have losses: stratum, language, row, pieces (text, tokens, nats)."""
    documents = run.read_json("samples.json").get("losses", []) if "samples.json" in run.manifest.files else []
    return [{key: each[key] for key in ("stratum", "language", "row", "pieces")} for each in documents]


# -- the page ---------------------------------------------------------------------------------------------


def render(documents: Sequence[Figures], of: str, anchor: str) -> list[Section]:
    """Return the section on losses. of, anchor: ends of its title and anchor, for one run of several."""
    if not documents:
        return []
    lead = (
        "Beginnings of validation documents, which the model was not trained on, one of each stratum. The loss of a "
        "token is -ln of the probability that the trained model gave it: the stronger its tint, the less the model "
        "expected it. Grey text is read and not predicted."
    )
    return [
        section(
            f"losses{anchor}", f"Loss of each token{of}", lead, _legend(), *map(_card, documents), name=f"Losses{of}"
        )
    ]


def _legend() -> Markup:
    bounds = [0, *LEVELS, None]
    names = [f"{low:g} to {high:g} nats" if high else f"{low:g} nats and more" for low, high in pairwise(bounds)]
    return tag("ul", *[tag("li", tag("i", class_=f"l{n}"), name) for n, name in enumerate(names)], class_="legend")


def _card(document: Figures) -> Markup:
    pieces = [(text, tokens, nats) for text, tokens, nats in document["pieces"] if nats is not None]
    tokens, nats = sum(tokens for _, tokens, _ in pieces), math.fsum(nats for *_, nats in pieces)
    facts = [
        document["stratum"],
        language(document["language"]) if document["language"] else None,
        f"validation row {count(document['row'])}",
        f"{plural(tokens, 'token')}, {decimal(nats / tokens if tokens else None, 2)} nats each",
    ]
    highest = sorted(pieces, key=lambda piece: -piece[2] / piece[1])[:LISTED]
    rows = [
        (passage([text], document["language"], kind="cell"), count(tokens), decimal(nats, 2), share(math.exp(-nats)))
        for text, tokens, nats in highest
    ]
    return tag(
        "div",
        tag("p", " · ".join(filter(None, facts)), class_="small"),
        passage([_span(*piece) for piece in document["pieces"]], document["language"], kind="losses"),
        folded("Tokens with the highest loss", table(["token", "#tokens", "#nats", "#probability"], rows, narrow=True))
        if rows
        else None,
        class_="card",
    )


def _span(text: str, tokens: int, nats: float | None) -> Content:
    """Return a piece with the tint of its nats per token, and its values as a title."""
    if nats is None:
        return tag("span", text, class_="prompt")
    level = sum(nats / tokens >= bound for bound in LEVELS)
    of = f"for {tokens} tokens, bytes of one character, " if tokens > 1 else ""
    value = f"{decimal(nats, 2)} nats, {of}probability {share(math.exp(-nats))}"
    return tag("span", text, class_=f"l{level}", title=value)
