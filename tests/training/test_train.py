"""Whole small runs on one rank. Two ranks: see test_ranks."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import PYTHON, ROOT, arguments, lines, same_result, wait_for, weights_of

from sharding import Dataset
from training import checkpoint
from training.config import Config
from training.loop import INTERRUPTED
from training.model import Decoder
from training.runfolder import RunFolder
from training.train import Signals, main

BARE = '''
import importlib.metadata, re, sys
from packaging.requirements import Requirement  # before imports are restricted

allowed, queue = set(), ["torch", "numpy", "safetensors", "PyYAML"]
while queue:  # these packages and their declared requirements
    name = re.sub("[-_.]+", "-", queue.pop()).lower()
    if name not in allowed:
        allowed.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        queue += [r.name for r in map(Requirement, needs) if not r.marker or r.marker.evaluate({"extra": ""})]
refused = {
    module
    for module, owners in importlib.metadata.packages_distributions().items()
    if not any(re.sub("[-_.]+", "-", owner).lower() in allowed for owner in owners)
} - {"sharding", "training"} | {"corpora", "tokenization", "pipelines"}
for name in [name for name in sys.modules if name.partition(".")[0] in refused]:
    del sys.modules[name]

class Without:
    """A finder that hides the refused modules, as if they were not installed."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in refused else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
assert {"pyarrow", "datatrove", "pydantic", "tokenizers"} <= refused
from training.train import main
sys.exit(main(sys.argv[1:]))
'''


def test_a_run_writes_config_metrics_timings_checkpoints_and_samples(dataset: Path, done: Path) -> None:
    config = json.loads((done / "config.json").read_text())
    assert (config["layers"], config["lr"], config["model"]["vocab_size"]) == (1, Config().lr, 265)
    metrics = lines(done)
    assert [line["step"] for line in metrics if "validation" in line] == [0, 3, 6, 9, 12]
    steps = [line for line in metrics if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 13))
    assert [line["phase"] for line in steps] == ["begin"] * 8 + ["end"] * 4
    assert set(steps[0]) == {"step", "phase", "loss", "lr", "grad_norm", "targets", "order_hash"}
    assert [step for step, _ in checkpoint.find(done / "checkpoints")] == [4, 8, 12]
    for line in (done / "timings.jsonl").read_text().splitlines():
        timing = json.loads(line)
        assert {"seconds", "steps", "tokens_per_second", "data_wait_ms", "slowest_data_wait_ms", "skew_ms"} <= set(
            timing
        )
        assert (timing["slowest_rank"], timing["skew_ms"]) == (0, 0.0)
    samples = json.loads((done / "samples.json").read_text())["samples"]
    assert [sample["language"] for sample in samples] == ["arb_Arab", "arz_Arab"]
    assert all(sample["prompt"] and sample["text"] for sample in samples)


def test_the_order_hash_is_the_datasets_own(dataset: Path, done: Path) -> None:
    data = Dataset(dataset)
    order_hash = bytes.fromhex(data.digest)
    for line in lines(done):
        if "loss" in line:
            order_hash = data.order_hash(order_hash, int(str(line["step"])) - 1)
            assert line["order_hash"] == order_hash.hex()


def test_a_checkpoint_counts_what_was_trained_on_so_far(dataset: Path, done: Path) -> None:
    meta = checkpoint.read_meta(done / "checkpoints/step-000008")
    data = Dataset(dataset)
    assert meta.rows == data.schedule.drawn(8)
    assert sum(meta.rows.values()) == 8 * data.batch_rows
    assert sum(meta.tokens.values()) == 64 * data.row_tokens
    assert (meta.manifest, meta.previous[0], meta.world) == (data.digest, 4, 1)


def test_validation_improves(done: Path) -> None:
    first, *_, last = [line["validation"] for line in lines(done) if "validation" in line]
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert last["bits_per_byte"] < first["bits_per_byte"]
    assert first["rows"] == last["rows"]


@pytest.mark.fault(1)
@pytest.mark.parametrize("last", [0, 4, 8, 12])
def test_a_run_killed_and_resumed_ends_as_if_undisturbed(dataset: Path, done: Path, tmp_path: Path, last: int) -> None:
    """The state after kill -9: checkpoints up to `last`, later lines, an incomplete line, a half-written folder."""
    out = tmp_path / "run"
    shutil.copytree(done, out)
    (out / "samples.json").unlink()
    for step, path in checkpoint.find(out / "checkpoints"):
        if step > last:
            shutil.rmtree(path)
    (out / "checkpoints/.tmp-1-step-000099").mkdir()
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "lo')
    assert main(arguments(dataset, out)) == 0
    assert same_result(out, done)
    assert not list(out.rglob(".tmp-*"))


@pytest.mark.fault(8)
def test_a_damaged_newest_checkpoint_is_skipped_and_named(
    dataset: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(done, out)
    file = out / "checkpoints/step-000012/optimizer.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1 << 3
    file.write_bytes(data)
    assert main(arguments(dataset, out)) == 0
    log = capsys.readouterr().err
    assert str(file) in log
    assert "resuming after step 8" in log
    assert same_result(out, done)


def test_a_run_whose_validation_does_not_improve_ends_early_and_the_same_when_killed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A learning rate of 0 keeps it constant."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    changes = {"lr": 0.0, "eval": "{every: 1, rows: 6, patience: 3}", "checkpoint": "{every: 2, keep: 9}"}
    assert main(arguments(dataset, whole, **changes)) == 0
    assert "the run ends at step 3" in capsys.readouterr().err
    validated = [(line["step"], line["validation"]["rows"]) for line in lines(whole) if "validation" in line]
    assert validated == [(0, 6), (1, 6), (2, 6), (3, 6)]
    assert checkpoint.find(whole / "checkpoints")[-1][0] == 3
    shutil.copytree(whole, killed)
    shutil.rmtree(killed / "checkpoints/step-000003")
    (killed / "samples.json").unlink()
    assert main(arguments(dataset, killed, **changes)) == 0
    assert "resuming after step 2" in capsys.readouterr().err
    assert same_result(killed, whole, 3)
    assert main(arguments(dataset, killed, **changes)) == 0
    assert "complete: 3 steps" in capsys.readouterr().err


def test_a_complete_run_is_reported_and_not_changed(
    dataset: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "checkpoints").rglob("*")}
    assert main(arguments(dataset, done)) == 0
    assert f"{done} is complete: 12 steps" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (done / "checkpoints").rglob("*")} == before


def test_options_that_do_not_change_the_training_may_change_on_resume_and_the_changes_are_logged(
    dataset: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(done, out)
    shutil.rmtree(out / "checkpoints/step-000012")
    (out / "samples.json").unlink()
    evaluation = "{every: 0, rows: 0, batch: 5}"
    assert main(arguments(dataset, out, eval=evaluation, batch_rows=8, kv_heads=2, steps=12)) == 0
    log = capsys.readouterr().err
    assert "resuming after step 8" in log
    assert all(change in log for change in ("eval.every 3 -> 0", "eval.rows 6 -> 0", "batch_rows None -> 8"))
    weights = weights_of(12)
    assert (out / weights).read_bytes() == (done / weights).read_bytes()


def test_the_checkpoint_of_the_best_validation_is_kept_beside_the_newest(dataset: Path, tmp_path: Path) -> None:
    """The learning rate is so high that the model becomes worse after a few steps."""
    changes = {"lr": 0.3, "warmup": 0, "schedule": "constant", "eval": "{every: 1, rows: 6}"}
    assert main(arguments(dataset, tmp_path, checkpoint="{every: 5, keep: best}", **changes)) == 0
    bits = {line["step"]: line["validation"]["bits_per_byte"] for line in lines(tmp_path) if "validation" in line}
    best = min((step for step in bits if step), key=lambda step: bits[step])
    assert best < 12
    assert [step for step, _ in checkpoint.find(tmp_path / "checkpoints")] == [best, 12]


def test_accumulation_trains_on_the_same_data_to_nearly_the_same_loss(dataset: Path, tmp_path: Path) -> None:
    assert main(arguments(dataset, tmp_path, accumulation=4, dropout=0.0)) == 0
    assert main(arguments(dataset, tmp_path / "whole", dropout=0.0)) == 0
    for line, other in zip(lines(tmp_path), lines(tmp_path / "whole"), strict=True):
        if "loss" in line:
            assert line["order_hash"] == other["order_hash"]
            assert line["loss"] == pytest.approx(other["loss"], rel=1e-3)


def assert_learns(run: Path) -> None:
    losses = [float(str(line["loss"])) for line in lines(run) if "loss" in line]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "gpt2", "optimizer": "adamw", "precision": "bf16"},
        {"preset": "llama", "kv_heads": 1, "schedule": "cosine"},
    ],
    ids=lambda changes: changes["preset"],
)
def test_every_preset_learns(dataset: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    assert main(arguments(dataset, tmp_path, **changes)) == 0
    assert_learns(tmp_path)


def test_nanochat_learns_with_and_without_value_embeddings(done: Path, done_with_values: Path) -> None:
    assert_learns(done)
    assert_learns(done_with_values)


@pytest.mark.fault(3)
def test_a_second_writer_is_refused(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder(tmp_path):
        assert main(arguments(dataset, tmp_path)) == 1
        assert f"another run is writing to {tmp_path}" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_rows_documents_and_sources(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = arguments(dataset, tmp_path, lr="1e30", warmup=0, preset="gpt2", eval="{every: 0}", checkpoint="{every: 1}")
    assert main(argv) == 1
    message = capsys.readouterr().err
    assert re.search(r"step \d+ has (loss nan|loss inf|a gradient norm)", message), message
    rows = re.findall(r"row (\d+): source \w+, document ordinals ([\d, ]+); see", message)
    assert rows
    for row, ordinals in rows:
        expected = Dataset(dataset).train.segments(int(row))["document"].tolist()
        assert [int(ordinal) for ordinal in ordinals.split(", ")] == expected
    assert all(checkpoint.read_meta(path).step == step for step, path in checkpoint.find(tmp_path / "checkpoints"))


def test_one_row_whose_loss_is_nan_is_named_alone_and_the_weights_stay(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Decoder.forward
    data = Dataset(dataset)
    bad = int(data.rows_of(5)[3])
    ids = torch.from_numpy(data.train.read(np.array([bad])).ids[0])

    def poisoned(self: Decoder, read: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        total, nats = whole(self, read, *rest)
        hit = (read == ids).all(dim=1)
        if self.training and hit.any():
            return total * float("nan"), torch.where(hit.unsqueeze(1), float("nan"), nats)
        return total, nats

    monkeypatch.setattr(Decoder, "forward", poisoned)
    argv = arguments(dataset, tmp_path, checkpoint="{every: 1, keep: 9}")
    assert main(argv) == 1
    message = capsys.readouterr().err
    rows = [int(row) for row in re.findall(r"  row (\d+): source", message)]
    assert rows == [bad]
    ordinals = ", ".join(str(ordinal) for ordinal in data.train.segments(bad)["document"])
    assert f"document ordinals {ordinals}; see `arcorp inspect {dataset} --row {bad}`" in message
    step = int(re.findall(r"step (\d+) has loss nan", message)[0])
    assert bad in data.rows_of(step - 1)
    assert checkpoint.find(tmp_path / "checkpoints")[-1][0] == step - 1


def test_training_needs_only_torch_numpy_safetensors_and_yaml(dataset: Path, tmp_path: Path) -> None:
    """A whole run while no other installed package can be imported."""
    argv = arguments(dataset, tmp_path / "run")
    run = subprocess.run([PYTHON, "-c", BARE, *argv], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert checkpoint.find(tmp_path / "run/checkpoints")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_caught_and_their_handlers_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        assert not signals.raised
        os.kill(os.getpid(), number)
        assert signals.raised
    assert signal.getsignal(number) == before


@pytest.mark.fault(2)
def test_a_signal_during_validation_saves_and_exits_with_130_before_the_validation_ends(
    dataset: Path, tmp_path: Path
) -> None:
    """Nearly all time of this run is validation, one row at a time."""
    changes = {"layers": 8, "width": 128, "eval": "{every: 1, rows: 6000, batch: 1}", "checkpoint": "{every: 0}"}
    command = [PYTHON, str(ROOT / "training/train.py"), *arguments(dataset, tmp_path, log_every=1, **changes)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    wait_for(process, "step      1/12")  # its validation follows
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    log = process.communicate()[1]
    assert "saved" in log
    assert "Traceback" not in log
    sys.stdout.write(f"ended {time.monotonic() - began:.1f} s after the signal\n")  # pytest -s shows it
    assert process.returncode == INTERRUPTED
    assert [step for step, _ in checkpoint.find(tmp_path / "checkpoints")] == [1]
    validated = [line["step"] for line in lines(tmp_path) if "validation" in line]
    assert validated == [0]
