"""One array of SLURM jobs for the ranks of a stage, with datatrove's executor.

datatrove 0.10.1 pickles the executor, submits an array, and each job unpickles it and runs its ranks: the steps are
piped one into the next. These parts of it are replaced, for reasons observed on a cluster:

- ranks beyond the largest array are put into further arrays, and a later stage waits for the last array only, so a
  failed rank of the first is lost without a message; here there is one array, and a job has more ranks;
- a failed rank stops the later ranks of its job; here they continue, in as many processes as the job has CPUs, and
  the job's log names the failed ranks;
- completion markers and the job that merges statistics; here sidecars are the only record of completion;
- the job's id is the last word that sbatch prints; here it is found by a pattern.

Every job imports this module, so it does not import what only the launch needs.
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
from pipelines.run import SLURM, Proofs, job_id, read_sidecar
from pipelines.run.executor import LocalExecutor, RankError
from pipelines.texts import line


class Array(SlurmPipelineExecutor):  # type: ignore[misc]
    """Runs `ranks`: `per_job` ranks in each job, `cpus` of them at a time."""

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
        """The command of each job."""
        return shlex.join(["exec", "launch_pickled_pipeline", str(self.folder / SLURM / "executor.pik")])

    def launch(self, script: str) -> str:
        """Submit the array as `script`. Returns its id. Raises Failure."""
        self.script = script
        try:
            self.launch_job()
        except subprocess.CalledProcessError as error:
            raise Failure(f"sbatch refused the array (exit code {error.returncode}): see its message above") from None
        return str(self.job_id)

    def run(self) -> None:
        """Run the ranks of one job of the array. Parts that an earlier run of the job made are kept."""
        if "SLURM_ARRAY_TASK_ID" not in os.environ:
            raise AssertionError("the ranks of an array run in its jobs")
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

        executor = LocalExecutor(self.pipeline, self.tasks, self.cpus_per_task, None)
        try:
            if ranks:
                executor.run_ranks(ranks, lambda rank: None, note)
        except Failure as failure:
            print(line(str(failure)), flush=True)  # noqa: T201
            sys.exit(failure.exit_code)
        sys.exit(1 if failed else 0)

    # -- datatrove's methods that are replaced ------------------------------------------------------------

    def get_incomplete_ranks(self, ranks: Any = None, skip_completed: Any = None) -> list[int]:
        return self.ranks

    def get_launch_file_contents(self, sbatch_args: dict[str, Any], run_script: str) -> str:
        return self.script

    def launch_merge_stats(self) -> None:
        pass

    def save_executor_as_json(self, indent: int = 4) -> None:
        pass


def max_array_size() -> int:
    """Return the largest number of jobs in an array on this cluster: MaxArraySize, the largest index + 1."""
    done = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True)
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    return int(match[1]) if match else 1001
