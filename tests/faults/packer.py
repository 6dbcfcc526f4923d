"""One writer of a dataset, as a process of its own; what `test_pack_kills` starts and kills."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import sharding.packing.planner
import sharding.packing.write  # noqa: F401  (loaded once, in the process that writers are forked from)
from pipelines.errors import Failure
from pipelines.recipe import PackOptions
from pipelines.run import Context, run_stage
from pipelines.run.executor import LocalExecutor  # noqa: F401
from pipelines.stages.pack import pack_stage
from tokenization.model import Tokenizer  # noqa: F401

OPTIONS = PackOptions(row_tokens=64, rows_per_shard=48)
REFUSED = 3


def pack(folder: str, tokens: str, doom: tuple[int, float] | None = None) -> None:
    """Pack, and exit with 0; with REFUSED if another process is at it.

    `doom`: (shards, seconds): kill -9 so many seconds after this process renamed its shard of that number (0: after
    its start). The process kills itself, because another may see the last shard only: 34 take 20 ms on a fast disk.
    """
    if doom is not None:
        _doom(*doom)
    try:
        run_stage(pack_stage(Path(folder), [Path(tokens)], OPTIONS, seed=1), Context(workers=1))
    except Failure as failure:
        sys.exit(REFUSED if "is being written by another" in str(failure) else f"{failure}")


def _doom(shards: int, seconds: float) -> None:
    def die() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    renamed = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal renamed
        if event == "os.rename" and str(arguments[1]).endswith(".seg"):
            renamed += 1
            if renamed == shards:
                threading.Thread(target=die, daemon=True).start()

    if shards:
        sys.addaudithook(count)
    else:
        threading.Thread(target=die, daemon=True).start()
