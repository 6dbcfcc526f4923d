"""Two ranks under torchrun: killed and resumed, interrupted, and refused.

ARCORP_STEPS=200 ARCORP_DATASET=out/demo/dataset pytest -s tests/training/test_ranks.py -k killed
    the same with more steps, a larger model, and the demo's dataset
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from trainings import add_schedule, arguments, lines, same_result, torchrun, wait_for, weights_of

from sharding.seal import hash_file
from training import checkpoint, train
from training.train import main

STEPS = int(os.environ.get("ARCORP_STEPS", "12"))
DATASET = os.environ.get("ARCORP_DATASET")
LARGER = {"layers": 2, "width": 64, "heads": 4, "lr": 0.02, "dropout": 0.0, "checkpoint": "{every: 60, keep: 9}"}
WAIT = 3_600  # seconds, for a busy machine


@pytest.fixture(autouse=True)
def _no_process_remains(tmp_path: Path) -> Iterator[None]:
    """End the processes of a test that failed."""
    yield
    for pid in still_running(tmp_path):
        os.kill(pid, signal.SIGKILL)


def wait_for_step(out: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Wait until metrics.jsonl has the line of a step, or the run has ended."""
    metrics = out / "metrics.jsonl"
    deadline = time.monotonic() + WAIT
    while not (metrics.exists() and f'{{"step": {step}, "phase"' in metrics.read_text()):
        assert time.monotonic() < deadline
        if process.poll() is not None:
            return
        time.sleep(0.01)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill every process of the run with SIGKILL."""
    with suppress(OSError):  # the run may have ended
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (*workers, process.pid):
            os.kill(int(pid), signal.SIGKILL)
    process.communicate()


@pytest.mark.fault(1)
@pytest.mark.fault(26)
@pytest.mark.slow
def test_two_ranks_killed_at_any_step_and_resumed_equal_two_ranks_undisturbed(dataset: Path, tmp_path: Path) -> None:
    data, changes = (Path(DATASET), LARGER) if DATASET else (dataset, {})
    schedule = ("--schedule", add_schedule(data, STEPS, 16 if DATASET else 8))
    undisturbed, killed, alone = tmp_path / "undisturbed", tmp_path / "killed", tmp_path / "alone"
    step = random.randrange(STEPS // 3 + 2, STEPS)  # after the first checkpoint
    sys.stdout.write(f"to be killed at step {step} of {STEPS}\n")  # with -s, or if this fails
    whole = torchrun(data, undisturbed, *schedule, **changes)
    first = torchrun(data, killed, *schedule, **changes)
    wait_for_step(killed, step, first)
    kill_all(first)
    shutil.copytree(killed, alone)
    assert "Warning" not in whole.communicate()[1]
    assert whole.returncode == 0

    again = torchrun(data, killed, *schedule, **changes)
    log = again.communicate()[1]
    assert again.returncode == 0, log
    assert "resuming after step" in log
    assert same_result(killed, undisturbed, STEPS)

    assert main([*arguments(data, alone, **changes), *schedule]) == 0
    orders = [[line["order_hash"] for line in lines(out) if "loss" in line] for out in (undisturbed, killed, alone)]
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0]) == STEPS
    metrics, weights = (hash_file(killed / name).sha256 for name in ("metrics.jsonl", weights_of(STEPS)))
    sys.stdout.write(f"metrics.jsonl {metrics[:16]}, weights {weights[:16]}, order {orders[0][-1][:16]}\n")


@pytest.mark.fault(2)
@pytest.mark.slow
def test_a_signal_saves_at_the_same_step_on_all_ranks_and_the_run_resumes_later(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = torchrun(dataset, out, log_every=1, eval="{every: 1, rows: 60, batch: 1}", checkpoint="{every: 0}")
    wait_for(process, "step      1/12")
    process.send_signal(signal.SIGUSR1)
    log = process.communicate(timeout=WAIT)[1]
    assert process.returncode == 1  # torchrun's code for any failure
    match = re.search(r"interrupted after step (\d+) of 12", log)
    assert match, log
    assert [step for step, _ in checkpoint.find(out / "checkpoints")] == [int(match[1])]
    for line in (out / "timings.jsonl").read_text().splitlines():
        timing = json.loads(line)
        assert timing["slowest_rank"] in (0, 1)
        assert timing["skew_ms"] > 0
        assert timing["slowest_data_wait_ms"] >= timing["data_wait_ms"]

    rows = "{every: 1, rows: 60, batch: 1}"
    assert main(arguments(dataset, tmp_path / "alone", steps=1, eval=rows)) == 0
    assert lines(tmp_path / "alone")[0] == lines(out)[0]  # initial weights give the same bits on one rank and on two
    assert main(arguments(dataset, out, eval="{every: 1, rows: 60, batch: 1}", checkpoint="{every: 0}")) == 0
    assert [line["step"] for line in lines(out) if "loss" in line] == list(range(1, 13))


@pytest.mark.fault(5)
@pytest.mark.slow
def test_an_error_is_one_sentence_of_rank_0_and_no_process_remains(dataset: Path, tmp_path: Path) -> None:
    often = {"eval": "{every: 1, rows: 60}", "checkpoint": "{every: 0}"}
    runs = {
        "full": (torchrun(dataset, tmp_path / "full", largest_file=20_000), "step-000004"),
        "lines": (torchrun(dataset, tmp_path / "lines", largest_file=20_000, **often), str(tmp_path / "lines")),
    }
    for name, (process, place) in runs.items():
        log = process.communicate(timeout=WAIT)[1]
        assert process.returncode == 1, log
        errors = [line for line in log.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, log
        assert place in errors[0]
        assert 'training/train.py", line' not in log  # no traceback but torchrun's
        assert not still_running(tmp_path / name)
        assert checkpoint.find(tmp_path / name / "checkpoints") == []
        assert not list((tmp_path / name).rglob(".tmp-*"))


def test_an_invalid_configuration_is_reported_by_rank_0_alone(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "LINGER", 0)
    for rank, code, errors in (("0", 2, 1), ("1", 1, 0)):
        monkeypatch.setenv("RANK", rank)
        assert main(arguments(dataset, tmp_path / "run", layer=3)) == code
        assert capsys.readouterr().err.count("did you mean layers") == errors


def still_running(out: Path) -> list[int]:
    """Processes of runs whose --out begins with this path."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"--out\0{out}".encode() in path.read_bytes():
                pids.append(int(path.parent.name))
    return pids
