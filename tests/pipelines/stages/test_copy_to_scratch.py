"""A dataset that is copied to a machine's own disk is verified before it is used."""

import pytest
from builds import tree

from pipelines.errors import Failure, IntegrityError
from pipelines.stages.copy_to_scratch import copy, scratch_path


@pytest.mark.fault(8)
def test_the_copy_equals_the_dataset_and_is_verified_each_time_it_is_used(built, tmp_path, monkeypatch):
    dataset = built / "dataset"
    monkeypatch.setenv("LOCAL_DISK", str(tmp_path))
    target = copy(dataset, "$LOCAL_DISK/cache")
    assert target == scratch_path(dataset, "$LOCAL_DISK/cache") == next((tmp_path / "cache").iterdir())
    assert tree(target) == tree(dataset)
    shard = next(target.glob("shards/train-*.bin"))
    before = shard.stat().st_ino
    assert copy(dataset, "$LOCAL_DISK/cache") == target
    assert shard.stat().st_ino == before, "a sound copy is not written again"
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    copy(dataset, "$LOCAL_DISK/cache")
    assert tree(target) == tree(dataset)


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
def test_a_disk_that_is_too_small_is_an_error_with_its_free_bytes(built, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(Failure, match="10 bytes"):
        copy(built / "dataset", str(tmp_path))
