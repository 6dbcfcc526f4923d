"""Why there is one array: the same failure beside datatrove's executor, which loses documents and reports success."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT
from tests.cluster.loopback import wait_for

pytestmark = pytest.mark.slurm


@pytest.mark.fault(5)
def test_datatroves_chunked_arrays_lose_a_failed_rank_in_silence_and_ours_refuse(cluster, arcorp, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    path = f"{Path(sys.executable).parent}:{cluster.environment['PATH']}"
    environment = {**os.environ, **cluster.environment, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.cluster.chunks", str(theirs)]
    launched = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert launched.returncode == 0, launched.stderr
    failing = "00-jsonl-arb_Arab/part-00000=raise"
    assert arcorp.build(ours, "--set", "slurm.jobs=2", faults=failing).returncode == 0
    wait_for((theirs / "gathered.json").exists, "datatrove's second stage", cluster.logs)
    wait_for(lambda: "ranks failed" in str(arcorp.status(ours)["stopped"]), "our refusal", cluster.logs)
    gathered = json.loads((theirs / "gathered.json").read_text())
    assert 0 < len(gathered) < 40, "datatrove's second stage ran on a part of the documents"
    stopped = arcorp.status(ours)["stopped"]["message"]
    assert " ranks failed: 0; rank 0: ValueError: part-00000 was made to fail" in stopped
    assert not (ours / "unique").exists()
    cluster("scancel", "--name=made,gather")  # its jobs that wait for ever for the failed one
    cluster.drain()
