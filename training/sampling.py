"""Sampling from a model with a key-value cache, and the samples at the end of a run.

Prompts are the first tokens of validation rows, so that no tokenizer library is needed where the model trains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharding.layout import StratumLayout
from sharding.rows import Dataset, Split
from training.config import Generate
from training.detokenize import TokenBytes
from training.model import Cache, Decoder

SEARCHED_ROWS = 256
"""Rows of each stratum that are searched for one whose first document is long enough for a prompt."""


def pick(logits: Tensor, settings: Generate, generator: torch.Generator) -> int:
    """Draw one id from logits (vocab_size,). The draw is on the CPU, so that it does not depend on the device."""
    logits = logits.float().cpu()
    if settings.temperature == 0:
        return int(logits.argmax())
    values, ids = (logits / settings.temperature).sort(descending=True, stable=True)
    if settings.top_k:
        values, ids = values[: settings.top_k], ids[: settings.top_k]
    probabilities = values.softmax(dim=0)
    if settings.top_p < 1:
        kept = probabilities.cumsum(dim=0) - probabilities < settings.top_p  # always keeps the first
        probabilities, ids = probabilities[kept], ids[kept]
    return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


@torch.no_grad()
def generate(
    model: Decoder, prompt: Iterable[int], settings: Generate, seed: int, stop: int | None = None
) -> Iterator[int]:
    """Yield the ids that continue a prompt, until `settings.tokens`, the id `stop`, or the end of the context."""
    ids = list(prompt)
    device = model.embedding.weight.device
    caches = [Cache(model.config, 1, device) for _ in range(model.config.layers)]
    generator = torch.Generator().manual_seed(seed)
    unread = ids
    for _ in range(min(settings.tokens, model.config.context - len(ids))):
        logits = model.logits(torch.tensor([unread], device=device), caches)[0, -1]
        unread = [pick(logits, settings, generator)]
        if unread[0] == stop:
            return
        yield unread[0]


def stop_token(dataset: Dataset) -> int | None:
    """Return the id that ends a document: eos if there is one, otherwise bos."""
    return dataset.layout.eos if dataset.layout.eos is not None else dataset.layout.bos


def prompts(split: Split, settings: Generate) -> list[tuple[StratumLayout, list[int]]]:
    """Return the first tokens of validation rows, of one document each: strata in turn, Arabic ones first."""
    strata = sorted(
        (stratum for stratum in split.strata if stratum.rows),
        key=lambda s: (s.category not in ("arabic", "classical"), "_Arab" not in (s.language or "")),
    )
    result: list[tuple[StratumLayout, list[int]]] = []
    length = settings.prompt_tokens
    for turn in range(min(SEARCHED_ROWS, max((stratum.rows for stratum in strata), default=0))):
        for stratum in strata:
            if len(result) == settings.prompts:
                return result
            if turn < stratum.rows:
                batch = split.read(np.array([stratum.first_row + turn]))
                if not batch.starts[0, 1:length].any():
                    result.append((stratum, batch.ids[0, :length].tolist()))
    return result


def samples(model: Decoder, dataset: Dataset, settings: Generate, seed: int) -> list[dict[str, Any]]:
    """Return the records of samples.json: prompts and their continuations. The model is left in training mode."""
    token_bytes = TokenBytes(dataset.tokenizer)
    result = []
    model.eval()
    for number, (stratum, prompt) in enumerate(prompts(dataset.validation, settings)):
        ids = list(generate(model, prompt, settings, seed + number, stop_token(dataset)))
        result.append(
            {
                "stratum": stratum.name,
                "language": stratum.language,
                "source": stratum.source,
                "prompt": token_bytes.decode(prompt),
                "text": token_bytes.decode(ids),
                "ids": ids,
            }
        )
    model.train()
    return result
