"""datatrove's own executor, as its documentation has it: two stages, the first in arrays of two, its rank 0 fails.

`python chunks.py FOLDER RUN`; what `test_chunks` starts.
"""

import json
import sys
from pathlib import Path

from datatrove.data import Document
from datatrove.executor.slurm import SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep


class Make(PipelineStep):
    """Ten documents of each rank; rank 0 fails."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data, rank=0, world_size=1):
        if rank == 0:
            raise ValueError("rank 0 was made to fail")
        documents = [Document(text="نص", id=f"{rank}/{number}") for number in range(10)]
        Path(self.folder, f"made-{rank}.json").write_text(json.dumps([document.id for document in documents]))
        yield from ()


class Gather(PipelineStep):
    """The second stage: takes what it finds."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data, rank=0, world_size=1):
        ids = [name for path in Path(self.folder).glob("made-*.json") for name in json.loads(path.read_text())]
        Path(self.folder, "gathered.json").write_text(json.dumps(ids))
        yield from ()


if __name__ == "__main__":
    from tests.cluster import chunks  # imported by name, because the jobs unpickle it by this name

    folder = sys.argv[1]
    common = {"time": "00:05:00", "partition": "all", "qos": "", "mem_per_cpu_gb": 1, "with_srun": False}
    first = SlurmPipelineExecutor(
        [chunks.Make(folder)], tasks=4, max_array_size=2, logging_dir=f"{folder}/logs-1", job_name="made", **common
    )
    second = SlurmPipelineExecutor(
        [chunks.Gather(folder)], tasks=1, depends=first, logging_dir=f"{folder}/logs-2", job_name="gather", **common
    )
    second.run()
