"""Bits per byte of equal models on equal text, by morphology: `python -m benchmarks.morphology_bpb --data DIR`.

Tokenizers of one size are compared: plain, hard, and soft with two settings. As controls there are plain tokenizers
with smaller vocabularies that need as many tokens as the soft ones; they show whether shorter tokens alone explain a
difference. All models have the same shape, including the rows of the embedding, and read the same bytes in the same
order once, at a constant learning rate, with matrix products in bfloat16. Averaged weights are scored in float32 at
two points: after as many tokens as plain BPE needs for all bytes (equal tokens), and at the end (equal text).
Validation texts are held-out text of the same sources, and news, which neither tokenizers nor models have seen. A run
whose options are already in the result file is not repeated.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zstandard

from benchmarks.tokenization.frontier import Setting, cost, trained
from tokenization.model import Encoder, Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.morphology import open_segmenter
from tokenization.options import MorphologyOptions
from tokenization.training import PretokenCounts, boundary_flags, count_pretokens, train_merges
from training.config import ModelConfig
from training.model import Decoder, make_model

SAME, OTHER = ("arb_wiki", "arz_wiki", "classical", "dialect"), ("arb_news",)
SOFT = {"soft, short": MorphologyOptions("soft", 2.0, 0.94), "soft, aligned": MorphologyOptions("soft", 2.0, 1.0)}
ROWS, CONTEXT, RATE, WARMUP, AVERAGE = 4, 256, 2e-3, 20, 0.98


def main() -> None:
    """Make the tokenizers, train the missing models, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--size", type=int, default=16_000)
    parser.add_argument("--bytes", type=int, default=2_400_000, help="bytes of training text")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=200_000, help="bytes of validation text of each domain")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    options = {name: getattr(arguments, name) for name in ("size", "bytes", "layers", "width", "held_out")}
    texts = {
        "train": take(documents(arguments.data, SAME, held_out=False), arguments.bytes),
        "same": take(documents(arguments.data, SAME, held_out=True), arguments.held_out),
        "other": take(documents(arguments.data, OTHER, held_out=True), arguments.held_out),
    }
    path = arguments.out / f"morphology-bpb-{arguments.size}-{datetime.now(UTC):%Y-%m-%d}.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    runs = stored.get("runs", []) if stored.get("options") == options else []
    compared = tokenizers(
        count_pretokens(documents(arguments.data, SAME, held_out=False), pretoken_pattern()),
        texts["train"],
        arguments.size,
    )
    encoded = {
        name: {which: ids(tokenizer, text) for which, text in texts.items()} for name, tokenizer in compared.items()
    }
    until = len(encoded["plain"]["train"])
    for seed in arguments.seeds:
        for name in compared:
            if any((run["tokenizer"], run["seed"]) == (name, seed) for run in runs):
                continue
            config = ModelConfig(
                "gpt2", arguments.size, CONTEXT, arguments.layers, arguments.width, 4, 4, 4 * arguments.width
            )
            sizes = {which: len("".join(text).encode()) for which, text in texts.items()}
            run = {"tokenizer": name, "seed": seed, "vocabulary": len(compared[name].pieces) - 3}
            run |= {"tokens": len(encoded[name]["train"]), **learn(config, seed, encoded[name], until, sizes)}
            runs.append(run)
            path.write_text(json.dumps({"options": options, "runs": runs}, indent=1) + "\n", encoding="utf-8")
            print(json.dumps(run), flush=True)
    print(path)


def tokenizers(counts: PretokenCounts, sample: list[str], size: int) -> dict[str, Tokenizer]:
    """Return all tokenizers to compare, plain BPE first."""
    ends = boundary_flags(counts, open_segmenter("learned"))
    compared = {mode: trained(counts, ends, size, Setting(MorphologyOptions(mode))) for mode in ("none", "hard")}
    compared = {"plain": compared["none"], "hard": compared["hard"]}
    compared |= {name: trained(counts, ends, size, Setting(morphology)) for name, morphology in SOFT.items()}
    merges, words = train_merges(counts, size), count_pretokens(sample, pretoken_pattern())
    for name in SOFT:
        tokens, low, high = cost(compared[name], words), 300, size
        while high - low > 20:
            middle = (low + high) // 2
            low, high = (middle, high) if cost(plain(merges, middle), words) > tokens else (low, middle)
        compared[f"plain, as many tokens as {name}"] = plain(merges, high)
    return compared


def plain(merges: list[tuple[bytes, bytes]], size: int) -> Tokenizer:
    """Return the tokenizer of the first merges, which are those of a smaller vocabulary."""
    size_so_far, kept = 256, []
    seen: Counter[bytes] = Counter()
    for left, right in merges:
        if size_so_far == size:
            break
        kept.append((left, right))
        size_so_far += not seen[left + right]
        seen[left + right] += 1
    files = tokenizer_files(Vocabulary(VocabularyLayout(size + 3), tuple(kept)), pretoken_pattern(), {})
    return Tokenizer(files["tokenizer.json"], name="tokenizer.json", meta={}, roles={})


def documents(data: Path, sources: tuple[str, ...], *, held_out: bool) -> Iterator[str]:
    """Yield the documents of some sources, shuffled; one of twenty is held out."""
    texts = []
    for path in sorted((data / "bulk").glob("*.jsonl.zst")):
        if path.name.startswith(sources):
            with path.open("rb") as file:
                lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
                texts += [
                    json.loads(line)["text"] for number, line in enumerate(lines) if (number % 20 == 7) == held_out
                ]
    random.Random(0).shuffle(texts)
    yield from texts


def take(texts: Iterator[str], size: int) -> list[str]:
    """Return documents, truncated to 4,000 characters each, until they have `size` bytes."""
    taken, total = [], 0
    for text in texts:
        if total >= size:
            break
        taken.append(text[:4_000] + "\n")
        total += len(taken[-1].encode())
    return taken


def ids(tokenizer: Tokenizer, texts: list[str]) -> torch.Tensor:
    """Return the ids of all texts, concatenated."""
    batches = [batch.ids.astype(np.int64) for batch in Encoder(tokenizer).encode_part(texts, "").batches]
    return torch.from_numpy(np.concatenate(batches))


def learn(
    config: ModelConfig, seed: int, text: dict[str, torch.Tensor], until: int, sizes: dict[str, int]
) -> dict[str, Any]:
    """Train on the text once. Returns bits per byte of both validation texts after `until` tokens and at the end."""
    model, average = make_model(config, seed), make_model(config, seed)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    stream, step_size, scores = text["train"], ROWS * CONTEXT, {}
    steps = (len(stream) - 1) // step_size
    marks = {"equal_tokens": min(steps, (until - 1) // step_size), "equal_text": steps}
    order = np.random.default_rng(seed).permutation(steps)
    for step, chosen in enumerate(order, 1):
        begin = int(chosen) * step_size
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, step / WARMUP)
        with torch.autocast("cpu", torch.bfloat16):
            total, _ = model(*rows(stream[begin : begin + step_size + 1]))
        (total / step_size).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            share = min(AVERAGE, step / (step + 10))
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)
        for mark, last in marks.items():
            if step == last:
                scores[mark] = {which: bits(average, text[which]) / sizes[which] for which in ("same", "other")}
    return scores


def rows(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids as rows of CONTEXT, and the next id of each."""
    return part[:-1].view(-1, CONTEXT), part[1:].view(-1, CONTEXT)


@torch.no_grad()
def bits(model: Decoder, stream: torch.Tensor) -> float:
    """Return the bits of a text. The first token and the last incomplete row are assumed to cost the average."""
    whole = (len(stream) - 1) // CONTEXT * CONTEXT
    nats = 0.0
    for begin in range(0, whole, ROWS * CONTEXT):
        total, _ = model(*rows(stream[begin : min(whole, begin + ROWS * CONTEXT) + 1]))
        nats += float(total)
    return nats / math.log(2) * len(stream) / whole


if __name__ == "__main__":
    main()
