"""A dataset copied to a machine's own disk is proven there, or not used."""

import pytest
from builds import tree

from pipelines.errors import Failure, IntegrityError
from pipelines.stages.copy_to_scratch import copied, copy


@pytest.mark.fault(8)
def test_the_copy_is_the_dataset_and_is_proven_again_before_it_is_used_again(built, tmp_path, monkeypatch):
    dataset = built / "dataset"
    monkeypatch.setenv("LOCAL_DISK", str(tmp_path))
    there = copy(dataset, "$LOCAL_DISK/cache")
    assert there == copied(dataset, "$LOCAL_DISK/cache") == next((tmp_path / "cache").iterdir())
    assert tree(there) == tree(dataset)
    shard = next(there.glob("shards/train-*.bin"))
    before = shard.stat().st_ino
    assert copy(dataset, "$LOCAL_DISK/cache") == there
    assert shard.stat().st_ino == before, "a sound copy is used as it is"
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    copy(dataset, "$LOCAL_DISK/cache")
    assert tree(there) == tree(dataset)


def test_a_dataset_that_was_changed_is_not_copied(request, tmp_path):
    dataset = request.getfixturevalue("copy") / "dataset"  # the fixture, not the function
    shard = next(dataset.glob("shards/train-*.bin"))
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(IntegrityError, match=shard.name):
        copy(dataset, str(tmp_path / "scratch"))
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.fault(20)
def test_a_disk_that_is_too_small_is_said_to_be(built, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(Failure, match="10 bytes free"):
        copy(built / "dataset", str(tmp_path))
