"""One array of SLURM jobs for the ranks of a stage: datatrove's executor, less what loses data.

What is taken from datatrove 0.10.1: the executor travels as a pickle, sbatch is given an array, each job unpickles it
and runs its ranks, steps piped one into the next, with a log for each. What is replaced, and why (seen on a SLURM):

- ranks beyond the largest array go to further arrays, of which a later stage awaits only the last one, so that a rank
  that fails in the first is lost in silence: here there is one array, and more ranks share a job;
- the first rank of a job that fails takes those after it along: here they go on, in as many processes as the job has
  CPUs, and the job says which have failed;
- completion markers and the job that merges statistics: sidecars are the only memory;
- the job's id is the last word that sbatch prints: here it is found by pattern.

This module is what every job imports; it keeps away from what only the launch needs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from datatrove.executor.slurm import SlurmPipelineExecutor

from pipelines.errors import Failure
from pipelines.run import SLURM, STATE, Proofs, job_id, read_sidecar
from pipelines.run.executor import LocalExecutor, RankError
from pipelines.texts import line


class Array(SlurmPipelineExecutor):  # type: ignore[misc]
    """Runs `ranks`, `per_job` of them in each job, `cpus` at a time."""

    def __init__(self, pipeline: list[Any], ranks: list[int], per_job: int, cpus: int, folder: Path) -> None:
        super().__init__(
            pipeline,
            tasks=len(pipeline[-1].parts),
            time="",
            partition="",
            cpus_per_task=cpus,
            job_name=folder.name,
            job_id_retriever=job_id,
            logging_dir=str(folder / SLURM),
            max_array_size=-1,  # one array, whatever the number of ranks
            tasks_per_job=per_job,
            with_srun=False,
        )
        self.folder, self.ranks = folder, ranks

    @property
    def command(self) -> str:
        """What a job runs."""
        return shlex.join(["exec", "launch_pickled_pipeline", str(self.folder / SLURM / "executor.pik")])

    def launch(self, script: str) -> str:
        """Submit the array as `script`; returns its id. Raises Failure."""
        self.script = script
        try:
            self.launch_job()
        except subprocess.CalledProcessError as error:
            raise Failure(f"sbatch refused the array (exit code {error.returncode}); it said why above") from None
        return str(self.job_id)

    def run(self) -> None:
        """A job of the array: its share of the ranks, less what an earlier life of the job has made."""
        if "SLURM_ARRAY_TASK_ID" not in os.environ:
            raise AssertionError("an array's ranks run in its jobs")
        first = int(os.environ["SLURM_ARRAY_TASK_ID"]) * self.tasks_per_job
        commit = self.pipeline[-1]
        proofs = Proofs(self.folder)
        ranks = [
            rank
            for rank in self.ranks[first : first + self.tasks_per_job]
            if read_sidecar(self.folder, commit.parts[rank], commit.keys[rank], proofs) is None
        ]
        failed: list[int] = []

        def note(error: RankError) -> None:
            failed.append(error.rank)
            print(line(f"rank {error.rank}: {error.message}"), flush=True)  # noqa: T201

        executor = LocalExecutor(self.pipeline, self.tasks, self.cpus_per_task, self.folder / STATE / "logs")
        try:
            if ranks:
                executor.run_ranks(ranks, lambda rank: None, note)
        except Failure as failure:
            print(line(str(failure)), flush=True)  # noqa: T201
            sys.exit(failure.exit_code)
        sys.exit(1 if failed else 0)

    # -- what of datatrove's is not wanted ----------------------------------------------------------------

    def get_incomplete_ranks(self, ranks: Any = None, skip_completed: Any = None) -> list[int]:
        return self.ranks

    def get_launch_file_contents(self, sbatch_args: dict[str, Any], run_script: str) -> str:
        return self.script

    def launch_merge_stats(self) -> None:
        pass

    def save_executor_as_json(self, indent: int = 4) -> None:
        pass


def max_array_size() -> int:
    """Jobs that this cluster allows in an array: MaxArraySize is one more than the largest index."""
    done = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True)
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    return int(found[1]) if found else 1001
