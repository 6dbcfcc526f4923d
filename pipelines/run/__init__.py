"""Running a stage: its folder, lock, parts, proofs, resume and seal; and the queue of SLURM.

`pipelines.run.executor` is not imported here: it imports datatrove, which takes half a second.
"""

from pipelines.run.folder_lock import is_held, lock
from pipelines.run.folders import (
    UNSEALED,
    files_of,
    note_written,
    read_record,
    remove_stage_folder,
)
from pipelines.run.launcher import Context, Delegated, LocalRunner, Machines, Progress, pipeline
from pipelines.run.parts import Part, PartWriter, read_sidecar
from pipelines.run.proofs import Proofs, check_if_sealed, check_sealed
from pipelines.run.runner import Outcome, note_faults, preview, run_stage
from pipelines.run.slurm_queue import (
    Job,
    job_id,
    job_label,
    last_words,
    queued_jobs,
    rank_log,
    read_array,
    refuse_queued,
    stranded,
)
from pipelines.run.stage import Finish, Stage, Work
from pipelines.run.state_files import ARRAY, BUILD, FAILURE, PLAN, SLURM, STAGE, STATE
from pipelines.run.stopwatch import Stopwatch

__all__ = [
    "ARRAY",
    "BUILD",
    "FAILURE",
    "PLAN",
    "SLURM",
    "STAGE",
    "STATE",
    "UNSEALED",
    "Context",
    "Delegated",
    "Finish",
    "Job",
    "LocalRunner",
    "Machines",
    "Outcome",
    "Part",
    "PartWriter",
    "Progress",
    "Proofs",
    "Stage",
    "Stopwatch",
    "Work",
    "check_if_sealed",
    "check_sealed",
    "files_of",
    "is_held",
    "job_id",
    "job_label",
    "last_words",
    "lock",
    "note_faults",
    "note_written",
    "pipeline",
    "preview",
    "queued_jobs",
    "rank_log",
    "read_array",
    "read_record",
    "read_sidecar",
    "refuse_queued",
    "remove_stage_folder",
    "run_stage",
    "stranded",
]
