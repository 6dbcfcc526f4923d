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

KILLS = int(os.environ.get("ARCORP_KILLS", "3"))


def start(out, until, workers):
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "build",
        "demo",
        "--out",
        str(out),
        "--until",
        until,
        *SETTINGS,
    ]
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


def sealed_folders(out):
    return sorted(out.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)


def ended_before(process, moment, out, count):
    """Wait until `out` holds `count` sealed folders and then for `moment` seconds; True if the run ended meanwhile."""
    while process.poll() is None and len(sealed_folders(out)) < count:
        time.sleep(0.01)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.fault(1)
@pytest.mark.slow
def test_kill_9_at_random_moments_of_a_build_and_resume_gives_the_same_bytes(trained, tmp_path, record_property):
    dice = random.Random(20)
    out, kills, progress = tmp_path / "killed", 0, set()
    while kills < KILLS:
        # by what the build has sealed, not by the clock: a slow machine, or a cold cache, is killed all over too
        further = len(sealed_folders(out)) + (kills > 0) * dice.choice((0, 1, 1, 2))
        process = start(out, "train", 1 + kills % 2)
        if ended_before(process, dice.uniform(0, 1), out, further):
            _, err = process.communicate()
            assert process.returncode == 0, err
            # the build ended before the kill: remove one of the last folders' seals, and try again
            sealed_folders(out)[-1 - dice.randrange(3)].unlink()
            continue
        kill(process, whole_group=bool(kills % 3))
        kills += 1
        progress.add(len(sealed_folders(out)))
    process = start(out, "train", 1)
    _, err = process.communicate()
    assert process.returncode == 0, err
    record_property("times", kills)
    assert len(progress) > 1, "every kill hit the same stage: the test shows nothing"
    assert tree(out) == tree(trained)
