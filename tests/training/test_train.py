"""Whole runs on one rank, small ones. Two ranks: see test_ranks."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import PYTHON, ROOT, arguments, lines, same_result, wait_for

from sharding import Dataset
from training import checkpoint
from training.config import Config
from training.errors import TrainError
from training.loop import INTERRUPTED
from training.model import Decoder
from training.runfolder import RunFolder
from training.train import main

BARE = '''
import importlib.metadata, re, sys
from packaging.requirements import Requirement  # before the door is shut

allowed, coming = set(), ["torch", "numpy", "safetensors", "PyYAML"]
while coming:  # these, and what they declare that they need
    name = re.sub("[-_.]+", "-", coming.pop()).lower()
    if name not in allowed:
        allowed.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        coming += [r.name for r in map(Requirement, needs) if not r.marker or r.marker.evaluate({"extra": ""})]
refused = {
    module
    for module, owners in importlib.metadata.packages_distributions().items()
    if not any(re.sub("[-_.]+", "-", owner).lower() in allowed for owner in owners)
} - {"sharding", "training"} | {"corpora", "tokenization", "pipelines"}
for name in [name for name in sys.modules if name.partition(".")[0] in refused]:
    del sys.modules[name]

class Without:
    """A finder that does not find what is refused: as if it were not installed."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in refused else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
assert {"pyarrow", "datatrove", "pydantic", "tokenizers"} <= refused
from training.train import main
sys.exit(main(sys.argv[1:]))
'''


@pytest.fixture(scope="module")
def done(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    out = tmp_path_factory.mktemp("run") / "run"
    assert main(arguments(dataset, out)) == 0
    return out


def test_a_run_leaves_config_metrics_timings_checkpoints_and_samples(dataset: Path, done: Path) -> None:
    config = json.loads((done / "config.json").read_text())
    assert (config["layers"], config["lr"], config["model"]["vocab_size"]) == (1, Config().lr, 265)
    found = lines(done)
    assert [one["step"] for one in found if "validation" in one] == [0, 3, 6, 9, 12]
    steps = [one for one in found if "loss" in one]
    assert [one["step"] for one in steps] == list(range(1, 13))
    assert [one["phase"] for one in steps] == ["begin"] * 8 + ["end"] * 4
    assert set(steps[0]) == {"step", "phase", "loss", "lr", "grad_norm", "targets", "order_hash"}
    assert [step for step, _ in checkpoint.find(done / "checkpoints")] == [4, 8, 12]
    for line in (done / "timings.jsonl").read_text().splitlines():
        timing = json.loads(line)
        assert {"seconds", "steps", "tokens_per_second", "data_wait_ms", "slowest_data_wait_ms", "skew_ms"} <= set(
            timing
        )
        assert (timing["slowest_rank"], timing["skew_ms"]) == (0, 0.0)
    samples = json.loads((done / "samples.json").read_text())["samples"]
    assert [one["language"] for one in samples] == ["arb_Arab", "arz_Arab"]
    assert all(one["prompt"] and one["text"] for one in samples)


def test_the_order_hash_is_the_datasets_own(dataset: Path, done: Path) -> None:
    data = Dataset(dataset)
    order_hash = bytes.fromhex(data.root)
    for line in lines(done):
        if "loss" in line:
            order_hash = data.order_hash(order_hash, int(str(line["step"])) - 1)
            assert line["order_hash"] == order_hash.hex()


def test_a_checkpoint_says_what_was_trained_on_so_far(dataset: Path, done: Path) -> None:
    meta = checkpoint.read_meta(done / "checkpoints/step-000008")
    data = Dataset(dataset)
    assert meta.rows == data.schedule.drawn(8)
    assert sum(meta.rows.values()) == 8 * data.batch_rows
    assert sum(meta.tokens.values()) == 64 * data.row_tokens
    assert (meta.manifest, meta.previous[0], meta.world) == (data.root, 4, 1)


def test_validation_improves_and_begins_at_the_uniform_distribution(done: Path) -> None:
    first, *_, last = [one["validation"] for one in lines(done) if "validation" in one]
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert last["bits_per_byte"] < first["bits_per_byte"]
    assert first["rows"] == last["rows"]


@pytest.mark.fault(1)
@pytest.mark.parametrize("left", [0, 4, 8, 12])
def test_a_run_killed_and_resumed_ends_as_if_undisturbed(dataset: Path, done: Path, tmp_path: Path, left: int) -> None:
    """As kill -9 leaves it: checkpoints up to `left`, more lines than that, a torn one, a half-written folder."""
    out = tmp_path / "run"
    shutil.copytree(done, out)
    (out / "samples.json").unlink()
    for step, path in checkpoint.find(out / "checkpoints"):
        if step > left:
            shutil.rmtree(path)
    (out / "checkpoints/.tmp-1-step-000099").mkdir()
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "lo')
    assert main(arguments(dataset, out)) == 0
    assert same_result(out, done)
    assert not list(out.rglob(".tmp-*"))


@pytest.mark.fault(8)
def test_a_damaged_newest_checkpoint_is_passed_over_and_said(
    dataset: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(done, out)
    file = out / "checkpoints/step-000012/optimizer.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1 << 3
    file.write_bytes(data)
    assert main(arguments(dataset, out)) == 0
    said = capsys.readouterr().err
    assert "optimizer.safetensors is missing or was changed; going back" in said
    assert "resuming after step 8" in said
    assert same_result(out, done)


def test_a_run_whose_validation_gets_no_better_ends_early_and_the_same_when_killed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With such a rate it stays as it is."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    changes = {"lr": 0.0, "eval": "{every: 1, rows: 6, patience: 3}", "checkpoint": "{every: 2, keep: 9}"}
    assert main(arguments(dataset, whole, **changes)) == 0
    assert "no better validation in 3 times: the run ends at step 4" in capsys.readouterr().err
    validated = [(one["step"], one["validation"]["rows"]) for one in lines(whole) if "validation" in one]
    everything = Dataset(dataset).validation.rows
    assert validated == [(0, everything), (1, 6), (2, 6), (3, 6), (4, 6), (4, everything)]
    assert checkpoint.find(whole / "checkpoints")[-1][0] == 4
    shutil.copytree(whole, killed)
    shutil.rmtree(killed / "checkpoints/step-000004")
    (killed / "samples.json").unlink()
    assert main(arguments(dataset, killed, **changes)) == 0
    assert "resuming after step 2" in capsys.readouterr().err
    assert same_result(killed, whole, 4)
    assert main(arguments(dataset, killed, **changes)) == 0
    assert "is complete: 4 steps; nothing to do" in capsys.readouterr().err


def test_a_complete_run_says_so_and_changes_nothing(
    dataset: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "checkpoints").rglob("*")}
    assert main(arguments(dataset, done)) == 0
    assert f"{done} is complete: 12 steps; nothing to do" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (done / "checkpoints").rglob("*")} == before


def test_accumulation_trains_on_the_same_data_to_nearly_the_same_loss(
    dataset: Path, done: Path, tmp_path: Path
) -> None:
    assert main(arguments(dataset, tmp_path, accumulation=4, dropout=0.0)) == 0
    assert main(arguments(dataset, tmp_path / "whole", dropout=0.0)) == 0
    for one, other in zip(lines(tmp_path), lines(tmp_path / "whole"), strict=True):
        if "loss" in one:
            assert one["order_hash"] == other["order_hash"]
            assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"preset": "gpt2", "optimizer": "adamw"},
        {"intra_document": "true", "value_embeddings": "true"},
    ],
)
def test_every_kind_of_run_learns(dataset: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    assert main(arguments(dataset, tmp_path, **changes)) == 0
    losses = [one["loss"] for one in lines(tmp_path) if "loss" in one]
    assert float(str(losses[-1])) < float(str(losses[0]))


@pytest.mark.fault(3)
def test_a_second_writer_is_refused(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder(tmp_path):
        assert main(arguments(dataset, tmp_path)) == 1
        assert "another run is writing to" in capsys.readouterr().err
        with pytest.raises(TrainError, match="another run is writing"):
            RunFolder(tmp_path)


def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_rows_documents_and_sources(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = arguments(dataset, tmp_path, lr="1e30", warmup=0, preset="gpt2", eval="{every: 0}", checkpoint="{every: 1}")
    said = _last_error(argv, capsys)
    assert re.search(r"step \d+ has (loss nan|loss inf|a gradient norm).* was not taken", said), said
    for row, ordinals in re.findall(r"row (\d+): source \w+, document ordinals ([\d, ]+); see", said):
        expected = Dataset(dataset).train.segments(int(row))["document"].tolist()
        assert [int(one) for one in ordinals.split(", ")] == expected
    assert all(checkpoint.read_meta(path).step == step for step, path in checkpoint.find(tmp_path / "checkpoints"))


def test_one_row_whose_loss_is_nan_is_named_alone_and_the_weights_stay(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Decoder.forward
    data = Dataset(dataset)
    guilty = int(data.rows_of(5)[3])
    ids = torch.from_numpy(data.train.read(np.array([guilty])).ids[0])

    def poisoned(self: Decoder, read: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        total, nats = whole(self, read, *rest)
        hit = (read == ids).all(dim=1)
        if self.training and hit.any():
            return total * float("nan"), torch.where(hit.unsqueeze(1), float("nan"), nats)
        return total, nats

    monkeypatch.setattr(Decoder, "forward", poisoned)
    argv = arguments(dataset, tmp_path, checkpoint="{every: 1, keep: 9}")
    assert main(argv) == 1
    said = capsys.readouterr().err
    rows = [int(row) for row in re.findall(r"  row (\d+): source", said)]
    assert rows == [guilty]
    ordinals = ", ".join(str(one) for one in data.train.segments(guilty)["document"])
    assert f"document ordinals {ordinals}; see `arcorp inspect {dataset} --row {guilty}`" in said
    step = int(re.findall(r"step (\d+) has loss nan and was not taken", said)[0])
    assert guilty in data.rows_of(step - 1)
    assert checkpoint.find(tmp_path / "checkpoints")[-1][0] == step - 1


def _last_error(argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) == 1
    said = capsys.readouterr().err
    assert f"`arcorp inspect {argv[1]} --row" in said
    return said


def test_training_needs_torch_numpy_safetensors_and_yaml_alone(dataset: Path, tmp_path: Path) -> None:
    """A whole run where every other installed package refuses to be imported."""
    argv = arguments(dataset, tmp_path / "run")
    run = subprocess.run([PYTHON, "-c", BARE, *argv], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert checkpoint.find(tmp_path / "run/checkpoints")


@pytest.mark.fault(2)
def test_an_interrupt_in_one_process_ends_with_130(dataset: Path, tmp_path: Path) -> None:
    command = [PYTHON, str(ROOT / "training/train.py"), *arguments(dataset, tmp_path, log_every=1)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    wait_for(process, "step      1/12")
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=600)[1]
    assert process.returncode == INTERRUPTED


@pytest.mark.fault(2)
def test_a_signal_during_validation_saves_and_leaves_without_ending_it(dataset: Path, tmp_path: Path) -> None:
    """The whole validation, a row at a time, is where this run spends nearly all of its time."""
    changes = {"layers": 8, "width": 128, "eval": "{every: 1, rows: 6000, batch: 1}", "checkpoint": "{every: 0}"}
    command = [PYTHON, str(ROOT / "training/train.py"), *arguments(dataset, tmp_path, log_every=1, **changes)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    wait_for(process, "step      1/12")  # the validation after it begins
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert "saved" in process.communicate()[1]
    sys.stdout.write(f"left {time.monotonic() - began:.1f} s after the signal\n")  # pytest -s shows it
    assert process.returncode == INTERRUPTED
    assert [step for step, _ in checkpoint.find(tmp_path / "checkpoints")] == [1]
    validated = [line["step"] for line in lines(tmp_path) if "validation" in line]
    assert validated == [0]
