"""The text of the comparison: documents to train on, and others that are held out by book and day.

The bulk samples have the order of their sources: the books of classical authors, and the days of newspapers, follow
one another. The last twentieth of each file is held out, after a gap of a hundredth, so that no book or day is on both
sides. A held-out document is dropped if more than a fifth of its runs of eight words occur in the training text.
"""

from __future__ import annotations

import io
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

FILES = ("arb_news", "arb_wiki", "arz_wiki", "classical", "dialect")
HELD_OUT, GAP = 20, 100  # one of so many documents
RUN, SHARED = 8, 0.2  # words of a run; share of runs that a dropped document has in common
CHARS = 4_000  # of each document


@dataclass(frozen=True, slots=True)
class Texts:
    """`train`: documents of all files, shuffled. `held_out`: documents by file. `dropped`: near duplicates of them."""

    train: list[str]
    held_out: dict[str, list[str]]
    dropped: int

    def first(self, size: int) -> list[str]:
        """Return the first training documents of `size` bytes together, so that a larger text has the smaller."""
        taken, total = [], 0
        for text in self.train:
            if total >= size:
                break
            taken.append(text)
            total += len(text.encode())
        return taken


def read(data: Path, held_out_bytes: int) -> Texts:
    """Read the samples; `held_out_bytes` of each file are held out at most."""
    train: list[str] = []
    apart: dict[str, list[str]] = {}
    for path in sorted((data / "bulk").glob("*.jsonl.zst")):
        name = next((name for name in FILES if path.name.startswith(name)), None)
        if name is None:
            continue
        texts = [text[:CHARS] + "\n" for text in _documents(path)]
        first = len(texts) - len(texts) // HELD_OUT
        train += texts[: first - len(texts) // GAP]
        apart[name] = texts[first:]
    random.Random(0).shuffle(train)
    known = {run for text in train for run in _runs(text)}
    held_out: dict[str, list[str]] = {}
    dropped = 0
    for name, texts in apart.items():
        kept, size = [], 0
        for text in texts:
            runs = list(_runs(text))
            if runs and sum(run in known for run in runs) > SHARED * len(runs):
                dropped += 1
            elif size < held_out_bytes:
                kept.append(text)
                size += len(text.encode())
        held_out[name] = kept
    return Texts(train, held_out, dropped)


def _documents(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            yield json.loads(line)["text"]


def _runs(text: str) -> Iterator[int]:
    """Yield a checksum of each run that begins with one of an eighth of all words: the set fits into memory."""
    words = text.split()
    for begin in range(len(words) - RUN + 1):
        if zlib.crc32(words[begin].encode()) % 8 == 0:
            yield zlib.crc32(" ".join(words[begin : begin + RUN]).encode())
