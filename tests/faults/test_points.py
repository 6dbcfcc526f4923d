"""A fault at every write, fsync and rename of every stage: no wrong data, and the same end. A few in the suite;
`ARCORP_POINTS=1 pytest tests/faults/test_points.py` for every point of every stage.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STRIDE = int(os.environ.get("ARCORP_POINTS", "397"))
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "first"),
    [
        pytest.param("kill", 3, marks=pytest.mark.fault(1)),
        pytest.param("full", 2, marks=pytest.mark.fault(20)),
        pytest.param("cut", 5, marks=pytest.mark.fault(21)),
        pytest.param("cut-names", 7, marks=pytest.mark.fault(21)),
    ],
)
def test_a_fault_at_any_durable_operation_leaves_no_wrong_data_and_the_next_run_ends_the_same(
    tmp_path, mode, first, record_property
):
    first = first if first < STRIDE else 1
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.points", str(tmp_path), mode, str(first), str(STRIDE)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    faults = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {fault["stage"] for fault in faults} >= {"raw", "ingest", "dedup", "tokenizer", "tokenize", "pack"}
    for fault in faults:
        assert not fault["wrong"], fault
        assert fault["code"] in (1, 0) if mode == "full" else fault["code"] == -9, fault
        if mode == "full" and fault["code"]:
            assert "No space left" in fault["said"][0], fault
        assert fault["again"] == 0, fault
        assert fault["identical"], fault
    record_property("times", len(faults))
