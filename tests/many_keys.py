"""Keys of many documents, random and adversarial; what is decided on them by ranks; and the same by definition.

The reference holds all edges at once and joins them in rounds of smallest labels, with numpy alone.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpora.dedup import NARROW, WIDE, Documents, Keys, Rules, bounds_of, decide, equal_pairs, narrow_keys, wide_keys
from corpora.dedup.decisions import CONTAMINATED, KEPT, NEAR_TEXT, SAME_ID, SAME_TEXT
from corpora.dedup.records import PAIR, blocks_of
from pipelines.run.executor import forked

BANDS = 4
LAST = np.uint64(2**64 - 1)
PER_PART = 7_000
FIELDS = ("reason", "copies", "kept", "cluster")
U64 = npt.NDArray[np.uint64]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ManyKeys:
    """Keys of documents. texts, ids: uint64 (documents, 2). bands: uint64 (BANDS, documents), 0 for none.

    evaluation: 1 + the number of an evaluation set, or 0.
    """

    texts: U64
    ids: U64
    bands: U64
    evaluation: npt.NDArray[np.uint16]

    @property
    def count(self) -> int:
        return len(self.evaluation)

    @property
    def bounds(self) -> Int:
        """First document of each part, and the number of documents."""
        return np.append(np.arange(0, self.count, PER_PART), self.count)


def many_keys(count: int) -> ManyKeys:
    """Return the keys of documents, of which each twelfth part has other difficulties, in random places."""
    draw = np.random.default_rng(17)

    def random(*shape: int) -> U64:
        return draw.integers(1, LAST, shape, np.uint64)

    texts, ids, bands = random(count, 2), random(count, 2), random(BANDS, count)
    evaluation = np.zeros(count, np.uint16)
    groups = np.array_split(draw.permutation(count), 12)

    def chain(rows: Int, values: U64) -> None:
        """Each document has a key in common with the one before, and another with the one after."""
        step = np.arange(rows.size)
        bands[0, rows], bands[1, rows] = values[step // 2], values[(step + 1) // 2 + rows.size]

    texts[groups[0]] = texts[groups[0][0]]  # equal texts
    texts[groups[1]] = LAST, 0
    texts[groups[2], 0], texts[groups[2], 1] = 0, draw.integers(0, 9, groups[2].size)  # equal in one half
    for number, rows in ((3, groups[3]), (4, np.sort(groups[4])), (5, np.sort(groups[5])[::-1])):  # chains
        crowded = np.arange(1, 2 * rows.size + 2, dtype=np.uint64) + (np.uint64(number) << np.uint64(40))
        chain(rows, crowded if number == 4 else random(2 * rows.size + 1))
    bands[2, groups[6]] = LAST  # a star around a key
    rows = np.sort(groups[7])[::-1]  # a star around the last document: each band joins other documents to it
    for band, of_band in enumerate(np.array_split(rows[1:], BANDS)):
        bands[band, of_band] = bands[band, rows[0]]
    ids[groups[8]] = random(groups[8].size // 3 + 1, 2)[draw.integers(0, groups[8].size // 3 + 1, groups[8].size)]
    for rows in groups[9:]:  # random copies
        chosen, others = (draw.choice(rows, rows.size // 5) for _ in range(2))
        texts[chosen] = texts[others]
        for band in range(BANDS):
            chosen, others = (draw.choice(rows, rows.size // 10) for _ in range(2))
            bands[band, chosen] = bands[band, others]
    few = draw.choice(count, count // 50)  # anywhere
    ids[few] = ids[draw.choice(count, few.size)]
    texts[few[::7]] = texts[draw.choice(count, few[::7].size)]
    for link in range(min(5, count)):
        bands[3, groups[3 + link][0]] = bands[3, groups[4 + link][0]]
    contaminated = draw.choice(count, count // 100)
    evaluation[contaminated] = draw.integers(1, 4, contaminated.size)
    bands[:, contaminated] = 0
    return ManyKeys(texts, ids, bands, evaluation)


# -- by ranks -------------------------------------------------------------------------------------------------


def write_parts(keys: ManyKeys, folder: Path) -> None:
    """Write the sorted keys of each part, as fingerprints are written."""
    folder.mkdir()
    for start, stop in zip(keys.bounds[:-1], keys.bounds[1:], strict=True):
        wide_keys(keys.texts[start:stop]).tofile(folder / f"{start}.text")
        wide_keys(keys.ids[start:stop]).tofile(folder / f"{start}.id")
        narrow_keys(keys.bands[:, start:stop]).tofile(folder / f"{start}.band")


def decided_by_ranks(
    keys: ManyKeys, parts: Path, folder: Path, ranges: int, workers: int, most: int
) -> dict[str, str]:
    """Decide, with ranks for the pairs of each kind and range of keys. Returns the sha256 of each of FIELDS.

    parts: of `write_parts`. workers: processes. most: documents of a range of decisions, about.
    """
    folder.mkdir()
    kinds = {"text": [("text", 0)], "id": [("id", 0)], "band": [("band", band) for band in range(BANDS)]}
    tasks = [(kind, band, number) for each in kinds.values() for kind, band in each for number in range(ranges)]
    rank = partial(_find_pairs, parts, folder, keys.bounds.tolist(), ranges)
    if workers == 1:
        for task in tasks:
            rank(task)
    else:
        with ProcessPoolExecutor(workers, forked()) as pool:
            list(pool.map(rank, tasks))

    def pairs(kind: str) -> Iterator[Iterator[Any]]:
        for each, band in kinds.get(kind, ()):  # each document is a group of its own
            for number in range(ranges):
                yield blocks_of(folder / f"{each}-{band}-{number}", PAIR)

    bounds = keys.bounds

    def ids(part: int) -> pa.Array:
        return pc.cast(pa.array(np.arange(bounds[part], bounds[part + 1])), pa.large_string())

    def source(part: int) -> Any:
        return np.zeros(bounds[part + 1] - bounds[part], np.uint32)

    documents = Documents(
        bounds, lambda part: keys.evaluation[bounds[part] : bounds[part + 1]], source, ["s"], ids, ids
    )
    hashes = {name: hashlib.sha256() for name in FIELDS}
    for decisions, clusters in decide(documents, pairs, Rules(near=True), folder / "deciding", most):
        for name in FIELDS:
            hashes[name].update(_bytes(decisions[name]))
        kept = pc.cast(pa.array(decisions["kept"][clusters["row"].to_numpy()]), pa.large_string())
        assert clusters["kept"].combine_chunks().equals(kept)
    shutil.rmtree(folder)
    return {name: value.hexdigest() for name, value in hashes.items()}


def _find_pairs(parts: Path, folder: Path, bounds: list[int], ranges: int, task: tuple[str, int, int]) -> None:
    """Write the pairs of documents with equal keys of one kind and range. Twice its mean is held at most."""
    kind, band, number = task
    dtype = NARROW if kind == "band" else WIDE
    low, high = bounds_of(number, ranges, dtype)
    keys = [
        Keys(start, stop - start, partial(_read, parts / f"{start}.{kind}", dtype, band * (stop - start)))
        for start, stop in itertools.pairwise(bounds)
    ]
    with (folder / f"{kind}-{band}-{number}").open("wb") as file:
        for pairs in equal_pairs(keys, low, high, max(1, 2 * bounds[-1] // ranges)):
            pairs.tofile(file)


def _read(path: Path, dtype: Any, first: int, start: int, stop: int) -> Any:
    return np.fromfile(path, dtype, stop - start, offset=(first + start) * dtype.itemsize)


# -- by definition --------------------------------------------------------------------------------------------


def decided_by_definition(keys: ManyKeys) -> dict[str, Any]:
    """Return FIELDS of all documents."""
    numbers = np.arange(keys.count)
    first = _first_equal(keys.texts)
    edges = [np.stack([numbers, first], axis=1)]
    for band in keys.bands:
        of_band = np.flatnonzero(band)
        edges.append(np.stack([of_band, of_band[_first_equal(band[of_band, np.newaxis])]], axis=1))
    cluster = _components(keys.count, np.concatenate(edges))
    reason = np.zeros(keys.count, np.int64)
    reason[cluster != numbers] = NEAR_TEXT
    reason[first != numbers] = SAME_TEXT
    reason[keys.evaluation > 0] = CONTAMINATED - 1 + keys.evaluation[keys.evaluation > 0].astype(np.int64)
    rest = np.flatnonzero(reason == KEPT)
    reason[rest[_first_equal(keys.ids[rest]) != np.arange(rest.size)]] = SAME_ID
    copies = np.bincount(cluster, minlength=keys.count)[cluster]
    return {"reason": reason, "copies": copies, "kept": cluster, "cluster": cluster}


def digests(fields: dict[str, Any]) -> dict[str, str]:
    """Return the sha256 of each field."""
    return {name: hashlib.sha256(_bytes(values)).hexdigest() for name, values in fields.items()}


def _first_equal(keys: U64) -> Int:
    """Return, for each row of keys, the first row that is equal."""
    order = np.lexsort(keys.T)
    begins = np.append(True, (keys[order[1:]] != keys[order[:-1]]).any(axis=1))[: order.size]
    first = np.empty(order.size, np.int64)
    first[order] = order[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return first


def _components(count: int, edges: Int) -> Int:
    """Return the smallest document that each document is connected with, in rounds over all edges."""
    labels = np.arange(count)
    while True:
        ends = labels[edges]
        apart = ends[:, 0] != ends[:, 1]
        if not apart.any():
            return labels
        edges, ends = edges[apart], ends[apart]
        np.minimum.at(labels, ends.max(axis=1), ends.min(axis=1))
        while (labels[labels] != labels).any():
            labels = labels[labels]


def _bytes(values: Any) -> bytes:
    return np.ascontiguousarray(values, "<i8").tobytes()
