"""Shards: the same bytes in any order of writing, the dtype of ids, and checks of tokens while they are copied."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest

from sharding.checking import verify
from sharding.layout import SEGMENT, dtype_for
from sharding.packing import Plan, ShardCounts, ShardWriter, dataset_summary, write
from sharding.rows import Dataset
from sharding.seal import Damaged, Manifest, Sealed, hash_file, read_manifest, write_manifest
from tests.sharding.corpus import (
    OPTIONS,
    Document,
    mixed_documents,
    pack,
    random_documents,
    with_options,
    write_plan,
    write_tokens,
)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shuffled(jobs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return random.Random(0).sample(jobs, len(jobs))


@pytest.mark.fault(6)
def test_shards_written_in_any_order_are_the_same(dataset: Path, tokens: Path, tmp_path: Path) -> None:
    assert tree(pack(tmp_path / "again", [tokens], OPTIONS, order=shuffled)) == tree(dataset)


@pytest.mark.fault(6)
def test_a_shard_does_not_depend_on_other_shards_of_a_worker(dataset: Path, tokens: Path) -> None:
    plan = Plan.read(dataset)
    for shard in range(plan.splits["train"].shards):
        ids, segments = io.BytesIO(), io.BytesIO()
        ShardWriter(plan, dataset, [Sealed(tokens)]).write("train", shard, ids, segments)
        name = f"shards/train-{shard:05d}-of-00006"
        assert ids.getvalue() == (dataset / f"{name}.bin").read_bytes()
        assert segments.getvalue() == (dataset / f"{name}.seg").read_bytes()


def test_shards_do_not_depend_on_the_sizes_of_chunks_and_caches(
    dataset: Path, tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "CHUNK_BYTES", 64 * 2 * 7)
    monkeypatch.setattr(write, "KEPT_TABLES", 1)
    monkeypatch.setattr(write, "KEPT_PARTS", 1)
    assert tree(pack(tmp_path / "again", [tokens], OPTIONS)) == tree(dataset)


def test_rows_do_not_depend_on_the_number_of_shards(dataset: Path, tokens: Path, tmp_path: Path) -> None:
    other = pack(tmp_path / "other", [tokens], with_options(rows_per_shard=None, shards=3))
    rows = np.arange(875)
    first, second = Dataset(dataset).train, Dataset(other).train
    assert (first.read(rows).ids == second.read(rows).ids).all()
    assert (first.read(rows).starts == second.read(rows).starts).all()


@pytest.mark.fault(22)
@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, "<u2"), (65_537, "<u4"), (76_800, "<u4")])
def test_the_dtype_of_ids_follows_from_the_vocabulary(vocab_size: int, dtype: str, tmp_path: Path) -> None:
    assert dtype_for(vocab_size) == dtype
    documents = [*random_documents(80, vocab=vocab_size), Document("web/last", [vocab_size - 1] * 70)]
    tokens = write_tokens(tmp_path / "tokens", documents, vocab_size=vocab_size)
    options = with_options(bos=vocab_size - 2, validation=None)
    data = Dataset(pack(tmp_path / "dataset", [tokens], options))
    ids = data.train.read(np.arange(data.train.rows), raw=True).ids
    assert ids.dtype == np.dtype(dtype)
    assert data.layout.max_id == ids.max() == vocab_size - 1
    assert verify(data.path, "deep") == []
    first = data.train.segments(0)[0]
    assert first["offset"] or ids[0, 0] == vocab_size - 2


def test_files_contain_rows_without_a_header(dataset: Path) -> None:
    rows = np.memmap(dataset / "shards/train-00002-of-00006.bin", "<u2", "r").reshape(-1, 64)
    assert (rows == Dataset(dataset).train.read(np.arange(300, 450)).ids).all()
    assert np.fromfile(dataset / "shards/train-00002-of-00006.seg", SEGMENT)["position"][0] == 0


def reseal(tokens: Path) -> None:
    manifest = read_manifest(tokens)
    files = {name: hash_file(tokens / name) for name in manifest.files}
    write_manifest(tokens, Manifest("tokenize", 1, {}, {}, {}, files, manifest.summary))


@pytest.mark.fault(22)
def test_an_id_outside_of_the_vocabulary_is_refused_with_part_and_document(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", [Document(f"web/{k}", [k] * 50) for k in range(20)])
    ids = np.fromfile(tokens / "part-00000.bin", "<u2")
    ids[13 * 50 + 7] = 4464
    ids.tofile(tokens / "part-00000.bin")
    reseal(tokens)
    with pytest.raises(Damaged, match=r"part-00000\.bin: document 13 of it has id 4464, .* 1000; tokenize it again"):
        pack(tmp_path / "dataset", [tokens], with_options(validation=None))


def write_all(writer: ShardWriter) -> None:
    for shard in range(6):
        writer.write("train", shard, io.BytesIO(), io.BytesIO())


@pytest.mark.fault(7)
@pytest.mark.parametrize("name", ["part-00000.bin", "part-00002.bin"])
def test_tokens_changed_since_they_were_sealed_are_refused(name: str, tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", mixed_documents())
    sealed = Sealed(tokens)
    plan = write_plan(tmp_path / "dataset", [sealed], OPTIONS)
    good = (tokens / name).read_bytes()
    (tokens / name).write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    writer = ShardWriter(plan, tmp_path / "dataset", [sealed])
    with pytest.raises(Damaged, match=f"{name} changed since it was sealed"):
        write_all(writer)


def test_tokens_that_differ_from_the_plan_are_refused(dataset: Path, tmp_path: Path) -> None:
    other = write_tokens(tmp_path / "other", random_documents(50))
    with pytest.raises(Damaged, match=r"was planned from other tokens than .*other; pack again with --restart"):
        ShardWriter(Plan.read(dataset), dataset, [Sealed(other)])


@pytest.mark.fault(7)
def test_document_tables_changed_since_they_were_planned_are_refused(copy: Path, tokens: Path) -> None:
    table = copy / "documents/part-00001.parquet"
    good = table.read_bytes()
    table.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    writer = ShardWriter(Plan.read(copy), copy, [Sealed(tokens)])
    with pytest.raises(Damaged, match=r"part-00001\.parquet changed since it was planned"):
        write_all(writer)


def test_the_counts_of_a_shard_are_its_sizes(dataset: Path, tokens: Path) -> None:
    plan = Plan.read(dataset)
    ids, segments = io.BytesIO(), io.BytesIO()
    counts = ShardWriter(plan, dataset, [Sealed(tokens)]).write("validation", 0, ids, segments)
    array = np.frombuffer(ids.getvalue(), "<u2")
    pieces = np.frombuffer(segments.getvalue(), SEGMENT)
    assert counts == ShardCounts(len(array) // 64, len(pieces), len(array), int(array.max()))


def test_a_summary_of_missing_shards_is_refused(dataset: Path) -> None:
    with pytest.raises(Damaged, match="have 150 rows, 898 were planned; pack again"):
        dataset_summary(Plan.read(dataset), [ShardCounts(150, 300, 9600, 999)])
