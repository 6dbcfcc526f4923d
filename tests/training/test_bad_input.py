"""What can't be trained, or read again, is refused with one sentence and the exit code that `arcorp` has for it."""

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


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[[Main, Sequence[str], int, str], None]:
    """Run a command; it leaves with this code, and with one line that holds this."""

    def run(command: Main, argv: Sequence[str], code: int, sentence: str) -> None:
        left = command(argv)
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, errors
        assert sentence in errors[0]
        assert left == code

    return run


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layer": 3}, "unknown key layer; did you mean layers"),
        ({"eval": "{rosw: 5}"}, "unknown key eval.rosw; did you mean eval.rows"),
        ({"lr": "fast"}, "lr is 'fast': it must be a number"),
        ({"betas": "[0.9, 1.5]"}, "betas are [0.9, 1.5]: each is a part, below 1"),
        ({"seed": 2**64}, "seed is 18446744073709551616: it must be at least 0"),
        ({"precision": "fp8"}, "precision is fp8, which needs a GPU, and the device is cpu: set precision to bf16"),
        ({"context": 64}, "context is 64 but the dataset's rows hold 32 tokens: leave it out, or pack with"),
        ({"steps": 13}, "steps is 13 but the schedule has 12: lay a longer one with `arcorp mix`"),
        ({"accumulation": 3}, "steps of 8 rows don't divide among 1 ranks x 3 accumulation: change either"),
        ({"batch_rows": 16}, "batch_rows is 16 but the schedule has steps of 8 rows: leave it out"),
        ({"generate": "{prompt_tokens: 32}"}, "generate.prompt_tokens is 32: a row has 32"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_before_anything_is_written(
    dataset: Path, tmp_path: Path, refused: Callable[..., None], changes: dict[str, object], sentence: str
) -> None:
    refused(main, arguments(dataset, tmp_path / "run", **changes), 2, sentence)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(dataset: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    argv = arguments(dataset, tmp_path / "run", device="cuda")
    refused(main, argv, 2, "device is cuda, but torch finds no CUDA device here: set device to auto or cpu")


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
    ("harm", "code", "sentence"),
    [
        (shutil.rmtree, 5, "is not sealed: it has no manifest.json"),
        (without("manifest.json"), 5, "is not sealed: it has no manifest.json"),
        (without("tokenizer/tokenizer.json"), 4, "tokenizer/tokenizer.json: missing"),
        (without("tokenizer/token_bytes.npy"), 4, "tokenizer/token_bytes.npy: missing"),
        (without("schedule.json"), 5, "schedule.json is missing: lay a schedule with `arcorp mix`"),
        (other_quotas, 4, "schedule.json was changed since it was laid"),
        (other_schedule, 4, "schedule.json was laid on dataset"),
        (cut, 4, "train-00000-of-00001.bin:"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_a_dataset_that_is_missing_or_not_as_it_was_sealed_is_refused(
    dataset: Path,
    tmp_path: Path,
    refused: Callable[..., None],
    harm: Callable[[Path], object],
    code: int,
    sentence: str,
) -> None:
    harmed = Path(shutil.copytree(dataset, tmp_path / "harmed"))
    harm(harmed)
    refused(main, arguments(harmed, tmp_path / "run"), code, sentence)
    assert not (tmp_path / "run").exists()


@pytest.mark.fault(23)
def test_a_tokenizer_of_another_vocabulary_or_without_the_sizes_of_its_ids_is_refused(
    tmp_path: Path, refused: Callable[..., None]
) -> None:
    data = small_dataset(tmp_path / "without", without="tokenizer/token_chars.npy")
    refused(main, arguments(data, tmp_path / "one"), 3, "token_chars.npy can't be read")
    data = small_dataset(tmp_path / "shorter", ids_without_size=5)
    refused(main, arguments(data, tmp_path / "two"), 3, "token_bytes.npy has shape (260,), the dataset has 265 ids")


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    assert main(arguments(dataset, out, steps=4, checkpoint="{every: 2, keep: 2}")) == 0
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A run of four steps to do harm to; its checkpoints are of steps 2 and 4."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.mark.fault(7)
def test_a_run_of_another_dataset_schedule_model_or_configuration_is_not_gone_on_with(
    dataset: Path, run: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    same = {"steps": 4, "checkpoint": "{every: 2, keep: 2}"}
    other = small_dataset(tmp_path / "other", seed=1)
    refused(main, arguments(other, run, **same), 2, "step-000004 is of another dataset")
    refused(main, arguments(dataset, run, **same, layers=2), 2, "is of a run with layers 1, now it is 2")
    refused(main, arguments(dataset, run, **same, lr=0.5), 2, "is of a run with lr 0.003, now it is 0.5")
    refused(main, arguments(dataset, run, steps=6), 2, "is of a run with steps 4, now it is 6")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert main(arguments(dataset, run, **same, log_every=1)) == 0  # decides nothing
    assert main([*arguments(dataset, run, steps=3), "--restart"]) == 0
    assert [step for step, _ in checkpoint.find(run / "checkpoints")] == [3]


@pytest.mark.fault(24)
def test_a_run_whose_checkpoints_are_all_damaged_or_newer_is_not_begun_anew_in_silence(
    dataset: Path, run: Path, refused: Callable[..., None]
) -> None:
    argv = arguments(dataset, run, steps=4)
    for _, path in checkpoint.find(run / "checkpoints"):
        (path / "model.safetensors").write_bytes(b"")
    refused(main, argv, 4, "checkpoints is sound: delete the folder to begin anew")


@pytest.mark.fault(20)
def test_a_folder_that_cannot_be_written_is_refused(
    dataset: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    (tmp_path / "file").write_text("")
    refused(main, arguments(dataset, tmp_path / "file"), 2, "file can't be written: File exists; choose another --out")


@pytest.mark.parametrize("command", [generate.main, export.main, health.main])
def test_what_reads_a_run_refuses_one_without_checkpoint_or_of_another_dataset(
    dataset: Path, run: Path, tmp_path: Path, refused: Callable[..., None], command: Main
) -> None:
    out = () if command is generate.main else ("--out", str(tmp_path / "out"))

    def argv(run: Path, data: Path) -> list[str]:
        return ["--run", str(run), "--data", str(data), *out]

    refused(command, argv(tmp_path / "none", dataset), 5, "none has no checkpoint: train first")
    refused(command, argv(run, tmp_path / "none"), 5, "none is not sealed")
    other = small_dataset(tmp_path / "other", seed=1)
    refused(command, argv(run, other), 2, "step-000004 was trained on dataset")
    for _, path in checkpoint.find(run / "checkpoints"):
        (path / "meta.json").write_text("{")
    refused(command, argv(run, dataset), 4, "checkpoints is sound")
    assert not (tmp_path / "out").exists()
