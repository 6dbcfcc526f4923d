"""The command export: its folder is sealed and holds rows in schedule order, or each row once."""

import fcntl
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from sharding import Dataset
from sharding.seal import Sealed


def export(built, out, *arguments):
    return cli.run(["export", str(built / "dataset"), "--out", str(out), "--format", "quiet", *arguments])


def rows_of(path, row_tokens):
    return np.fromfile(path, "<u2").reshape(-1, row_tokens)


def test_the_schedule_is_written_out_and_sealed_with_the_tokenizer(built, tmp_path):
    assert export(built, tmp_path / "out", "--to", "nanogpt") == 0
    data = Dataset(built / "dataset")
    scheduled = np.concatenate([data.batch(step).ids for step in range(data.steps)])
    assert (rows_of(tmp_path / "out" / "train.bin", data.row_tokens) == scheduled).all()
    sealed = Sealed(tmp_path / "out", "export")
    assert sealed.manifest.inputs["dataset"] == data.digest
    assert sealed.read("tokenizer/tokenizer.json") == (data.tokenizer / "tokenizer.json").read_bytes()
    rows = sealed.manifest.counts["rows"]
    assert (rows.input, rows.out) == (data.train.rows + data.validation.rows, len(scheduled) + data.validation.rows)
    assert len(np.unique(scheduled, axis=0)) == data.train.rows - rows.dropped["not in the schedule"]


def test_each_row_once_needs_no_schedule(built, tmp_path):
    bare = shutil.copytree(built / "dataset", tmp_path / "dataset", ignore=shutil.ignore_patterns("schedule.json"))
    command = ["export", str(bare), "--to", "megatron"]
    assert cli.run([*command, "--out", str(tmp_path / "scheduled")]) == 5
    assert cli.run([*command, "--out", str(tmp_path / "out"), "--unique"]) == 0
    data = Dataset(built / "dataset")
    everything = data.train.read(np.arange(data.train.rows)).ids
    assert (rows_of(tmp_path / "out" / "train.bin", data.row_tokens) == everything).all()


@pytest.mark.fault(7)
def test_another_schedule_gives_another_order_and_needs_another_folder(copy, tmp_path, capsys):
    config = tmp_path / "mix.yaml"
    config.write_text("{batch_rows: 4, phases: [{name: all, steps: 3}]}")
    second = str(copy / "dataset" / "second.json")
    mix = ["mix", str(copy / "dataset"), "--config", str(config), "--out", second, "--seed", "7"]
    assert cli.run(mix) == 0
    assert export(copy, tmp_path / "out", "--to", "parquet", "--schedule", "second.json") == 0
    table = pq.read_table(tmp_path / "out" / "train-00000.parquet")
    data = Dataset(copy / "dataset", "second.json")
    assert table["input_ids"].to_pylist() == [row for step in range(3) for row in data.batch(step).ids.tolist()]
    capsys.readouterr()
    assert export(copy, tmp_path / "out", "--to", "parquet") == 2
    assert "'schedule'" in capsys.readouterr().err


@pytest.mark.fault(8)
def test_a_finished_export_is_unchanged_and_a_damaged_one_is_mended(built, tmp_path):
    out = tmp_path / "out"
    assert export(built, out, "--to", "llmc") == 0
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.bin")}
    assert export(built, out, "--to", "llmc") == 0
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.bin")}
    good = (out / "train_000000.bin").read_bytes()
    (out / "train_000000.bin").write_bytes(good[:-2])
    assert cli.run(["verify", str(out), "--level", "quick"]) == 4
    assert export(built, out, "--to", "llmc") == 0
    assert (out / "train_000000.bin").read_bytes() == good


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["--to", "mds"], 2, "'mds'"),
        (["--to", "llmc", "--unique", "--schedule", "schedule.json"], 2, "--schedule"),
        (["--to", "llmc", "--schedule", "third.json"], 5, "third.json"),
    ],
)
def test_an_impossible_export_is_refused(built, tmp_path, capsys, arguments, exit_code, named):
    assert export(built, tmp_path / "out", *arguments) == exit_code
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# -- trained models ---------------------------------------------------------------------------------------


def test_a_trained_model_is_exported_with_the_dataset_of_its_build(trained, tmp_path, capsys):
    copy = shutil.copytree(trained, tmp_path / "demo")
    command = ["export", str(copy / "run"), "--to", "hf", "--format", "quiet", "--out"]
    assert cli.run([*command, str(tmp_path / "hf"), "--dry-run"]) == 0
    assert not (tmp_path / "hf").exists()
    assert cli.run([*command, str(tmp_path / "hf")]) == 0
    names = {path.name for path in (tmp_path / "hf").iterdir()}
    assert names >= {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    capsys.readouterr()

    def refused(exit_code, place, *arguments):
        assert cli.run([*command[:1], *arguments]) == exit_code
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert place in message

    out = ["--out", str(tmp_path / "new")]
    refused(2, str(tmp_path / "hf"), str(copy / "run"), "--to", "hf", "--out", str(tmp_path / "hf"))
    refused(2, "nowhere", "nowhere", "--to", "hf", *out)
    refused(2, "--unique", str(copy / "run"), "--to", "hf", "--unique", *out)
    refused(2, "--data", str(copy / "dataset"), "--to", "nanogpt", "--data", str(copy), *out)
    refused(2, "llama.cpp", str(copy / "run"), "--to", "gguf", *out)  # of preset nanochat
    moved = str(shutil.move(copy / "run", tmp_path / "run"))
    refused(2, "--data", moved, "--to", "hf", *out)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    refused(5, "has no checkpoint", moved, "--to", "hf", "--data", str(copy / "dataset"), *out)
    assert not (tmp_path / "new").exists()


def test_a_schedule_with_which_a_run_was_trained_is_not_replaced(copy, tmp_path, capsys):
    schedule = copy / "dataset" / "schedule.json"
    mix = ["mix", str(copy / "dataset"), "--set", "phases=[{name: other, steps: 3}]", "--set", "batch_rows=4"]
    mix += ["--set", "mixture.max_epochs=50"]
    before = schedule.read_bytes()
    meta = copy / "by-hand" / "checkpoints" / "step-000001" / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"schedule": json.loads(before)["digest"]}))
    assert cli.run(mix) == 2
    assert str(copy / "by-hand") in capsys.readouterr().err
    meta.write_text(json.dumps({"schedule": "of another"}))
    (copy / "by-hand" / "config.json").write_text("{}")
    with (copy / "by-hand" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.run(mix) == 2  # it trains now
    assert schedule.read_bytes() == before
    assert cli.run([*mix, "--out", str(copy / "dataset" / "second.json")]) == 0
    assert cli.run(mix) == 0
    assert schedule.read_bytes() != before
