"""kill -9 at random moments of packing, by two writers that compete for one folder: never a differing byte.

`ARCORP_KILLS=500 pytest -s tests/faults/test_pack_kills.py` for many; a few in the suite.
"""

import multiprocessing
import os
import random
import shutil
import time

from builds import build, tree

from tests.faults.packer import REFUSED, pack

KILLS = int(os.environ.get("ARCORP_KILLS", "12"))


def test_kill_9_of_competing_writers_never_changes_a_byte(tmp_path, capsys):
    assert build(tmp_path / "build", "--workers", "1", until="tokenize") == 0
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.packer"])

    def start(folder):
        process = context.Process(target=pack, args=(str(folder), str(tmp_path / "build" / "tokens")))
        process.start()
        return process

    for name in ("warm", "undisturbed"):  # the first also starts the server and fills numba's cache
        began = time.monotonic()
        process = start(tmp_path / name)
        process.join()
        assert process.exitcode == 0
    duration = time.monotonic() - began
    right = tree(tmp_path / "undisturbed")
    assert tree(tmp_path / "warm") == right

    dice = random.Random(5)
    out = tmp_path / "killed"
    kills = refusals = datasets = 0
    shards = set()
    while kills < KILLS or not datasets:
        began = time.monotonic()
        writers = []
        for process in (start(out), start(out)):
            patience = dice.uniform(0, 1.2 * duration) if kills < KILLS else 600
            writers.append((began + patience, process))
        for moment, process in sorted(writers, key=lambda writer: writer[0]):
            process.join(max(moment - time.monotonic(), 0))
            if process.exitcode is None:
                process.kill()
                process.join()
                kills += 1
            else:
                assert process.exitcode in (0, REFUSED)
                refusals += process.exitcode == REFUSED
        there = {name: data for name, data in tree(out).items() if ".tmp-" not in name} if out.exists() else {}
        assert there.items() <= right.items()  # what has its final name is final, sealed or not
        shards.add(sum(name.endswith(".seg") for name in there))
        if "manifest.json" in there:
            assert tree(out) == right
            shutil.rmtree(out)
            datasets += 1
    assert len(shards) > 2, "every kill hit the same moment: the test shows nothing"
    with capsys.disabled():
        print(f"\n{kills} kill -9 over {datasets} datasets, {refusals} second writers refused, 0 differing bytes")  # noqa: T201
