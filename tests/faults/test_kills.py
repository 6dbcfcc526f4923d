"""kill -9 at random moments of a build, each followed by resume: the sealed tree is that of an undisturbed build.

`ARCORP_KILLS=30 pytest tests/faults/test_kills.py` for many; a few in the suite.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from builds import SETTINGS, tree

KILLS = int(os.environ.get("ARCORP_KILLS", "5"))


def start(out, until, workers):
    command = [sys.executable, "-m", "pipelines.cli", "build", "demo", "--out", str(out), "--until", until, *SETTINGS]
    return subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process, whole_group):
    """The run alone, as a person would, or with everything it started, as a scheduler does."""
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


@pytest.mark.slow
def test_kill_9_at_random_moments_of_a_build_and_resume_gives_the_same_bytes(tmp_path):
    began = time.monotonic()
    undisturbed = start(tmp_path / "undisturbed", "train", 1)
    _, err = undisturbed.communicate()
    assert undisturbed.returncode == 0, err
    duration = time.monotonic() - began
    dice = random.Random(20)
    out, kills, progress = tmp_path / "killed", 0, set()
    while True:
        process = start(out, "train", 1 + kills % 2)
        try:
            # short at first, so that most kills fall into work; longer later, so that the build ends
            patience = dice.uniform(0.3, duration / 3) if kills < KILLS else None
            _, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            kill(process, whole_group=bool(kills % 3))
            kills += 1
            progress.add(len(list(out.rglob("manifest.json"))))
            continue
        assert process.returncode == 0, err
        if kills >= KILLS:
            break
        # done before the dice said so: take away what was made last, and go on
        sealed = sorted(out.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
        sealed[-1 - dice.randrange(3)].unlink()
    assert len(progress) > 1, "every kill hit the same stage: the test shows nothing"
    assert tree(out) == tree(tmp_path / "undisturbed")
