"""The suite `minimal-pairs`: pairs of sentences of the embedded grammar, which need no download.

A pair is right if the model gives the allowed sentence more probability than the other, summed over all tokens. A
model that draws lots has 50 %.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from corpora.demo.minimal_pairs import VERSION, Pair, minimal_pairs
from pipelines.evaluation.models import Item, Model
from pipelines.evaluation.results import row


def evaluate_pairs(model: Model, limit: int | None) -> dict[str, Any]:
    """Return the accuracy in all and by phenomenon. limit: most pairs of a phenomenon."""
    pairs = minimal_pairs()
    kept: dict[str, list[Pair]] = {}
    for pair in pairs:
        kept.setdefault(pair.phenomenon, []).append(pair)
    kept = {name: each[:limit] for name, each in kept.items()}
    chosen = [pair for each in kept.values() for pair in each]
    sentences = [sentence for pair in chosen for sentence in (pair.allowed, pair.other)]
    items: list[Item] = [([model.prefix, *model.encode(sentence)], 1) for sentence in sentences]
    nats = [score for score, _ in model.score(items)]
    right: dict[str, list[bool]] = {name: [] for name in kept}
    for pair, allowed, other in zip(chosen, nats[::2], nats[1::2], strict=True):
        right[pair.phenomenon].append(allowed > other)
    rows = [row("minimal-pairs", VERSION, list(chain(*right.values())))]
    rows += [row(name, VERSION, each) for name, each in right.items()]
    return {"rows": rows, "documents": len(chosen), "of": len(pairs)}
