"""One model of one tokenizer: trained on a text once, and the bits of each held-out document."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from tokenization.model import Encoder, Tokenizer
from training.config import ModelConfig
from training.model import Decoder, make_model

ROWS, CONTEXT, WARMUP, AVERAGE = 4, 256, 20, 0.98


def encoded(tokenizer: Tokenizer, texts: list[str]) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Return the ids of all texts, concatenated, and the number of ids of each."""
    batches = list(Encoder(tokenizer).encode_part(texts, "").batches)
    ids = np.concatenate([batch.ids.astype(np.int64) for batch in batches])
    return torch.from_numpy(ids), np.concatenate([batch.tokens for batch in batches])


def learned(config: ModelConfig, seed: int, rate: float, stream: torch.Tensor) -> Decoder:
    """Train on ids once, in an order fixed by the seed, at a constant rate. Returns the model of averaged weights."""
    model, average = make_model(config, seed), make_model(config, seed)
    optimizer = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    step_size = ROWS * CONTEXT
    steps = (len(stream) - 1) // step_size
    for step, chosen in enumerate(np.random.default_rng(seed).permutation(steps), 1):
        begin = int(chosen) * step_size
        optimizer.param_groups[0]["lr"] = rate * min(1.0, step / WARMUP)
        part = stream[begin : begin + step_size + 1]
        with torch.autocast("cpu", torch.bfloat16):
            total, _ = model(part[:-1].view(-1, CONTEXT), part[1:].view(-1, CONTEXT))
        (total / step_size).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            share = min(AVERAGE, step / (step + 10))
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)
    return average


@torch.no_grad()
def bits(model: Decoder, stream: torch.Tensor, tokens: NDArray[np.int64]) -> list[float]:
    """Return the bits of each document.

    The documents are read as one stream in rows of CONTEXT. The first id, and those of the last incomplete row, are
    assumed to cost the average.
    """
    whole = (len(stream) - 1) // CONTEXT * CONTEXT
    nats = np.full(len(stream), np.nan)
    for begin in range(0, whole, ROWS * CONTEXT):
        part = stream[begin : min(whole, begin + ROWS * CONTEXT) + 1]
        _, each = model(part[:-1].view(-1, CONTEXT), part[1:].view(-1, CONTEXT))
        nats[begin + 1 : begin + len(part)] = each.flatten().numpy()
    nats[np.isnan(nats)] = np.nanmean(nats)
    ends = np.cumsum(tokens)
    sums = np.concatenate([[0.0], np.cumsum(nats)])
    return [float(bits) for bits in (sums[ends] - sums[ends - tokens]) / math.log(2)]
