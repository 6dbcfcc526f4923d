"""Files of evaluation sets: JSON, CSV, Parquet, Arrow and text, and the texts of each record by field.

A file is read by its ending, without the ending of a compression: JSON lines, arrays and objects (.jsonl, .ndjson,
.json), delimited values (.csv, .tsv), else lines of text; Parquet and Arrow are recognised by their first bytes. A
file with another ending that begins with { or [ is JSON. If a JSON file is one object, the objects in its lists are
the records.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from corpora.errors import BadInput
from corpora.reading import (
    Arrow,
    Csv,
    File,
    Format,
    Json,
    Kind,
    Lines,
    Lost,
    Parquet,
    Record,
    Stream,
    find_files,
    sniff,
)

_JSON, _CSV = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv")
FILES = tuple(f"*{ending}" for ending in (*_JSON, *_CSV, ".parquet", ".arrow", ".txt"))


def evaluation_inputs(inputs: Sequence[str | Path]) -> list[File]:
    """Return the evaluation files named by `inputs` (paths, folders or addresses).

    Raises NothingFound if an input has no such file, BadInput if it cannot be read.
    """
    return find_files(inputs, FILES)


def evaluation_name(file: File) -> str:
    """Return the name of an evaluation set: the file's path below the input, without endings ("arc/test")."""
    path = PurePosixPath(file.name)
    return str(path.with_name(path.name.partition(".")[0] or path.name))


def records(file: File, fields: Sequence[str] = ()) -> Iterator[list[tuple[str, str]]]:
    """Yield for each record its (field, text) pairs, in order, without blank texts.

    A field is named by its keys, joined by dots; "" is the text of a file of lines. fields: names of the fields to
    read, with those inside them; all if empty.
    Raises BadInput for a record that cannot be read, an unknown format, or a field that no record has.
    """
    unseen = set(fields)
    others: set[str] = set()
    for value in _values(file):
        pairs = [(name, text) for name, text in _texts(value, "") if text.strip()]
        if fields:
            others.update(name for name, _ in pairs)
            named = [[name for name in fields if f"{field}.".startswith(f"{name}.")] for field, _ in pairs]
            unseen.difference_update(itertools.chain.from_iterable(named))
            pairs = [pair for pair, names in zip(pairs, named, strict=True) if names]
        yield pairs
    if unseen:
        existing = ", ".join(sorted(others)) or "no field with text"
        mend = "correct decontaminate_fields"
        raise BadInput(
            file.path, f"no record has text in the field {min(unseen)!r}, only in {{{existing}}}", mend=mend
        )


def _values(file: File) -> Iterator[Any]:
    """Yield the value of each record."""
    values = _rows(file)
    first = list(itertools.islice(values, 2))
    if len(first) == 1 and isinstance(first[0], dict):
        first = list(_inner(first[0]))
    yield from first
    yield from values


def _inner(value: dict[str, Any]) -> Iterator[Any]:
    """Yield the objects in the lists of an object, and the object without them; the object itself if it has none."""
    lists = {key: item for key, item in value.items() if _is_records(item)}
    rest = {key: item for key, item in value.items() if key not in lists}
    if rest:
        yield rest
    for key, items in lists.items():
        yield from ({key: item} for item in items)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _rows(file: File) -> Iterator[Any]:
    kind = sniff(file)
    format_ = _format(file, kind)
    for part in format_.slices(file, kind):
        for row in format_.rows(part):
            if isinstance(row, Lost):
                mend = "correct or remove the record"
                raise BadInput(file.path, f"a record cannot be read ({row.reason})", place=f"at {row.key}", mend=mend)
            assert isinstance(row, Record)
            yield row.value


def _format(file: File, kind: Kind) -> Format:
    if kind.container in ("parquet", "arrow"):
        return Parquet("") if kind.container == "parquet" else Arrow("")
    if kind.container not in ("stream", "zip"):
        raise BadInput(file.path, f"is {kind.container}; evaluation sets must be JSON, CSV, Parquet, Arrow or text")
    endings = [ending.lower() for ending in PurePosixPath(file.name).suffixes]
    ending = next((ending for ending in reversed(endings) if ending in (*_JSON, *_CSV, ".txt")), "")
    with Stream(file, kind) as stream:
        head = stream.peek(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
    if ending in _CSV:
        header = head.partition(b"\n")[0]
        return Csv(max(",;\t|", key=lambda delimiter: header.count(delimiter.encode())))
    if ending in _JSON or (not ending and head[:1] in (b"{", b"[")):
        return Json()
    return Lines()


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield (field, text) of every string in a value, in order, at any depth."""
    if isinstance(value, str):
        yield name, value.encode(errors="replace").decode()  # JSON may hold lone surrogates
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)
