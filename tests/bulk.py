"""Documents of the sample corpora's `bulk` files: news, wikis, dialect, classical, English, mathematics, code."""

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import zstandard


def texts(samples: Path, each: int, skip: int = 0) -> Iterator[tuple[str, str]]:
    """(file, text) of `each` documents of every file, after the first `skip`."""
    for path in sorted((samples / "data/bulk").glob("*.jsonl.zst")):
        with path.open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")
            for line in islice(lines, skip, skip + each):
                yield path.name, json.loads(line)["text"]
