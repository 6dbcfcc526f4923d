"""Text from a model: sampling with a key-value cache, and ids back to text.

Tokens are decoded from `tokenizer.json` alone (byte-level BPE: every character of a token's string stands for one
byte, by the table of GPT-2's encoder.py), so that no tokenizer library is needed where the model trains. Prompts
are the beginnings of validation rows, so that no encoder is either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharding.layout import StratumLayout
from sharding.rows import Split
from training.config import Generate, TrainError
from training.model import Cache, Decoder

SEARCHED_ROWS = 256  # of each stratum, for one that begins with a long enough document


def byte_characters() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary, and the byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}


class TokenBytes:
    """The bytes of each id of a byte-level `tokenizer.json`; special tokens have none."""

    def __init__(self, tokenizer: Path) -> None:
        """Raises TrainError if the file is not such a tokenizer."""
        path = tokenizer / "tokenizer.json"
        table = byte_characters()
        try:
            data = json.loads(path.read_bytes())
            added = {token["id"]: token for token in data.get("added_tokens", [])}
            self._bytes = {
                id: bytes(table[char] for char in token)
                for token, id in data["model"]["vocab"].items()
                if id not in added
            }
            self._bytes |= {id: b"" if token["special"] else token["content"].encode() for id, token in added.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainError(f"{path} is not a byte-level tokenizer ({error!r})") from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are no UTF-8, as at a cut, become U+FFFD; ids of no token are skipped."""
        return b"".join(self._bytes.get(id, b"") for id in ids).decode("utf-8", errors="replace")


def pick(logits: Tensor, settings: Generate, generator: torch.Generator) -> int:
    """One id from logits (vocab_size,), on the CPU. Temperature 0 takes the largest; top_k 0 keeps all."""
    logits = logits.float().cpu()
    if settings.temperature == 0:
        return int(logits.argmax())
    values, ids = (logits / settings.temperature).sort(descending=True, stable=True)
    if settings.top_k:
        values, ids = values[: settings.top_k], ids[: settings.top_k]
    chances = values.softmax(dim=0)
    if settings.top_p < 1:
        kept = chances.cumsum(dim=0) - chances < settings.top_p  # the first always
        chances, ids = chances[kept], ids[kept]
    return int(ids[torch.multinomial(chances, 1, generator=generator)])


@torch.no_grad()
def generate(
    model: Decoder, prompt: Iterable[int], settings: Generate, seed: int, stop: int | None = None
) -> Iterator[int]:
    """Continue a prompt, id by id, until `settings.tokens`, the id `stop`, or the end of the context."""
    ids = list(prompt)
    device = model.embedding.weight.device
    caches = [Cache(model.config, 1, device) for _ in range(model.config.layers)]
    generator = torch.Generator().manual_seed(seed)
    coming = ids
    for _ in range(min(settings.tokens, model.config.context - len(ids))):
        logits = model.logits(torch.tensor([coming], device=device), caches)[0, -1]
        coming = [pick(logits, settings, generator)]
        if coming[0] == stop:
            return
        yield coming[0]


def prompts(split: Split, settings: Generate) -> list[tuple[StratumLayout, list[int]]]:
    """Beginnings of validation rows: the strata in turn, Arabic ones first, one document each."""
    strata = sorted(
        (stratum for stratum in split.strata if stratum.rows),
        key=lambda s: (s.category not in ("arabic", "classical"), "_Arab" not in (s.language or "")),
    )
    found: list[tuple[StratumLayout, list[int]]] = []
    length = settings.prompt_tokens
    for turn in range(min(SEARCHED_ROWS, max((stratum.rows for stratum in strata), default=0))):
        for stratum in strata:
            if len(found) == settings.prompts:
                return found
            if turn < stratum.rows:
                batch = split.read(np.array([stratum.first_row + turn]))
                if not batch.starts[0, 1:length].any():
                    found.append((stratum, batch.ids[0, :length].tolist()))
    return found


def samples(
    model: Decoder, split: Split, tokenizer: Path, settings: Generate, seed: int, stop: int | None
) -> list[dict[str, Any]]:
    """Generated text, with the prompt and where it came from. The model is left in training mode."""
    token_bytes = TokenBytes(tokenizer)
    result = []
    model.eval()
    for number, (stratum, prompt) in enumerate(prompts(split, settings)):
        ids = list(generate(model, prompt, settings, seed + number, stop))
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
