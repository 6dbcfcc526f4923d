"""Sampling from a model with a key-value cache, and the samples at the end of a run.

Prompts are the first tokens of validation rows, so that no tokenizer library is needed where the model trains. Of
strata with a mask (conversations), a prompt is what stands before the ids that are trained on, and the model's answer
is compared with those ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharding.layout import StratumLayout
from sharding.rows import Dataset, Split
from training.config import Generate
from training.detokenize import TokenBytes
from training.model import Cache, Decoder

SEARCHED_ROWS = 256
"""Rows of each stratum that are searched for a document that is long enough to be shown."""
ANSWERS, SLACK = 100, 16
"""Answers that are compared, and tokens that one may have beyond the right answer."""


def pick(logits: Tensor, settings: Generate, generator: torch.Generator) -> int:
    """Draw one id from logits (vocab_size,). The draw is on the CPU, so that it does not depend on the device."""
    logits = logits.float().cpu()
    if settings.temperature == 0:
        return int(logits.argmax())
    values, ids = (logits / settings.temperature).topk(min(settings.top_k or len(logits), len(logits)))
    probabilities = values.softmax(dim=0)
    if settings.top_p < 1:
        kept = probabilities.cumsum(dim=0) - probabilities < settings.top_p  # always keeps the first
        probabilities, ids = probabilities[kept], ids[kept]
    return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


def generate(
    model: Decoder, prompt: Iterable[int], settings: Generate, seed: int, stop: int | None = None
) -> Iterator[int]:
    """Yield the ids that continue a prompt, up to `settings.tokens` of them, or to the id `stop`."""
    for step in generate_rows(model, [list(prompt)], settings, [seed], stop):
        yield from step.values()


@torch.no_grad()
def generate_rows(
    model: Decoder, prompts: Sequence[Sequence[int]], settings: Generate, seeds: Sequence[int], stop: int | None
) -> Iterator[dict[int, int]]:
    """Continue prompts of one length together: yield the next id of each that has not ended, by its number.

    Where the context is full, the model reads the last half of it again, as the beginning of a row.
    """
    device, context = model.embedding.weight.device, model.config.context
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    numbers = list(range(len(prompts)))  # of the prompts that have not ended
    unread = read = torch.tensor(prompts, device=device)
    caches: list[Cache] = []
    for _ in range(settings.tokens):
        if not numbers:
            return
        if not caches or caches[0].length == context:
            unread = read[:, -(context // 2) :] if caches else read
            caches = [Cache(model.config, len(numbers), device) for _ in range(model.config.layers)]
        logits = model.logits(unread, caches)[:, -1].cpu()
        picked = [pick(row, settings, generators[number]) for number, row in zip(numbers, logits, strict=True)]
        going = [row for row, id in enumerate(picked) if id != stop]
        yield {numbers[row]: picked[row] for row in going}
        unread = torch.tensor(picked, device=device).unsqueeze(1)
        read = torch.cat((read, unread), dim=1)
        if len(going) < len(picked):
            numbers, read, unread = [numbers[row] for row in going], read[going], unread[going]
            for cache in caches:
                cache.keep(going)


def arabic_first(split: Split) -> list[StratumLayout]:
    """Return the strata of a split that have rows, those of Arabic text first."""
    return sorted(
        (stratum for stratum in split.strata if stratum.rows),
        key=lambda s: (s.category not in ("arabic", "classical"), "_Arab" not in (s.language or "")),
    )


def searched_rows(stratum: StratumLayout) -> npt.NDArray[np.int64]:
    """Return the rows of a stratum that are searched, the middle one first, since those of long documents begin it."""
    searched = np.arange(min(stratum.rows, SEARCHED_ROWS), dtype=np.int64)
    return stratum.first_row + np.roll(searched, -(len(searched) // 2))


def prompts(split: Split, settings: Generate) -> list[tuple[StratumLayout, list[int]]]:
    """Return the first tokens of validation rows, of one document each: strata in turn, Arabic ones first.

    In each stratum, beginnings of documents come before rows that begin inside one.
    """
    choices: list[list[tuple[StratumLayout, list[int]]]] = []
    for stratum in arabic_first(split):
        if stratum.trained is not None:
            continue
        batch = split.read(searched_rows(stratum))
        inside = np.array([segments["offset"][0] > 0 for segments in batch.segments])
        single = ~batch.starts[:, 1 : settings.prompt_tokens].any(axis=1)
        rows = sorted(np.flatnonzero(single), key=lambda row: bool(inside[row]))
        choices.append([(stratum, batch.ids[row, : settings.prompt_tokens].tolist()) for row in rows])
    return list(
        islice((prompt for turn in zip_longest(*choices) for prompt in turn if prompt is not None), settings.prompts)
    )


def samples(model: Decoder, dataset: Dataset, settings: Generate, seed: int) -> list[dict[str, Any]]:
    """Return the records of samples.json: prompts and their continuations. The model is left in training mode."""
    token_bytes = TokenBytes(dataset.tokenizer)
    chosen = prompts(dataset.validation, settings)
    written: list[list[int]] = [[] for _ in chosen]
    seeds = [seed + number for number in range(len(chosen))]
    model.eval()
    for step in generate_rows(model, [prompt for _, prompt in chosen], settings, seeds, dataset.layout.end):
        for number, id in step.items():
            written[number].append(id)
    model.train()
    return [
        {
            "stratum": stratum.name,
            "language": stratum.language,
            "source": stratum.source,
            "prompt": token_bytes.decode(prompt),
            "text": token_bytes.decode(ids),
            "ids": ids,
            "ended": len(ids) < settings.tokens,
        }
        for (stratum, prompt), ids in zip(chosen, written, strict=True)
    ]


def questions(split: Split) -> list[tuple[StratumLayout, list[int], list[int]]]:
    """Return prompts of rows with a mask, each with the ids that are trained on after it.

    The first such ids of each document that begins in its row; ANSWERS of them at most, evenly spaced.
    """
    pairs = []
    for stratum in (stratum for stratum in split.strata if stratum.rows and stratum.trained is not None):
        batch = split.read(stratum.first_row + np.arange(stratum.rows))
        for ids, is_target, segments in zip(batch.ids, batch.is_target, batch.segments, strict=True):
            for segment in segments[segments["offset"] == 0]:
                begin, end = int(segment["position"]), int(segment["position"]) + int(segment["length"])
                trained = begin + np.flatnonzero(is_target[begin:end])
                if len(trained) and trained[0] > begin:
                    first = int(trained[0])
                    last = first + int((np.diff(trained, append=-1) != 1).argmax()) + 1
                    if last < end or end < len(ids):  # else the rest may be in another row
                        pairs.append((stratum, ids[begin:first].tolist(), ids[first:last].tolist()))
    count = min(ANSWERS, len(pairs))
    return [pairs[index * len(pairs) // count] for index in range(count)]


def answers(model: Decoder, dataset: Dataset) -> list[dict[str, Any]]:
    """Return the records of the model's answers to validation prompts, each id the most probable one.

    `ended`: the answer has ended; `exact`: it has all ids of the right one, and no others.
    """
    token_bytes, result = TokenBytes(dataset.tokenizer), []
    model.eval()
    for stratum, prompt, right in questions(dataset.validation):
        settings = Generate(tokens=len(right) + SLACK, temperature=0.0)
        ids = list(generate(model, prompt, settings, 0, right[-1]))
        texts = {"prompt": prompt, "text": ids, "answer": right[:-1]}
        record = {name: token_bytes.decode(value) for name, value in texts.items()}
        ended = len(ids) < len(right) + SLACK
        result.append({"stratum": stratum.name, **record, "ended": ended, "exact": ended and ids == right[:-1]})
    model.train()
    return result
