"""kill -9 at random moments of packing, by two writers that compete for one folder: never a differing byte.

`ARCORP_KILLS=500 pytest -s tests/faults/test_pack_kills.py` for many; a few in the suite.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time

import pytest
from builds import tree

from tests.faults.packer import REFUSED, pack

KILLS = int(os.environ.get("ARCORP_KILLS", "12"))


@pytest.mark.fault(1)
@pytest.mark.fault(3)
def test_kill_9_of_competing_writers_never_changes_a_byte(built, tmp_path, capsys, record_property):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.packer"])

    def start(folder, doom=None):
        process = context.Process(target=pack, args=(str(folder), str(built / "tokens"), doom))
        process.start()
        return process

    start(tmp_path / "first").join()  # loads what the next ones have in memory
    began = time.monotonic()
    process = start(tmp_path / "undisturbed")
    process.join()
    elapsed = time.monotonic() - began
    assert process.exitcode == 0
    right = tree(tmp_path / "undisturbed")
    in_all = sum(name.endswith(".seg") for name in right)

    dice = random.Random(5)
    out = tmp_path / "killed"
    kills = refusals = datasets = 0
    shards = set()
    while kills < KILLS or not datasets:
        # by the shards that are written, not by the clock: a slow machine and a fast disk are killed all over too
        dooms = [(dice.randint(0, in_all), dice.uniform(0, 2 * elapsed / in_all)) for _ in range(2)]
        for process in [start(out, doom if kills < KILLS else None) for doom in dooms]:
            process.join()
            assert process.exitcode in (0, REFUSED, -signal.SIGKILL)
            refusals += process.exitcode == REFUSED
            kills += process.exitcode == -signal.SIGKILL
        there = {name: data for name, data in tree(out).items() if ".tmp-" not in name} if out.exists() else {}
        assert there.items() <= right.items()  # what has its final name is final, sealed or not
        shards.add(sum(name.endswith(".seg") for name in there))
        if "manifest.json" in there:
            assert tree(out) == right
            shutil.rmtree(out)
            datasets += 1
    assert len(shards) > 1, "every kill hit the same moment: the test shows nothing"
    record_property("times", kills)
    with capsys.disabled():
        print(f"\n{kills} kill -9 over {datasets} datasets, {refusals} second writers refused, 0 differing bytes")  # noqa: T201
