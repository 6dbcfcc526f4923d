"""Reading rows: the same order at any world size, starts of segments, and refusal of datasets that do not match."""

from __future__ import annotations

import hashlib
import itertools
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sharding
from sharding.layout import SCHEDULE, TOKENIZER
from sharding.packing import Plan
from sharding.rows import READ_AHEAD, WARM, Dataset
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import Damaged, Unsealed, read_manifest, write_json
from tests.sharding.corpus import pack, seal, with_options


def hashes(data: Dataset, steps: int) -> list[str]:
    """Return the order hash after each step."""
    digests, previous = [], bytes.fromhex(data.digest)
    for step in range(steps):
        previous = data.order_hash(previous, step)
        digests.append(previous.hex())
    return digests


def hashes_of_batches(data: Dataset, steps: int, world: int, accumulation: int) -> list[str]:
    """Return the order hash after each step, computed from the batches of all ranks."""
    digests, previous = [], bytes.fromhex(data.digest)
    for step in range(steps):
        parts = [
            data.batch(step, rank, world, micro=micro, accumulation=accumulation, raw=True).ids.tobytes()
            for micro in range(accumulation)
            for rank in range(world)
        ]
        previous = hashlib.sha256(previous + hashlib.sha256(b"".join(parts)).digest()).digest()
        digests.append(previous.hex())
    return digests


@pytest.mark.fault(26)
@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("world", [1, 2, 8])
def test_the_order_hash_is_the_same_at_any_world_size(
    dataset: Path, tmp_path: Path, world: int, accumulation: int
) -> None:
    schedule = create_schedule(read_manifest(dataset), [Phase("x", steps=9)], Mixture(), batch_rows=32, seed=7)
    write_json(tmp_path / "schedule.json", schedule)
    data = Dataset(dataset, schedule=str(tmp_path / "schedule.json"))
    assert hashes_of_batches(data, 9, world, accumulation) == hashes(data, 9)


@pytest.mark.fault(26)
def test_resuming_at_another_world_size_continues_with_the_same_rows(dataset: Path) -> None:
    data = Dataset(dataset)
    uninterrupted = [data.batch(step).rows.tolist() for step in range(12)]
    stopped = [[*data.batch(step, 0, 2).rows, *data.batch(step, 1, 2).rows] for step in range(5)]
    resumed = Dataset(dataset)
    rest = [[row for rank in range(4) for row in resumed.batch(step, rank, 4).rows.tolist()] for step in range(5, 12)]
    assert stopped + rest == uninterrupted


def test_batches_are_int64_and_equal_to_the_files(dataset: Path) -> None:
    data = Dataset(dataset)
    batch = data.batch(3, 1, 2)
    assert batch.ids.dtype == np.int64
    assert batch.ids.shape == (4, data.row_tokens)
    for ids, row in zip(batch.ids, batch.rows, strict=True):
        shard, local = divmod(int(row), 150)
        file = np.fromfile(dataset / f"shards/train-{shard:05d}-of-00006.bin", "<u2").reshape(-1, 64)
        assert (ids == file[local]).all()


def test_starts_mark_the_first_token_of_each_segment(dataset: Path) -> None:
    data = Dataset(dataset)
    for split in (data.train, data.validation):
        rows = np.random.default_rng(0).permutation(split.rows)
        batch = split.read(rows)
        for starts, segments, row in zip(batch.starts, batch.segments, rows, strict=True):
            assert np.flatnonzero(starts).tolist() == segments["position"].tolist()
            assert segments["length"].sum() == data.row_tokens
            assert (segments == split.segments(int(row))).all()
        assert (batch.ids[batch.starts & (batch.ids != 1)] != 1).all()


@pytest.mark.parametrize("policy", ["best-fit", "concat"])
@pytest.mark.parametrize(("bos", "eos"), [(1, 2), (1, None), (None, 2), (None, None)])
def test_of_what_follows_the_end_of_a_document_only_its_bos_is_a_target_and_only_without_eos(
    tokens: Path, tmp_path: Path, bos: int | None, eos: int | None, policy: str
) -> None:
    data = Dataset(pack(tmp_path / "dataset", [tokens], with_options(bos=bos, eos=eos, policy=policy)))
    added = (bos is not None) + (eos is not None)
    streams = pa.concat_tables(map(pq.read_table, sorted((data.path / "documents").iterdir())))["tokens"]
    lengths = streams.to_numpy() + added
    batch = data.train.read(range(data.train.rows))
    ends = 0
    for ids, is_target, segments in zip(batch.ids, batch.is_target, batch.segments, strict=True):
        expected = np.ones(len(ids), bool)
        expected[segments["position"]] = False
        for before, after in itertools.pairwise(segments):
            assert before["offset"] + before["length"] == lengths[int(before["document"])]  # cuts are at ends of rows
            if bos is not None and eos is None and after["offset"] == 0:
                assert ids[after["position"]] == bos
                expected[after["position"]] = True
            ends += 1
        assert (is_target == expected).all()
        if eos is not None:
            assert is_target[1:][ids[1:] == eos].sum() >= (segments["length"][:-1] > 1).sum()
    assert ends
    assert data.layout.end == (bos if eos is None else eos)


def test_reading_no_rows_gives_an_empty_batch(dataset: Path) -> None:
    batch = Dataset(dataset).train.read([])
    assert batch.ids.shape == (0, 64)
    assert batch.starts.shape == (0, 64)


@pytest.mark.parametrize("rows", [[875], [-1], [0, 10**12]])
def test_a_row_that_does_not_exist_is_an_index_error(dataset: Path, rows: list[int]) -> None:
    with pytest.raises(IndexError, match=f"row {rows[-1]} is not in split train, which has 875 rows"):
        Dataset(dataset).train.read(rows)


def test_a_step_that_does_not_exist_is_an_index_error(dataset: Path) -> None:
    data = Dataset(dataset)
    for step in (-1, 12):
        with pytest.raises(IndexError, match="steps 0 to 11"):
            data.batch(step)


@pytest.mark.parametrize(
    ("rank", "world", "micro", "accumulation"), [(0, 3, 0, 1), (0, 2, 0, 8), (2, 2, 0, 1), (0, 2, 2, 2)]
)
def test_a_batch_that_cannot_be_divided_evenly_is_refused(
    dataset: Path, rank: int, world: int, micro: int, accumulation: int
) -> None:
    with pytest.raises(ValueError, match="8 rows per step cannot be divided"):
        Dataset(dataset).batch(0, rank, world, micro=micro, accumulation=accumulation)


def test_steps_can_be_read_in_any_order(dataset: Path) -> None:
    data = Dataset(dataset)
    in_order = [data.rows_of(step).tolist() for step in range(12)]
    steps = [11, 0, 5, 4, 5, 11, READ_AHEAD, 0]
    assert [data.batch(step).rows.tolist() for step in steps] == [in_order[step] for step in steps]


def test_a_dataset_can_be_opened_with_another_schedule(dataset: Path, tmp_path: Path) -> None:
    manifest = read_manifest(dataset)
    other = create_schedule(
        manifest, [Phase("x", steps=4)], Mixture("temperature", "source", temperature=100), batch_rows=8, seed=0
    )
    write_json(tmp_path / "other.json", other)
    data = Dataset(dataset, schedule=str(tmp_path / "other.json"))
    assert data.steps == 4
    assert data.digest == Dataset(dataset).digest


# -- opening --------------------------------------------------------------------------------------------------


def test_reading_imports_numpy_and_the_standard_library_only(dataset: Path) -> None:
    assert sharding.Dataset is Dataset
    code = (
        "import sys, sharding; before = 'numpy' in sys.modules; data = sharding.Dataset(sys.argv[1]); "
        "data.batch(0).starts; heavy = {'numba', 'pyarrow', 'polars', 'torch'} & set(sys.modules); "
        "print(before, sorted(heavy))"
    )
    process = subprocess.run([sys.executable, "-c", code, str(dataset)], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["False", "[]"]


def test_an_unsealed_folder_is_refused(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    with pytest.raises(Unsealed):
        Dataset(copy)


def test_a_folder_of_another_stage_is_refused(tokens: Path) -> None:
    with pytest.raises(Damaged, match="is a 'tokenize' folder; give a 'pack' folder"):
        Dataset(tokens)


@pytest.mark.fault(24)
def test_a_truncated_shard_is_refused(copy: Path) -> None:
    path = copy / "shards/train-00003-of-00006.bin"
    path.write_bytes(path.read_bytes()[:-128])
    with pytest.raises(Damaged, match=r"train-00003-of-00006\.bin"):
        Dataset(copy)


@pytest.mark.fault(24)
def test_a_schedule_of_another_dataset_is_refused(copy: Path) -> None:
    data = json.loads((copy / SCHEDULE).read_bytes())
    write_json(copy / SCHEDULE, {**data, "manifest": "0" * 64})
    with pytest.raises(Damaged, match="arcorp mix"):
        Dataset(copy)


@pytest.mark.fault(23)
def test_a_replaced_tokenizer_is_refused(copy: Path) -> None:
    (copy / TOKENIZER).write_text('{"another": 1}')
    (copy / SCHEDULE).unlink()
    manifest = read_manifest(copy)
    seal(copy, Plan.read(copy), manifest.summary)
    with pytest.raises(Damaged, match=r"tokenizer\.json is not the tokenizer of the ids; build the folder again"):
        Dataset(copy)


def fewer_rows(summary: dict) -> None:  # type: ignore[type-arg]
    summary["splits"]["train"]["rows"] -= 1


def other_shards(summary: dict) -> None:  # type: ignore[type-arg]
    summary["splits"]["train"]["shards"] += 1


def wider_ids(summary: dict) -> None:  # type: ignore[type-arg]
    summary["dtype"] = "<u4"


def no_validation(summary: dict) -> None:  # type: ignore[type-arg]
    del summary["splits"]["validation"]


def no_tokens(summary: dict) -> None:  # type: ignore[type-arg]
    del summary["row_tokens"]


@pytest.mark.fault(24)
@pytest.mark.parametrize("change", [fewer_rows, other_shards, wider_ids, no_validation, no_tokens])
def test_a_summary_that_does_not_match_the_shards_is_refused(copy: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    summary = read_manifest(copy).summary
    change(summary)
    (copy / SCHEDULE).unlink()
    seal(copy, Plan.read(copy), summary)
    with pytest.raises(Damaged, match=r"summary"):
        Dataset(copy)


def test_a_torch_iterable_dataset_needs_two_lines(dataset: Path) -> None:
    torch = pytest.importorskip("torch")
    rows = Dataset(dataset)

    class Rows(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[object]:
            return (torch.from_numpy(rows.batch(step).ids) for step in range(rows.steps))

    for step, ids in enumerate(torch.utils.data.DataLoader(Rows(), batch_size=None)):
        assert (ids.numpy() == rows.batch(step).ids).all()
    assert step == rows.steps - 1


def test_prefetching_stops_without_page_faults_and_does_not_change_batches(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = SimpleNamespace(ru_majflt=3)  # replaces the kernel's count of page faults, which a test cannot control
    monkeypatch.setattr(resource, "getrusage", lambda who: used)
    advised: list[int] = []
    data = Dataset(dataset)
    expected = [Dataset(dataset).batch(step).ids for step in range(data.steps)]
    monkeypatch.setattr(data.train, "will_need", lambda rows: advised.append(len(rows)))

    def read(batches: int) -> int:
        before = len(advised)
        for k in range(batches):
            assert (data.batch(k % data.steps).ids == expected[k % data.steps]).all()
        return len(advised) - before

    assert read(WARM) > 0
    assert read(20) == 0
    used.ru_majflt += 1
    assert read(20) > 0
