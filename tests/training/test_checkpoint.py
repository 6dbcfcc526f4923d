import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharding.seal import digest_of
from training import checkpoint
from training.checkpoint import Meta
from training.errors import ConfigError, DamagedCheckpoint, InputError, TrainError

META = Meta(
    step=3,
    order_hash="ab",
    previous=(0, "cd"),
    manifest="m",
    schedule="s",
    model={"preset": "gpt2", "layers": 2},
    config={"lr": 0.1},
    world=1,
    rows={"news": 24},
    tokens={"news": 768},
    tokenizer="t",
)
MODEL = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([0.1])}
STATE = {"a.weight/momentum": torch.ones(2, 3), "b/step": torch.tensor(3.0)}


def quiet(_: str) -> None:
    pass


def save(folder: Path, step: int) -> Path:
    return checkpoint.save(folder, replace(META, step=step), MODEL, STATE)


def test_a_checkpoint_is_read_as_it_was_saved(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    assert path.name == "step-000003"
    assert checkpoint.choose(tmp_path, quiet) == (path, META)
    model, state = checkpoint.load_tensors(path)
    assert all(torch.equal(model[name], MODEL[name]) for name in MODEL)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.fault(10)
@given(
    file=st.sampled_from(["meta.json", "model.safetensors", "optimizer.safetensors"]),
    position=st.floats(0, 1),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_is_detected(
    tmp_path_factory: pytest.TempPathFactory, file: str, position: float, bit: int
) -> None:
    path = save(tmp_path_factory.mktemp("run"), 3)
    data = bytearray((path / file).read_bytes())
    data[min(int(position * len(data)), len(data) - 1)] ^= 1 << bit
    (path / file).write_bytes(data)
    with pytest.raises(TrainError):
        checkpoint.read_meta(path)


@pytest.mark.fault(8)
def test_a_truncated_or_missing_file_is_reported_and_the_checkpoint_before_is_used(tmp_path: Path) -> None:
    save(tmp_path, 3)
    cut, missing, empty = save(tmp_path, 6), save(tmp_path, 9), tmp_path / "step-000012"
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-1])
    (missing / "optimizer.safetensors").unlink()
    empty.mkdir()
    messages: list[str] = []
    chosen = checkpoint.choose(tmp_path, messages.append)
    assert chosen is not None
    assert chosen[1].step == 3
    assert all(name in message for message, name in zip(messages, ["000012", "000009", "000006"], strict=True))


@pytest.mark.fault(24)
def test_if_none_is_sound_the_run_is_refused(tmp_path: Path) -> None:
    assert checkpoint.choose(tmp_path, quiet) is None
    (save(tmp_path, 3) / "meta.json").unlink()
    with pytest.raises(DamagedCheckpoint, match=r"no checkpoint in .*: delete the folder"):
        checkpoint.choose(tmp_path, quiet)


@pytest.mark.fault(24)
def test_a_newer_format_is_refused_and_not_skipped(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    body = json.loads((path / "meta.json").read_bytes())
    del body["digest"]
    body["format"] = 2
    (path / "meta.json").write_text(json.dumps({**body, "digest": digest_of(body)}))
    with pytest.raises(InputError, match=r"step-000003 has format 2.*newer arcorp"):
        checkpoint.choose(tmp_path, quiet)


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({}, None),
        ({"manifest": "x"}, "dataset.*--out"),
        ({"schedule": "x"}, "schedule.*--out"),
        ({"model": {**META.model, "layers": 4}}, "layers 2, now it is 4.*--out"),
        ({"config": {"lr": 0.2}}, "lr 0.1, now it is 0.2.*--out"),
    ],
)
def test_a_checkpoint_of_another_dataset_schedule_model_or_configuration_is_refused(
    tmp_path: Path, changes: dict[str, Any], difference: str | None
) -> None:
    current = {"manifest": "m", "schedule": "s", "model": META.model, "config": META.config, **changes}
    with pytest.raises(ConfigError, match=difference) if difference else nullcontext():
        assert checkpoint.check_belongs(tmp_path, META, current) == []


def test_harmless_changes_are_accepted_and_listed_and_a_run_of_release_0_1_0_is_refused(tmp_path: Path) -> None:
    """Of the two last options, one is determined by the dataset, the other by the model."""
    now = {"lr": 0.1, "eval.every": 5, "checkpoint.keep": "best", "threads": 2, "batch_rows": 8, "kv_heads": 2}
    meta = replace(META, config={"lr": 0.1, "eval.every": 3, "checkpoint.keep": 2, "threads": 1, "kv_heads": None})
    current = {"manifest": "m", "schedule": "s", "model": META.model, "config": now}
    assert checkpoint.check_belongs(tmp_path, meta, current) == [
        "eval.every 3 -> 5", "checkpoint.keep 2 -> best", "threads 1 -> 2", "batch_rows None -> 8"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"0\.1\.0.*init_from.*--out"):
        checkpoint.check_belongs(tmp_path, replace(meta, tokenizer=""), current)


def test_old_checkpoints_are_deleted_and_later_ones_remain(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 9):
        save(tmp_path, step)
    checkpoint.prune(tmp_path, keep=2, newest=4)
    assert [step for step, _ in checkpoint.find(tmp_path)] == [3, 4, 9]
    checkpoint.prune(tmp_path, keep=1, newest=9, best=3)
    assert [step for step, _ in checkpoint.find(tmp_path)] == [3, 9]


def test_a_parameter_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    save(tmp_path, 3)
    with pytest.raises(TrainError, match=r"parameter b .*step 6"):
        checkpoint.save(tmp_path, replace(META, step=6), {**MODEL, "b": torch.tensor([float("inf")])}, STATE)
    assert [step for step, _ in checkpoint.find(tmp_path)] == [3]


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Simulate a full disk: writing beyond `size` bytes fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault(20)
def test_on_a_full_disk_only_the_last_checkpoint_remains(tmp_path: Path) -> None:
    save(tmp_path, 3)
    with (
        files_up_to(64),
        pytest.raises(TrainError, match=r"step-000006 .*free space"),
    ):
        save(tmp_path, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000003"]
    assert checkpoint.read_meta(tmp_path / "step-000003").step == 3
