"""Reading: the same rows at any world size, labels that know where segments begin, and a guarded door."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sharding
from sharding.layout import SCHEDULE, TOKENIZER
from sharding.packing import Plan
from sharding.rows import READ_AHEAD, WARM, Dataset
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import Damaged, Unsealed, read_manifest, write_json
from tests.sharding.corpus import seal


def hashes(data: Dataset, steps: int) -> list[str]:
    found, previous = [], bytes.fromhex(data.digest)
    for step in range(steps):
        previous = data.order_hash(previous, step)
        found.append(previous.hex())
    return found


def hashes_of_batches(data: Dataset, steps: int, world: int, accumulation: int) -> list[str]:
    """The order hash put together from what each rank reads, as a trainer would check it."""
    found, previous = [], bytes.fromhex(data.digest)
    for step in range(steps):
        parts = [
            data.batch(step, rank, world, micro=micro, accumulation=accumulation, raw=True).ids.tobytes()
            for micro in range(accumulation)
            for rank in range(world)
        ]
        previous = hashlib.sha256(previous + hashlib.sha256(b"".join(parts)).digest()).digest()
        found.append(previous.hex())
    return found


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
def test_a_reader_that_resumes_at_another_world_size_goes_on_with_the_same_rows(dataset: Path) -> None:
    data = Dataset(dataset)
    undisturbed = [data.batch(step).rows.tolist() for step in range(12)]
    stopped = [[*data.batch(step, 0, 2).rows, *data.batch(step, 1, 2).rows] for step in range(5)]
    resumed = Dataset(dataset)
    rest = [[row for rank in range(4) for row in resumed.batch(step, rank, 4).rows.tolist()] for step in range(5, 12)]
    assert stopped + rest == undisturbed


def test_batches_are_int64_and_rows_are_what_lies_on_disk(dataset: Path) -> None:
    data = Dataset(dataset)
    batch = data.batch(3, 1, 2)
    assert batch.ids.dtype == np.int64
    assert batch.ids.shape == (4, data.row_tokens)
    for ids, row in zip(batch.ids, batch.rows, strict=True):
        shard, local = divmod(int(row), 150)
        file = np.fromfile(dataset / f"shards/train-{shard:05d}-of-00006.bin", "<u2").reshape(-1, 64)
        assert (ids == file[local]).all()


def test_starts_are_where_segments_begin(dataset: Path) -> None:
    data = Dataset(dataset)
    for split in (data.train, data.validation):
        rows = np.random.default_rng(0).permutation(split.rows)
        batch = split.read(rows)
        for starts, segments, row in zip(batch.starts, batch.segments, rows, strict=True):
            assert np.flatnonzero(starts).tolist() == segments["position"].tolist()
            assert segments["length"].sum() == data.row_tokens
            assert (segments == split.segments(int(row))).all()
        assert (batch.ids[batch.starts & (batch.ids != 1)] != 1).all()


def test_no_rows_is_an_empty_batch(dataset: Path) -> None:
    batch = Dataset(dataset).train.read([])
    assert batch.ids.shape == (0, 64)
    assert batch.starts.shape == (0, 64)


@pytest.mark.parametrize("rows", [[875], [-1], [0, 10**12]])
def test_a_row_that_is_not_there_is_an_index_error(dataset: Path, rows: list[int]) -> None:
    with pytest.raises(IndexError, match=f"row {rows[-1]} is not in split train, which has 875 rows"):
        Dataset(dataset).train.read(rows)


def test_a_step_that_is_not_there_is_an_index_error(dataset: Path) -> None:
    data = Dataset(dataset)
    for step in (-1, 12):
        with pytest.raises(IndexError, match="steps 0 to 11"):
            data.batch(step)


@pytest.mark.parametrize(
    ("rank", "world", "micro", "accumulation"), [(0, 3, 0, 1), (0, 2, 0, 8), (2, 2, 0, 1), (0, 2, 2, 2)]
)
def test_a_batch_that_does_not_divide_is_refused(
    dataset: Path, rank: int, world: int, micro: int, accumulation: int
) -> None:
    with pytest.raises(ValueError, match="8 rows a step don't divide"):
        Dataset(dataset).batch(0, rank, world, micro=micro, accumulation=accumulation)


def test_jumping_about_in_the_schedule_reads_the_same(dataset: Path) -> None:
    data = Dataset(dataset)
    straight = [data.rows_of(step).tolist() for step in range(12)]
    steps = [11, 0, 5, 4, 5, 11, READ_AHEAD, 0]
    assert [data.batch(step).rows.tolist() for step in steps] == [straight[step] for step in steps]


def test_another_schedule_on_the_same_rows(dataset: Path, tmp_path: Path) -> None:
    manifest = read_manifest(dataset)
    other = create_schedule(
        manifest, [Phase("x", steps=4)], Mixture("temperature", "source", temperature=100), batch_rows=8, seed=0
    )
    write_json(tmp_path / "other.json", other)
    data = Dataset(dataset, schedule=str(tmp_path / "other.json"))
    assert data.steps == 4
    assert data.digest == Dataset(dataset).digest


# -- opening --------------------------------------------------------------------------------------------------


def test_the_package_gives_the_reader_without_importing_anything_heavy(dataset: Path) -> None:
    assert sharding.Dataset is Dataset
    code = (
        "import sys, sharding; before = 'numpy' in sys.modules; data = sharding.Dataset(sys.argv[1]); "
        "data.batch(0).starts; heavy = {'numba', 'pyarrow', 'polars', 'torch'} & set(sys.modules); "
        "print(before, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(dataset)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "[]"]


def test_an_unsealed_folder_is_refused(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    with pytest.raises(Unsealed):
        Dataset(copy)


def test_another_stages_folder_is_refused(tokens: Path) -> None:
    with pytest.raises(Damaged, match="a 'pack' folder is wanted"):
        Dataset(tokens)


@pytest.mark.fault(24)
def test_a_cut_shard_is_refused(copy: Path) -> None:
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
def test_another_tokenizer_is_refused(copy: Path) -> None:
    (copy / TOKENIZER).write_text('{"another": 1}')
    (copy / SCHEDULE).unlink()
    manifest = read_manifest(copy)
    seal(copy, Plan.read(copy), manifest.summary)
    with pytest.raises(Damaged, match="is not the tokenizer that the ids were made with"):
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
def test_a_summary_that_is_not_of_its_shards_is_refused(copy: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    summary = read_manifest(copy).summary
    change(summary)
    (copy / SCHEDULE).unlink()
    seal(copy, Plan.read(copy), summary)
    with pytest.raises(Damaged, match=r"summary"):
        Dataset(copy)


def test_it_is_an_iterable_dataset_of_torch_in_two_lines(dataset: Path) -> None:
    torch = pytest.importorskip("torch")
    rows = Dataset(dataset)

    class Rows(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[object]:
            return (torch.from_numpy(rows.batch(step).ids) for step in range(rows.steps))

    for step, ids in enumerate(torch.utils.data.DataLoader(Rows(), batch_size=None)):
        assert (ids.numpy() == rows.batch(step).ids).all()
    assert step == rows.steps - 1


def test_reading_ahead_rests_while_rows_come_from_memory_and_changes_nothing(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = SimpleNamespace(ru_majflt=3)  # stands for the kernel's count: a real one can't be made to stay
    monkeypatch.setattr(resource, "getrusage", lambda who: used)
    advised: list[int] = []
    data = Dataset(dataset)
    right = [Dataset(dataset).batch(step).ids for step in range(data.steps)]
    monkeypatch.setattr(data.train, "will_need", lambda rows: advised.append(len(rows)))

    def read(batches: int) -> int:
        before = len(advised)
        for k in range(batches):
            assert (data.batch(k % data.steps).ids == right[k % data.steps]).all()
        return len(advised) - before

    assert read(WARM) > 0
    assert read(20) == 0
    used.ru_majflt += 1
    assert read(20) > 0
