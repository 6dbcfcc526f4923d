"""Documents to measure with: real Arabic text from the samples, as FineWeb-2 publishes it, copies planted in it."""

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
    """Texts of the bulk samples, 42 MB of news and Wikipedia unless others are named."""
    texts = []
    for name in names:
        with (SAMPLES / "data" / "bulk" / f"{name}.jsonl.zst").open("rb") as file:
            lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
        texts += [json.loads(line)["text"] for line in lines]
    random.Random(0).shuffle(texts)
    return texts


def many(megabytes: float) -> list[str]:
    """As much text: when there is no more, every second, every third ... word of it, then the rest, which has the
    words and the layout of the text, and no n-gram of it."""
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
    words = text.split(" ")
    return " ".join(word for start in range(stride) for word in words[start::stride])


def with_copies(texts: Sequence[str]) -> Iterator[str]:
    """The texts, and behind every tenth a copy; behind others one with a twentieth of its words changed."""
    rng = random.Random(1)
    for number, text in enumerate(texts):
        yield text
        if number % 10 == 0:
            yield text
        elif number % 10 == 5:
            yield edited(text, 0.05, scattered=False, rng=rng)


def edited(text: str, share: float, *, scattered: bool, rng: random.Random) -> str:
    """The text with that share of its words changed, in one block or here and there."""
    words = text.split(" ")
    count = round(share * len(words))
    start = rng.randrange(max(1, len(words) - count))
    places = rng.sample(range(len(words)), count) if scattered else range(start, start + count)
    for place in places:
        words[place] = "".join(rng.choices("ابتجحدرسعفقكلمنهوي", k=5))
    return " ".join(words)


def write_fineweb(folder: Path, texts: Sequence[str], per_file: int = 5_000) -> float:
    """The texts as files of FineWeb-2's schema. Returns their megabytes of UTF-8."""
    folder.mkdir(parents=True)
    for file, first in enumerate(range(0, len(texts), per_file)):
        some = texts[first : first + per_file]
        table = pa.table(
            {
                "text": pa.array(some, pa.large_string()),
                "id": [f"<urn:uuid:{number}>" for number in range(first, first + len(some))],
                "dump": ["CC-MAIN-2024-10"] * len(some),
                "url": ["https://example.org/"] * len(some),
                "date": ["2024-02-20T00:00:00Z"] * len(some),
                "language": ["arb"] * len(some),
                "language_script": ["Arab"] * len(some),
            }
        )
        pq.write_table(table, folder / f"{file:03d}_00000.parquet", compression="snappy", row_group_size=1_000)
    return sum(len(text.encode()) for text in texts) / 1e6
