"""Export: write a dataset's rows in the format of another trainer, in the order of a schedule or each once.

The formats are those of `sharding.exports`. The folder is sealed; its inputs are the dataset and the schedule. The
tokenizer is copied into it, since ids have no meaning without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UsageError
from pipelines.run import Finish, Stage, Work
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.seal import Counts, Sealed

if TYPE_CHECKING:
    from sharding.rows import Dataset

VERSION = 2


def export_stage(folder: Path, dataset: Path, to: str, *, unique: bool = False, schedule: str | None = None) -> Stage:
    """Write a sealed dataset in the format `to`: as scheduled, or each row once if `unique`.

    schedule: name of the schedule's file in the dataset, or its path; None is schedule.json. Raises UsageError if
    `unique` and `schedule` are both given.
    """
    if unique and schedule is not None:
        raise UsageError("--unique and --schedule exclude each other: remove one of them")
    name = None if unique else schedule or SCHEDULE
    opened = Sealed(dataset, "pack")
    inputs = {"dataset": opened.digest}
    if name is not None:
        from sharding.scheduling import Schedule, schedule_path

        path = schedule_path(dataset, name)
        Schedule.read(path, opened.manifest)
        inputs["schedule"] = seal.hash_file(path).sha256

    def write(finish: Finish) -> None:
        from pipelines.stages.dataset_facts import licences_of
        from sharding.exports import export
        from sharding.rows import Dataset

        rows = Dataset(dataset, name)
        with finish.gather() as temporary:
            finish.files |= export(rows, to, temporary, unique=unique)
        for file in opened.names(prefix="tokenizer/"):
            finish.write(file, opened.read(file))
        finish.counts = {"rows": _count(rows, unique)}
        finish.summary = {
            "to": to,
            "row_tokens": rows.row_tokens,
            "dtype": rows.layout.dtype,
            "vocab_size": rows.vocab_size,
            "tokenizer": rows.layout.tokenizer,
            "splits": {
                "train": {"rows": rows.train.rows if unique else rows.steps * rows.batch_rows},
                "validation": {"rows": rows.validation.rows},
            },
            "strata": opened.manifest.summary["splits"]["train"]["strata"],
            "licences": licences_of(opened),
        }

    return Stage("export", VERSION, folder, {"to": to, "unique": unique}, inputs, lambda: Work(finish=write))


def _count(rows: Dataset, unique: bool) -> Counts:
    """Return the counts of rows. An epoch draws no row twice, so a stratum's draws give repeated and unused rows."""
    held_out = rows.validation.rows
    counts = Counts(input=rows.train.rows + held_out, out=rows.train.rows + held_out)
    if not unique:
        drawn = rows.schedule.drawn(rows.steps)
        counts.add("repeated", sum(max(drawn[s.name] - s.rows, 0) for s in rows.train.strata))
        counts.drop("not in the schedule", sum(max(s.rows - drawn[s.name], 0) for s in rows.train.strata))
        counts.out = rows.steps * rows.batch_rows + held_out
    return counts
