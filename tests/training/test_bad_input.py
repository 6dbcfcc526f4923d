"""Invalid inputs of the trainer's commands are refused with one sentence and the exit code of their kind."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tiny import small_dataset
from trainings import arguments

from training import checkpoint, export, generate, health
from training.train import main

Main = Callable[[Sequence[str]], int]


@pytest.mark.parametrize(
    ("changes", "place", "mend"),
    [
        ({"eval": "{rosw: 5}"}, "eval.rosw", "eval.rows"),  # other values: see test_config
        ({"seed": 2**64}, "seed is 18446744073709551616", "at most"),
        ({"precision": "fp8"}, "device is cpu", "set precision to bf16"),
        ({"steps": 13}, "steps is 13 but the schedule has 12", "arcorp mix"),
        ({"accumulation": 3}, "8 rows", "arcorp mix"),
        ({"batch_rows": 16}, "batch_rows is 16", "arcorp mix"),
        ({"generate": "{prompt_tokens: 32}"}, "generate.prompt_tokens is 32", "lower"),
    ],
)
def test_an_invalid_configuration_is_refused_before_anything_is_written(
    dataset: Path, tmp_path: Path, refused: Callable[..., None], changes: dict[str, object], place: str, mend: str
) -> None:
    refused(main, arguments(dataset, tmp_path / "run", **changes), 2, place, mend)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused(dataset: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    argv = arguments(dataset, tmp_path / "run", device="cuda")
    refused(main, argv, 2, "device is cuda", "set device to auto or cpu")


def without(name: str) -> Callable[[Path], None]:
    return lambda dataset: (dataset / name).unlink()


def cut(dataset: Path) -> None:
    shard = dataset / "shards/train-00000-of-00001.bin"
    shard.write_bytes(shard.read_bytes()[:-2])


def other_quotas(dataset: Path) -> None:
    schedule = json.loads((dataset / "schedule.json").read_bytes())
    schedule["phases"][0]["steps"] += 1
    (dataset / "schedule.json").write_text(json.dumps(schedule))


def other_schedule(dataset: Path) -> None:
    shutil.copyfile(small_dataset(dataset / "other", seed=1) / "schedule.json", dataset / "schedule.json")


@pytest.mark.fault(8)
@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("harm", "code", "file"),
    [
        (shutil.rmtree, 5, "manifest.json"),
        (without("manifest.json"), 5, "manifest.json"),
        (without("tokenizer/tokenizer.json"), 4, "tokenizer/tokenizer.json"),
        (without("tokenizer/token_bytes.npy"), 4, "tokenizer/token_bytes.npy"),
        (without("schedule.json"), 5, "schedule.json"),
        (other_quotas, 4, "schedule.json"),
        (other_schedule, 4, "schedule.json"),
        (cut, 4, "train-00000-of-00001.bin"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_dataset_that_is_missing_or_changed_is_refused(
    dataset: Path,
    tmp_path: Path,
    refused: Callable[..., None],
    harm: Callable[[Path], object],
    code: int,
    file: str,
) -> None:
    harmed = Path(shutil.copytree(dataset, tmp_path / "harmed"))
    harm(harmed)
    refused(main, arguments(harmed, tmp_path / "run"), code, file)
    assert not (tmp_path / "run").exists()


@pytest.mark.fault(23)
def test_a_tokenizer_of_another_vocabulary_or_without_the_sizes_of_its_ids_is_refused(
    tmp_path: Path, refused: Callable[..., None]
) -> None:
    data = small_dataset(tmp_path / "without", without="tokenizer/token_chars.npy")
    refused(main, arguments(data, tmp_path / "one"), 3, "token_chars.npy", "export the tokenizer again")
    data = small_dataset(tmp_path / "shorter", ids_without_size=5)
    refused(main, arguments(data, tmp_path / "two"), 3, "token_bytes.npy", "260", "265 ids", "pack it")


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    """A copy of a complete run, to damage."""
    return Path(shutil.copytree(done, tmp_path / "run"))


@pytest.mark.fault(7)
def test_a_run_of_another_dataset_model_or_configuration_is_not_resumed(
    dataset: Path, run: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    other = small_dataset(tmp_path / "other", seed=1)
    refused(main, arguments(other, run), 2, "step-000012", "dataset", "--out")
    refused(main, arguments(dataset, run, layers=2), 2, "step-000012", "layers 1, now it is 2", "--out")
    refused(main, arguments(dataset, run, lr=0.5), 2, "step-000012", "lr 0.003, now it is 0.5", "--out")
    refused(main, arguments(dataset, run, steps=6), 2, "step-000012", "steps 12, now it is 6", "--out")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert main(arguments(dataset, run, log_every=1)) == 0  # does not change the result
    assert main([*arguments(dataset, run, steps=3), "--restart"]) == 0
    assert [step for step, _ in checkpoint.find(run / "checkpoints")] == [3]


@pytest.mark.fault(24)
def test_a_run_whose_checkpoints_are_all_damaged_is_refused_instead_of_restarted(
    dataset: Path, run: Path, refused: Callable[..., None]
) -> None:
    for _, path in checkpoint.find(run / "checkpoints"):
        (path / "model.safetensors").write_bytes(b"")
    refused(main, arguments(dataset, run), 4, str(run / "checkpoints"), "delete the folder")


@pytest.mark.fault(20)
def test_a_folder_that_cannot_be_written_is_refused(
    dataset: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    (tmp_path / "file").write_text("")
    refused(main, arguments(dataset, tmp_path / "file"), 2, str(tmp_path / "file"), "File exists", "--out")


@pytest.mark.parametrize("command", [generate.main, export.main, health.main])
def test_commands_that_read_a_run_refuse_one_without_checkpoint_or_of_another_dataset(
    dataset: Path, run: Path, tmp_path: Path, refused: Callable[..., None], command: Main
) -> None:
    out = () if command is generate.main else ("--out", str(tmp_path / "out"))

    def argv(run: Path, data: Path) -> list[str]:
        return ["--run", str(run), "--data", str(data), *out]

    refused(command, argv(tmp_path / "none", dataset), 5, str(tmp_path / "none"), "train first")
    refused(command, argv(run, tmp_path / "none"), 5, str(tmp_path / "none"))
    other = small_dataset(tmp_path / "other", seed=1)
    refused(command, argv(run, other), 2, "step-000012", "dataset")
    for _, path in checkpoint.find(run / "checkpoints"):
        (path / "meta.json").write_text("{")
    refused(command, argv(run, dataset), 4, str(run / "checkpoints"), "sound")
    assert not (tmp_path / "out").exists()
