"""A fault at a write, fsync or rename of every stage leaves no wrong data, and the next run ends the same.

The suite tries one point of each stage with a kill, and of half of the stages with every other fault.
`ARCORP_POINTS=1 pytest tests/faults/test_points.py` tries all points of all stages.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STRIDE = int(os.environ.get("ARCORP_POINTS", "397"))
ROOT = Path(__file__).resolve().parents[2]
FIRST = {"kill": 3, "full": 2, "cut": 5, "cut-names": 7}
"""The first point of each mode of `faults.points`; 1 if the stride is smaller."""
ALL = ["raw", "ingest", "dedup", "tokenizer", "tokenize", "pack", "verify"]
STAGES = {"kill": ALL, "full": ALL[::2], "cut": ALL[1::2], "cut-names": ALL[::2]}
"""The stages of each mode in the suite."""


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Reports of the faults of all modes, from one process that builds the demo once."""
    modes = []
    for mode, first in FIRST.items():
        stages = ALL if "ARCORP_POINTS" in os.environ else STAGES[mode]
        modes.append(f"{mode}:{first if first < STRIDE else 1}:{','.join(stages)}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.points", str(tmp_path_factory.mktemp("points")), str(STRIDE), *modes],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("kill", marks=pytest.mark.fault(1)),
        pytest.param("full", marks=pytest.mark.fault(20)),
        pytest.param("cut", marks=pytest.mark.fault(21)),
        pytest.param("cut-names", marks=pytest.mark.fault(21)),
    ],
)
def test_a_fault_at_any_durable_operation_leaves_no_wrong_data_and_the_next_run_ends_the_same(
    faults, mode, record_property
):
    tried = [fault for fault in faults if fault["mode"] == mode]
    assert {fault["stage"] for fault in tried} >= set(STAGES[mode]) - {"verify"}  # which has few points
    for fault in tried:
        assert not fault["wrong"], fault
        assert fault["code"] in (1, 0) if mode == "full" else fault["code"] == -9, fault
        if mode == "full" and fault["code"]:
            assert "No space left" in fault["message"][0], fault
        assert fault["again"] == 0, fault
        assert fault["identical"], fault
    record_property("times", len(tried))
