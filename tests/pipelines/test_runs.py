"""Runs that follow each other: each starts from an earlier one, resumes, and is sealed without paths."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from builds import build, tree

from pipelines import cli
from pipelines.stages.build_folder import RUNS
from sharding import Dataset
from sharding.layout import SCHEDULE
from sharding.seal import Sealed, read_manifest
from training.config import Config

CHAIN = """[
  {name: base, phases: [{name: one, steps: 6}, {name: two, steps: 2}]},
  {name: mid, init_from: base, phases: [{name: all, steps: 3, mixture: {rule: natural}}],
   train: {batch_rows: 2, lr: 0.001, schedule: constant, warmup: 0, generate: {prompts: 2, tokens: 4}}},
  {name: sft, init_from: mid, phases: [{name: all, steps: 2}], train: {checkpoint: {keep: 1}}}]"""
SFT = CHAIN[CHAIN.index(",\n  {name: sft") :]
SETTINGS = ["--set", "phases=null", "--set", f"runs={CHAIN}"]
NAMES = ["base", "mid", "sft"]


def build_chain(out: Path, *more: str, until: str = "report") -> int:
    return build(out, *SETTINGS, *more, until=until)


@pytest.fixture(scope="module")
def chain(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small build, trained as three runs. Copy it before changing it."""
    out = tmp_path_factory.mktemp("chain") / "demo"
    shutil.copytree(built, out)
    assert build_chain(out) == 0
    return out


def without_runs(chain: Path, out: Path, *names: str) -> Path:
    """A copy of the chain in which these runs have not begun."""
    shutil.copytree(chain, out)
    for name in names:
        shutil.rmtree(out / RUNS / name)
    return out


def test_each_run_starts_with_the_weights_that_the_run_before_it_ended_with(chain):
    ends = {name: read_manifest(chain / RUNS / name).counts["steps"].out for name in NAMES}
    assert ends == {"base": 8, "mid": 3, "sft": 2}
    lines = {
        name: [json.loads(line) for line in (chain / RUNS / name / "metrics.jsonl").read_text().splitlines()]
        for name in NAMES
    }
    for before, name in pairwise(NAMES):
        assert lines[name][0]["validation"] == lines[before][-1]["validation"]
    rates = [line["lr"] for line in lines["mid"] if "lr" in line]
    assert rates == [0.001] * 3
    assert lines["base"][1]["lr"] < Config.lr


def test_each_run_has_a_schedule_of_its_own_in_the_dataset_and_the_first_has_the_datasets(chain):
    names = {"base": SCHEDULE, "mid": "schedule-mid.json", "sft": "schedule-sft.json"}
    steps = {name: Dataset(chain / "dataset", schedule=file).steps for name, file in names.items()}
    assert steps == {"base": 8, "mid": 3, "sft": 2}
    assert Dataset(chain / "dataset", schedule=names["mid"]).batch_rows == 2


def test_a_run_is_sealed_with_the_digest_of_the_run_it_starts_from_and_with_no_path(chain):
    for before, name in pairwise(NAMES):
        inputs = read_manifest(chain / RUNS / name).inputs
        assert inputs[f"{RUNS}/{before}"] == Sealed(chain / RUNS / before).digest
    for path in sorted((chain / RUNS).rglob("*.json*")):
        if ".arcorp" not in path.parts:
            assert str(chain.parent).encode() not in path.read_bytes(), path


def test_a_run_that_was_killed_resumes_elsewhere_and_the_chain_has_the_same_bytes(chain, tmp_path):
    out = without_runs(chain, tmp_path / "other" / "demo", "sft")
    run = out / RUNS / "mid"
    for name in ("manifest.json", "samples.json"):  # as after a kill behind the first checkpoint
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints" / "step-000003")
    assert build_chain(out, until="train") == 0
    assert tree(out) == tree(chain)


def test_a_run_that_started_from_other_weights_is_refused(chain, tmp_path, capsys):
    out = without_runs(chain, tmp_path / "demo", "base")
    assert build_chain(out, "--set", "runs.0.train.lr=0.0001", until="train") == 2
    assert str(out / RUNS / "mid") in capsys.readouterr().err


def test_weights_by_a_path_are_sealed_by_their_digest(chain, tmp_path, capsys):
    moved = Path(shutil.copytree(chain / RUNS / "base", tmp_path / "elsewhere" / "base"))
    digests = []
    for start in (chain / RUNS / "base", moved):
        out = without_runs(chain, tmp_path / f"from-{start.parent.name}", *NAMES)
        assert build(out, "--set", f"train.init_from={start}", until="train") == 0
        digests.append(Sealed(out / "run").digest)
    assert digests[0] == digests[1]
    assert build(out, "--set", f"train.init_from={chain / RUNS / 'mid'}", until="train") == 2
    assert str(out / "run") in capsys.readouterr().err


def test_a_run_reads_a_schedule_of_mix(chain, tmp_path, capsys):
    out = without_runs(chain, tmp_path / "demo", "mid", "sft")
    runs = CHAIN.replace("phases: [{name: all, steps: 3, mixture: {rule: natural}}]", "schedule: second.json")
    runs = runs.replace(SFT, "]")
    settings = ["--set", "phases=null", "--set", f"runs={runs}"]
    assert build(out, *settings, until="train") == 2
    assert "arcorp mix" in capsys.readouterr().err
    phases = ["--set", "phases=[{name: only, steps: 2}]", "--set", "batch_rows=2"]
    mix = ["mix", str(out / "dataset"), *phases, "--out", str(out / "dataset" / "second.json")]
    assert cli.run(mix) == 0
    assert build(out, *settings, until="report") == 0
    assert read_manifest(out / RUNS / "mid").counts["steps"].out == 2
    report = json.loads((out / "report.json").read_text())
    assert [(run["name"], run["steps"]) for run in report["runs"]] == [("base", 8), ("mid", 2)]
    assert cli.run([*mix, "--set", "batch_rows=4"]) == 2
    assert str(out / RUNS / "mid") in capsys.readouterr().err


def test_report_status_verify_and_export_cover_each_run(chain, tmp_path, capsys):
    figures = json.loads((chain / "report.json").read_text())
    assert [(run["name"], run["start"]) for run in figures["runs"]] == [
        ("base", None),
        ("mid", "base"),
        ("sft", "mid"),
    ]
    assert (figures["summary"]["steps"], figures["summary"]["continued"]) == (8, ["mid", "sft"])
    assert [phase["name"] for phase in figures["runs"][0]["phases"]] == ["one", "two"]
    page = (chain / "report.html").read_text()
    assert all(f'id="training-{name}"' in page for name in NAMES)
    assert figures["provenance"]["aside"] == []
    assert cli.run(["status", str(chain), "--format", "json"]) == 0
    captured = capsys.readouterr().out
    folders = json.loads(captured[captured.index("{") :])["folders"]
    assert {f"{RUNS}/{name}": "sealed" for name in NAMES}.items() <= {
        line["folder"]: line["state"] for line in folders
    }.items()
    assert cli.run(["verify", str(chain)]) == 0
    export = ["export", str(chain / RUNS / "sft"), "--to", "hf", "--out", str(tmp_path / "hf")]
    assert cli.run(export) == 0
    assert (tmp_path / "hf" / "config.json").is_file()
    assert cli.run(["push", str(chain / "dataset"), "someone/demo", "--dry-run", "--format", "json"]) == 0


def test_a_run_that_the_recipe_no_longer_has_is_left_out_of_the_report(chain, tmp_path):
    out = Path(shutil.copytree(chain, tmp_path / "demo"))
    assert build(out, "--set", "phases=null", "--set", f"runs={CHAIN.replace(SFT, ']')}", until="report") == 0
    figures = json.loads((out / "report.json").read_text())
    assert [run["name"] for run in figures["runs"]] == ["base", "mid"]
    assert figures["provenance"]["aside"] == ["runs/sft"]


def test_restart_removes_the_runs_of_an_earlier_recipe(chain, tmp_path):
    out = Path(shutil.copytree(chain, tmp_path / "demo"))
    assert build(out, "--restart", until="ingest") == 0
    assert not (out / RUNS).exists()
