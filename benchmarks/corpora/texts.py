"""Input of the benchmarks: real Arabic text of the samples, with planted copies, in files of FineWeb-2's schema."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared"))
NAMES = ("arb_news", "arb_wiki")


def real(names: Sequence[str] = NAMES) -> list[str]:
    """Return the texts of bulk samples in random order: by default 42 MB of news and Wikipedia."""
    texts = []
    for name in names:
        with (SAMPLES / "data" / "bulk" / f"{name}.jsonl.zst").open("rb") as file:
            lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
        texts += [json.loads(line)["text"] for line in lines]
    random.Random(0).shuffle(texts)
    return texts


def many(megabytes: float) -> list[str]:
    """Return texts of at least so many megabytes in total.

    When all real texts are used, they are repeated with their words in another order (`thinned`): such texts have the
    words of the real texts, but not their n-grams.
    """
    texts: list[str] = []
    size = 0
    for stride in itertools.count(1):
        for text in real():
            texts.append(thinned(text, stride))
            size += len(texts[-1].encode())
            if size >= megabytes * 1e6:
                return texts
    return texts


def thinned(text: str, stride: int) -> str:
    """Return the words 0, stride, 2 * stride, ... of a text, then 1, stride + 1, ..., and so on."""
    words = text.split(" ")
    return " ".join(word for start in range(stride) for word in words[start::stride])


def with_copies(texts: Sequence[str]) -> Iterator[str]:
    """Yield the texts. A tenth is followed by an equal copy, a tenth by a copy with 5 % of its words changed."""
    rng = random.Random(1)
    for number, text in enumerate(texts):
        yield text
        if number % 10 == 0:
            yield text
        elif number % 10 == 5:
            yield edited(text, 0.05, scattered=False, rng=rng)


def edited(text: str, share: float, *, scattered: bool, rng: random.Random) -> str:
    """Return the text with a share of its words changed, in one block or at random positions (`scattered`)."""
    words = text.split(" ")
    count = round(share * len(words))
    start = rng.randrange(max(1, len(words) - count))
    indices = rng.sample(range(len(words)), count) if scattered else range(start, start + count)
    for index in indices:
        words[index] = "".join(rng.choices("ابتجحدرسعفقكلمنهوي", k=5))
    return " ".join(words)


def write_fineweb(folder: Path, texts: Sequence[str], per_file: int = 5_000) -> float:
    """Write the texts to Parquet files of FineWeb-2's schema. Returns their megabytes of UTF-8."""
    folder.mkdir(parents=True)
    for file, first in enumerate(range(0, len(texts), per_file)):
        batch = texts[first : first + per_file]
        table = pa.table(
            {
                "text": pa.array(batch, pa.large_string()),
                "id": [f"<urn:uuid:{number}>" for number in range(first, first + len(batch))],
                "dump": ["CC-MAIN-2024-10"] * len(batch),
                "url": ["https://example.org/"] * len(batch),
                "date": ["2024-02-20T00:00:00Z"] * len(batch),
                "language": ["arb"] * len(batch),
                "language_script": ["Arab"] * len(batch),
            }
        )
        pq.write_table(table, folder / f"{file:03d}_00000.parquet", compression="snappy", row_group_size=1_000)
    return sum(len(text.encode()) for text in texts) / 1e6
