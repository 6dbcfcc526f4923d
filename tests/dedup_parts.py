"""Documents with planted near-duplicates, and parts of them as `corpora.dedup` takes and gives them."""

import itertools
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from corpora.dedup import (
    DECISION,
    FINGERPRINT,
    NARROW,
    WIDE,
    DedupRules,
    Documents,
    Keys,
    Proof,
    Rules,
    apply_decisions,
    decide,
    equal_pairs,
    fingerprints,
    name_keys,
    narrow_keys,
    wide_keys,
)
from corpora.dedup import bounds_of as bounds_of_range
from corpora.document_counts import DocumentCounter
from corpora.documents import SCHEMA
from corpora.groups import groups_of

SOURCES = ["s", "t"]
LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"


class Decisions:
    """Decisions about all documents, and the table CLUSTERS of each part."""

    def __init__(self, parts: Sequence[tuple[Any, pa.Table]]) -> None:
        self.all = np.concatenate([np.empty(0, DECISION), *(decisions for decisions, _ in parts)])
        self.clusters = [table for _, table in parts]

    def part(self, start: int, stop: int) -> Any:
        return self.all[start:stop]


def decided(
    fields: Any,
    bands: Any = None,
    *,
    exact: bool = True,
    proof: Proof | None = None,
    bounds: Sequence[int] = (),
    ranges: int = 1,
    most: int = 1 << 24,
    documents: int = 1 << 24,
    least_sources: int = 1,
    tables: Sequence[pa.Table] | None = None,
    folder: Path | None = None,
) -> Decisions:
    """Decide on documents with these fields of FINGERPRINT and keys of bands, uint64 (bands, documents).

    bounds: first document of each part, and the number of documents. ranges: of keys. most: records held at once.
    documents: of a range. tables: of parts, for ids and sources. folder: for temporary files.
    """
    count = len(fields["evaluation"])
    ends = list(bounds or [0, count]) if tables is None else bounds_of(tables).tolist()
    parts = list(itertools.pairwise(ends))
    if tables:
        whole = pa.concat_tables(tables)
        named = pa.table({"id": whole["id"], "group": groups_of(whole)})
    else:
        named = pa.table({name: [str(number) for number in range(count)] for name in ("id", "group")})

    def pairs(kind: str) -> Iterator[Iterator[Any]]:
        if kind == "group":
            keyed = [name_keys(named["group"])] if named["group"] != named["id"] else []
        else:
            keyed = [fields[kind]] if kind != "band" else list(bands)
        for keys in keyed:
            records = [_keys(start, keys[start:stop]) for start, stop in parts]
            for number in range(ranges):
                low, high = bounds_of_range(number, ranges, WIDE if kind != "band" else NARROW)
                yield equal_pairs(records, low, high, most)

    def source(part: int) -> Any:
        names = tables[part]["source"].to_pylist() if tables else ["s"] * (ends[part + 1] - ends[part])
        return np.array([SOURCES.index(name) for name in names], np.uint32)

    def names(part: int, column: str) -> Any:
        return named[column].slice(parts[part][0], parts[part][1] - parts[part][0]).combine_chunks()

    evaluation, ids, groups = (
        lambda part: fields["evaluation"][slice(*parts[part])],
        lambda part: names(part, "id"),
        lambda part: names(part, "group"),
    )
    given = Documents(np.array(ends), evaluation, source, SOURCES, ids, groups)
    rules = Rules(exact, bands is not None, proof, least_sources)
    with tempfile.TemporaryDirectory() as temporary:
        return Decisions(list(decide(given, pairs, rules, folder or Path(temporary) / "deciding", documents)))


def _keys(first: int, keys: Any) -> Keys:
    records = wide_keys(keys) if keys.ndim == 2 else narrow_keys(keys[np.newaxis])[0]
    return Keys(first, len(records), lambda start, stop: records[start:stop])


def prints_of(tables: Sequence[pa.Table]) -> Any:
    """Return the fingerprints of all parts."""
    return np.concatenate([np.empty(0, FINGERPRINT), *map(fingerprints, tables)])


def bounds_of(tables: Sequence[pa.Table]) -> Any:
    return np.cumsum([0, *(len(table) for table in tables)])


def divided(decisions: Any, tables: Sequence[pa.Table]) -> list[Any]:
    """Return the decisions of each part."""
    return [decisions.part(start, stop) for start, stop in itertools.pairwise(bounds_of(tables))]


def applied(
    decisions: Any, tables: Sequence[pa.Table], *, near: bool = False
) -> tuple[list[dict[str, Any]], list[DocumentCounter]]:
    """Return the documents that stay, and the counts of each part."""
    counters = [DocumentCounter() for _ in tables]
    each = zip(tables, divided(decisions, tables), counters, decisions.clusters, strict=True)
    kept = [
        apply_decisions(table, part, counter, DedupRules(near=near), clusters=lines)
        for table, part, counter, lines in each
    ]
    return [row for part in kept for row in part.to_pylist()], counters


def words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choices(LETTERS, k=rng.randint(2, 7))) for _ in range(count)]


def edited(rng: random.Random, text: list[str], share: float, scattered: bool) -> list[str]:
    changed = round(share * len(text))
    start = rng.randrange(len(text) - changed)
    places = rng.sample(range(len(text)), changed) if scattered else range(start, start + changed)
    new = dict(zip(places, words(rng, changed), strict=True))
    return [new.get(place, word) for place, word in enumerate(text)]


def pairs(count: int, share: float, scattered: bool) -> list[tuple[str, str]]:
    rng = random.Random(1)
    result = []
    for _ in range(count):
        text = words(rng, 300)
        result.append((" ".join(text), " ".join(edited(rng, text, share, scattered))))
    return result


def table(rows: list[tuple[str, str]]) -> pa.Table:
    blank = dict.fromkeys(("source", "category", "language", "license", "url", "date"), "s") | {"metadata": '{"k": 1}'}
    return pa.Table.from_pylist([{"id": name, "text": text, **blank} for name, text in rows], schema=SCHEMA)
