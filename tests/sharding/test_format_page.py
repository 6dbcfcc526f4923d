"""docs/dataset-format.md is complete: a reader in plain Python, written from that page only, reads the same rows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sharding.rows import Dataset
from tests.sharding.corpus import mixed_documents

MASK = (1 << 64) - 1


def shards(folder: Path, split: str, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"shards/{split}-*{suffix}"))


def summary(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_bytes())["summary"]


def rows(folder: Path) -> Any:
    values = summary(folder)
    row_tokens, files = values["row_tokens"], shards(folder, "train", ".bin")
    return np.concatenate([np.memmap(path, values["dtype"], "r").reshape(-1, row_tokens) for path in files])


def walk(quotas: dict[str, int]) -> list[str]:
    """Return the stratum of every draw of a phase."""
    nodes: list[Any] = [(quota, name) for name, quota in sorted(quotas.items()) if quota]
    heap = [(node[0], number) for number, node in enumerate(nodes)]
    while len(heap) > 1:
        (_, left), (_, right) = sorted(heap)[:2]
        heap = sorted(heap)[2:]
        nodes.append((nodes[left][0] + nodes[right][0], (left, right)))
        heap.append((nodes[-1][0], len(nodes) - 1))

    def leaf(node: int, n: int) -> str:
        whole, below = nodes[node]
        if isinstance(below, str):
            return below
        before, after = (((n + drawn) * nodes[below[0]][0] + whole // 2) // whole for drawn in (0, 1))
        return leaf(below[0], before) if after > before else leaf(below[1], n - before)

    return [leaf(heap[0][1], n) for n in range(nodes[heap[0][1]][0])]


def permuted(position: int, size: int, keys: list[int]) -> int:
    half = max(((size - 1).bit_length() + 1) // 2, 1)
    while True:
        left, right = position >> half, position & ((1 << half) - 1)
        for key in keys:
            x = (right + key) & MASK
            x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
            x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
            x ^= x >> 31
            left, right = right, left ^ (x & ((1 << half) - 1))
        position = left << half | right
        if position < size:
            return position


def test_the_order_of_rows_is_as_described(dataset: Path) -> None:
    schedule = json.loads((dataset / "schedule.json").read_bytes())
    strata = {stratum["name"]: stratum for stratum in summary(dataset)["splits"]["train"]["strata"]}
    drawn = dict.fromkeys(strata, 0)
    order = []
    for phase in schedule["phases"]:
        for name in walk(phase["quotas"]):
            epoch, position = divmod(drawn[name], strata[name]["rows"])
            drawn[name] += 1
            text = "\0".join([schedule["manifest"], str(schedule["seed"]), name, str(epoch)])
            keys = np.frombuffer(hashlib.sha512(text.encode()).digest(), "<u8")[:6].tolist()
            order.append(strata[name]["first_row"] + permuted(position, strata[name]["rows"], keys))
    data = Dataset(dataset)
    assert order == [int(row) for step in range(data.steps) for row in data.rows_of(step)]
    h = bytes.fromhex(schedule["manifest"])
    for step in range(3):
        numbers = order[step * schedule["batch_rows"] : (step + 1) * schedule["batch_rows"]]
        h = hashlib.sha256(h + hashlib.sha256(rows(dataset)[numbers].tobytes()).digest()).digest()
    previous = bytes.fromhex(data.digest)
    for step in range(3):
        previous = data.order_hash(previous, step)
    assert h == previous


def test_segments_and_documents_are_as_described(dataset: Path) -> None:
    record = [("document", "<u8"), ("offset", "<u4"), ("position", "<u2"), ("length", "<u2")]
    segments = np.concatenate([np.fromfile(path, record) for path in shards(dataset, "train", ".seg")])
    lines = pa.concat_tables([pq.read_table(path) for path in sorted((dataset / "documents").glob("*.parquet"))])
    assert lines["ordinal"].to_pylist() == list(range(len(lines)))
    ids = lines["id"].to_pylist()
    streams = {document.id: [1, *document.ids, 2] for document in mixed_documents()}
    row = -1
    everything = rows(dataset)
    for document, offset, position, length in segments.tolist():
        row += position == 0
        expected = streams[ids[document]][offset : offset + length]
        assert everything[row, position : position + length].tolist() == expected
    assert row == len(everything) - 1


def test_the_digest_is_the_hash_of_the_manifest_without_its_key_root(dataset: Path) -> None:
    text = (dataset / "manifest.json").read_bytes()
    value = json.loads(text)
    assert text == json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"
    digest = value.pop("root")
    body = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"
    assert digest == hashlib.sha256(body).hexdigest() == Dataset(dataset).digest
    for name, (size, sha256) in value["files"].items():
        data = (dataset / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, sha256)
