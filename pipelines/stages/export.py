"""Export: a dataset's rows in the format of another trainer, in the order of a schedule or each once.

The formats are those of `sharding.exports`. None of them carries a seal, so the folder gets one of ours, which names
the dataset and the schedule that it was written from; and the tokenizer, without which ids mean nothing.
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
    """Write a sealed dataset as `to` reads it: as scheduled, or each row once if `unique`.

    schedule: name of the schedule's file in the dataset, schedule.json if None. Raises UsageError if both are given.
    """
    if unique and schedule is not None:
        raise UsageError("--unique writes each row once and needs no --schedule: leave out one of them")
    name = None if unique else schedule or SCHEDULE
    opened = Sealed(dataset, "pack")
    inputs = {"dataset": opened.digest}
    if name is not None:
        from sharding.scheduling import Schedule

        Schedule.read(dataset / name, opened.manifest)
        inputs["schedule"] = seal.hash_file(dataset / name).sha256

    def finish(done: Finish) -> None:
        from pipelines.stages.dataset_facts import licences_of
        from sharding.exports import export
        from sharding.rows import Dataset

        rows = Dataset(dataset, name)
        with done.gather() as temporary:
            done.files |= export(rows, to, temporary, unique=unique)
        for file in opened.names(prefix="tokenizer/"):
            done.write(file, opened.read(file))
        done.counts = {"rows": _count(rows, unique)}
        done.summary = {
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

    return Stage("export", VERSION, folder, {"to": to, "unique": unique}, inputs, lambda: Work(finish=finish))


def _count(rows: Dataset, unique: bool) -> Counts:
    """What became of each row: within an epoch no row is drawn twice, so that the draws of a stratum tell."""
    held_out = rows.validation.rows
    ledger = Counts(input=rows.train.rows + held_out, out=rows.train.rows + held_out)
    if not unique:
        drawn = rows.schedule.drawn(rows.steps)
        ledger.add("repeated", sum(max(drawn[s.name] - s.rows, 0) for s in rows.train.strata))
        ledger.drop("not in the schedule", sum(max(s.rows - drawn[s.name], 0) for s in rows.train.strata))
        ledger.out = rows.steps * rows.batch_rows + held_out
    return ledger
