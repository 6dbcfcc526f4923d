"""Mapped files hold no descriptor, so that a process with few reads any number of shards."""

import gc
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sharding.mapping import Mapping
from sharding.proving import DamagedFile, Prover, Share
from sharding.rows import Dataset
from sharding.seal import Sealed
from tests.sharding.corpus import pack, with_options

FEW = 12
"""Descriptors that a test may open."""


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + FEW
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most if hard == resource.RLIM_INFINITY else hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def mapped(path: Path) -> bool:
    return str(path) in Path("/proc/self/maps").read_text()


def test_a_mapping_is_the_file_and_lives_as_long_as_an_array_of_it(tmp_path: Path) -> None:
    values = np.arange(5000, dtype="<u2")
    path = tmp_path / "file"
    values.tofile(path)
    array = Mapping(path).array("<u2")
    path.unlink()
    gc.collect()
    assert (array == values).all()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    part = array[10:20]
    del array
    assert part.tolist() == list(range(10, 20))
    assert mapped(path)
    del part
    gc.collect()
    assert not mapped(path)


def test_an_empty_file_is_mapped_and_an_absent_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert Mapping(tmp_path / "empty").array("<u2").size == 0
    with pytest.raises(FileNotFoundError, match="absent"):
        Mapping(tmp_path / "absent")


@pytest.mark.parametrize("beside", [None, Share()])
def test_a_process_that_may_open_a_few_files_reads_all_shards(
    tokens: Path, tmp_path: Path, few_descriptors: None, beside: Share | None
) -> None:
    data = Dataset(pack(tmp_path / "dataset", [tokens], with_options(rows_per_shard=5)), beside=beside)
    shards = sum(split.shards for split in data.layout.splits.values())
    assert shards > 10 * FEW
    for split in (data.train, data.validation):
        rows = np.random.default_rng(1).permutation(split.rows)
        batch = split.read(rows)
        assert (batch.ids[np.argsort(rows)] == split.read(np.arange(split.rows)).ids).all()
        assert batch.starts[:, 0].all()
    data.settle()
    assert len(list((data.path / "shards").glob("*.bin"))) == shards


def test_a_file_that_was_replaced_is_proven_where_it_is_mapped(copy: Path) -> None:
    """Rows are read from the mapped file, whatever stands in its place when it is hashed."""
    name = "shards/train-00003-of-00006.bin"
    path, prover = copy / name, Prover(Sealed(copy))
    sound = Mapping(path)
    shutil.copy(path, copy / "sound")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    (copy / "damaged").write_bytes(data)
    (copy / "damaged").replace(path)
    damaged = Mapping(path)
    prover.prove(name, sound)
    with pytest.raises(DamagedFile, match="differs from the seal"):
        prover.prove(name, damaged)
    (copy / "sound").replace(path)
    with pytest.raises(DamagedFile, match="differs from the seal"):
        prover.prove(name, damaged)
    path.unlink()
    prover.prove(name, sound)
    with pytest.raises(DamagedFile, match="differs from the seal"):
        prover.prove(name, damaged)
