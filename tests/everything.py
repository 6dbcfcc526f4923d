"""All text of the sample corpora, as it stands in their files, markup and all: what engines must agree on.

A document is a line of JSON Lines, a row of Parquet, an element of a zipped JSON array, and of anything else the whole
file: books come whole. Set ARCORP_EVERY=1 for all of it; by default one document of 400 is taken.
"""

import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

EVERY = int(os.environ.get("ARCORP_EVERY", "400"))
_OPENED = {
    ".zst": lambda data: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(),
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
}


@cache
def everything(samples: Path) -> tuple[str, ...]:
    """One document of EVERY, file by file."""
    return tuple(islice(_documents(samples / "data"), 0, None, EVERY))


def _documents(data: Path) -> Iterator[str]:
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            for column in table.columns:
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    yield from (text for text in column.to_pylist() if text)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield from (json.dumps(record, ensure_ascii=False) for record in json.loads(archive.read(name)))
        else:
            text = _OPENED.get(path.suffix, bytes)(path.read_bytes()).decode(errors="replace")
            yield from _lines(text) if ".jsonl" in path.name else [text]


def _lines(text: str) -> Iterator[str]:
    for line in filter(None, text.split("\n")):
        values = json.loads(line)
        yield next((values[key] for key in ("text", "content") if key in values), line)
