"""The GPU benchmark at tiny size on a CPU. Its figures need a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_rows_baseline_and_profile_are_written_as_dated_json(tmp_path: Path) -> None:
    run = bench("--device", "cpu", "--out", str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = tmp_path.glob("gpu-*.json")
    results = json.loads(path.read_text())
    assert results["left_out"] == []
    assert [row["row"] for row in results["rows"]] == ["autoresearch-v1-bf16"]
    for row in results["rows"]:
        assert row["tokens_per_second"] > 0
        assert row["last_loss"] > 0 < row["first_loss"]
        assert row["mfu"] is None  # the peak of a CPU is unknown
    assert results["baseline"]["tokens_per_second"] > 0
    assert results["profile"]["kernels"][0]["milliseconds"] > 0
    assert "not a measurement" in results["device"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would run")
def test_without_a_gpu_it_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    run = bench("--out", str(tmp_path))
    assert run.returncode == 1
    assert "on a machine with a GPU" in run.stdout
    assert list(tmp_path.iterdir()) == []
