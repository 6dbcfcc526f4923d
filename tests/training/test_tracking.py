"""Trackers, by their real packages where these are installed, offline."""

import importlib.util
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from trainings import PYTHON, ROOT, arguments

from training import tracking
from training.tracking import numbers
from training.train import main

OWN = """
def init(**options):
    assert sorted(options) == ["config", "name", "project", "resume"]
    if {place} == "init":
        raise RuntimeError("no key")

def log(values, step):
    if {place} == "log" and step == 3:
        raise RuntimeError("no network")

def finish():
    pass
"""
SCALARS = "tensorboard.backend.event_processing.event_accumulator"


def steps_of_tensorboard(run: Path) -> list[int]:
    events = importlib.import_module(SCALARS).EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return [event.step for event in events.Scalars("loss")]


def steps_of_trackio(home: Path) -> list[int]:
    with sqlite3.connect(home / "arcorp.db") as database:
        names = database.execute("SELECT DISTINCT run_name FROM metrics").fetchall()
        assert len(names) == 1
        return [step for (step,) in database.execute("SELECT DISTINCT step FROM metrics WHERE step > 0 ORDER BY step")]


def ids_of_wandb(run: Path) -> set[str]:
    files = list((run / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 2
    assert all(b"grad_norm" in file.read_bytes() for file in files)
    return {file.stem for file in files}


@pytest.mark.parametrize("name", tracking.MODULES)
def test_a_resumed_run_continues_its_curves_in_each_tracker(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install {name}")
    run, home = tmp_path / "run", tmp_path / "home"
    for variable in ("TRACKIO_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    assert main(arguments(dataset, run, log=name)) == 0
    shutil.rmtree(run / "checkpoints/step-000012")
    (run / "samples.json").unlink()
    assert main(arguments(dataset, run, log=name)) == 0
    if name == "wandb":
        assert ids_of_wandb(run) == {f"run-{(run / tracking.ID).read_text()}"}
    else:
        assert (steps_of_tensorboard(run) if name == "tensorboard" else steps_of_trackio(home)) == [*range(1, 13)]
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "home"}


def test_a_wandb_without_a_key_is_refused_in_one_sentence_and_the_folder_stays_usable(
    dataset: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("wandb") is None:
        pytest.skip("wandb is not installed: pip install wandb")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    environment |= dict.fromkeys(("HOME", "NETRC", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"), str(tmp_path / "home"))
    command = [PYTHON, str(ROOT / "training/train.py"), *arguments(dataset, tmp_path / "run", log="wandb")]
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 2, run.stderr
    assert run.stderr.splitlines()[-1].startswith("error: log is wandb")
    assert "Traceback" not in run.stderr
    assert main(arguments(dataset, tmp_path / "run")) == 0


@pytest.mark.parametrize(("place", "code", "message"), [("init", 2, "no key"), ("log", 0, "no network")])
def test_a_tracker_that_does_not_start_is_refused_and_one_that_fails_later_is_reported_once(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    code: int,
    message: str,
) -> None:
    (tmp_path / f"fails_at_{place}.py").write_text(OWN.replace("{place}", repr(place)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(tracking.MODULES, "trackio", f"fails_at_{place}")
    assert main(arguments(dataset, tmp_path / "run", log="trackio")) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if message in line]
    assert len(lines) == 1
    assert "trackio" in lines[0]


def test_the_numbers_of_a_line_have_their_paths_and_a_missing_package_is_named(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"step": 3, "phase": "begin", "validation": {"loss": 2.0, "by_language": {"arb_Arab": {"loss": 1.0}}}}
    assert numbers(line) == {"validation/loss": 2.0, "validation/by_language/arb_Arab/loss": 1.0}
    monkeypatch.setitem(tracking.MODULES, "trackio", "a_package_that_is_not_here")
    assert main(arguments(dataset, tmp_path, log="trackio")) == 2
    assert "pip install trackio" in capsys.readouterr().err
