"""One writer of a dataset, as a process of its own; what `test_pack_kills` starts and kills."""

import sys
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


def pack(folder: str, tokens: str) -> None:
    """Pack, and exit with 0; with REFUSED if another process is at it."""
    try:
        run_stage(pack_stage(Path(folder), [Path(tokens)], OPTIONS, seed=1), Context(workers=1))
    except Failure as failure:
        sys.exit(REFUSED if "is being written by another" in str(failure) else f"{failure}")
