"""Score and continue ids with a trained model, for programs that have the texts: `python training/score.py --run RUN`.

Requests are JSON, one a line on stdin; each is answered by one line on stdout. The first line on stdout describes the
model. The process ends with its input.

    {"score": [[ids, first], ...]}      -> {"scores": [[nats, greedy], ...]}
    {"continue": [[ids, seed], ...],    -> {"continued": [ids, ...]}
     "options": {...}, "stop": [ids], "until": [texts]}

`nats` is the log-likelihood of `ids[first:]` given `ids[:first]`; `greedy` is true if each of them is the most
probable id where it stands. `options` are those of section `generate`. A continuation ends before an id of `stop`, and
after the id that completes a text of `until`. All arithmetic is fp32, as in the exported model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch.nn.functional import cross_entropy

from sharding.rows import Dataset
from sharding.seal import hash_file, parsed
from training import checkpoint
from training.config import Generate
from training.detokenize import TokenBytes
from training.errors import InputError, finished
from training.generate import load
from training.model import Decoder
from training.sampling import generate

BATCH_TOKENS = 8192
"""Positions in one forward pass, padding included. Logits are (positions, vocab_size)."""

Item = tuple[Sequence[int], int]
"""Ids, at least two, and the number of the first scored one, at least 1."""


@torch.no_grad()
def score(model: Decoder, items: Sequence[Item]) -> list[tuple[float, bool]]:
    """Return log-likelihood and greediness of each item's scored ids.

    Items of similar length are read together, padded on the right: attention is causal, so that padding does not reach
    the scores. An item may have one id more than the context, since its last id is only predicted.
    """
    device = model.embedding.weight.device
    scores: list[tuple[float, bool]] = [(0.0, True)] * len(items)
    for batch in _batches(items):
        rows = [items[i][0] for i in batch]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        for row, into in zip(rows, ids, strict=True):
            into[: len(row)] = torch.tensor(row)
        ids = ids.to(device)
        logits, targets = model.logits(ids[:, :-1]), ids[:, 1:]
        nats = -cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)
        greedy = (logits.argmax(dim=-1) == targets).cpu()
        nats = nats.double().cpu()
        for k, i in enumerate(batch):
            scored = slice(items[i][1] - 1, len(items[i][0]) - 1)
            scores[i] = float(nats[k, scored].sum()), bool(greedy[k, scored].all())
    return scores


def _batches(items: Sequence[Item]) -> Iterator[list[int]]:
    """Yield the numbers of the items that are read together, the longest first."""
    batch: list[int] = []
    for i in sorted(range(len(items)), key=lambda i: -len(items[i][0])):
        if batch and (len(batch) + 1) * len(items[batch[0]][0]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def answer(model: Decoder, token_bytes: TokenBytes, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request."""
    if "score" in request:
        return {"scores": score(model, request["score"])}
    settings = Generate(**request["options"])
    stop, until = frozenset(request["stop"]), [text.encode() for text in request["until"]]
    continued = []
    for ids, seed in request["continue"]:
        written = takewhile(lambda id: id not in stop, generate(model, ids, settings, seed))
        continued.append(list(_up_to(written, token_bytes, until)))
    return {"continued": continued}


def _up_to(ids: Iterable[int], token_bytes: TokenBytes, ends: Sequence[bytes]) -> Iterator[int]:
    """Yield ids up to the one that completes any of the texts `ends`."""
    written = b""
    for id in ids:
        yield id
        written += token_bytes.of(id)
        if any(end in written for end in ends):
            return


def serve(run: Path, data: Path) -> None:
    """Answer the requests on stdin, one a line."""
    dataset = Dataset(data, schedule=None)
    model, path = load(run, dataset)
    token_bytes = TokenBytes(dataset.tokenizer)
    about = {
        "model": hash_file(path / checkpoint.MODEL).sha256,
        "tokenizer": dataset.layout.tokenizer,
        "context": model.config.context,
        "bos": dataset.layout.bos,
        "end": dataset.layout.end,
    }
    _write(about)
    for line in sys.stdin:
        try:
            request = parsed(line.encode())
            answered = answer(model, token_bytes, request)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"a request can't be answered ({error!r}): see the beginning of {__file__}") from None
        _write(answered)


def _write(value: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="score.py", description="Score and continue ids with a trained model.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    arguments = parser.parse_args(argv)
    return finished(lambda: serve(arguments.run, arguments.data))


if __name__ == "__main__":
    sys.exit(main())
