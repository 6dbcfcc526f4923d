"""Pack: write tokens as a dataset of fixed-length rows, and write its schedule.

The plan is written first. Each shard is a part of this stage and depends on the plan and the tokens alone. The
schedule is not sealed with the dataset, so that another one needs no packing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines import texts
from pipelines.errors import UsageError
from pipelines.recipe import PackOptions, ScheduleOptions
from pipelines.run import (
    STAGE,
    Finish,
    Part,
    PartWriter,
    Stage,
    Work,
    check_if_sealed,
    check_sealed,
    note_written,
    read_record,
)
from sharding import seal
from sharding.layout import PLAN, SCHEDULE, SPLITS, shard_name
from sharding.seal import Sealed

VERSION = 2


def pack_stage(folder: Path, tokens: Sequence[Path], options: PackOptions, seed: int) -> Stage:
    """Pack sealed folders of tokens, all of one tokenizer, in order."""
    opened = [Sealed(path, "tokenize") for path in tokens]

    def work() -> Work:
        from sharding.packing import Plan

        planned = plan_dataset(opened, options, seed)
        note_written(folder, [*planned.documents, PLAN])
        records = {}
        for name in planned.documents:
            with seal.atomic_file(folder / name) as file:
                planned.write_documents(name, file)
            records[name] = file.record
        plan: Plan = planned.plan.with_documents(records)
        record = seal.write_json(folder / PLAN, plan.to_json())
        parts = [
            Part(shard_name(split, shard, plan.splits[split].shards), [split, shard, record.sha256])
            for split in SPLITS
            for shard in range(plan.splits[split].shards)
        ]
        return Work(parts, [], _WriteShard(folder, opened), lambda finish: _finish(finish, plan, opened[0]))

    identity = {**options.canonical(), "seed": seed}
    names = ["tokens", *(f"tokens {number}" for number in range(1, len(opened)))]
    digests = {name: sealed.digest for name, sealed in zip(names, opened, strict=True)}
    return Stage("pack", VERSION, folder, identity, digests, work)


def plan_dataset(tokens: Sequence[Sealed], options: PackOptions, seed: int) -> Any:
    """Plan the rows of a dataset. Raises UsageError for a special token that the tokenizer does not have."""
    from sharding.packing import make_plan

    specials = _specials(tokens[0])
    for role in ("bos", "eos"):
        if getattr(options, role) and role not in specials:
            raise UsageError(
                f"pack.{role} is on, and the tokenizer in {tokens[0].path} has no <|{role}|> token: set it to false"
            )
    bos, eos = (specials[role] if getattr(options, role) else None for role in ("bos", "eos"))
    return make_plan(tokens, options.packing(bos, eos, seed))


def _specials(tokens: Sealed) -> dict[str, int]:
    """Return the ids of special tokens by role. The tokenizer is not loaded: tokenize verified it."""
    from tokenization.model import TOKENIZER_JSON, read_roles

    added = tokens.read_json(f"tokenizer/{TOKENIZER_JSON}").get("added_tokens") or []
    check_if_sealed(tokens.path / "tokenizer")
    ids = {token["content"]: int(token["id"]) for token in added if token["special"]}
    return {role: ids[name] for role, name in read_roles(tokens.path / "tokenizer").items() if name in ids}


class _WriteShard:
    """Writes one shard from the plan."""

    def __init__(self, folder: Path, tokens: Sequence[Sealed]) -> None:
        self.folder, self.tokens = folder, tokens
        self._writer: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None}  # each worker process has its own, and hashes a part of tokens once

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        if self._writer is None:
            from sharding.packing import Plan, ShardWriter

            self._writer = ShardWriter(Plan.read(self.folder), self.folder, self.tokens)
        split, shard, _ = part.spec
        with writer.file(".bin") as ids, writer.file(".seg") as segments:
            counts = self._writer.write(split, shard, ids, segments)
        writer.summary = counts.to_json()


def _finish(finish: Finish, plan: Any, tokens: Sealed) -> None:
    from sharding.packing import ShardCounts, dataset_summary

    finish.counts |= plan.counts
    finish.adopt(PLAN)
    for name in plan.documents:
        finish.adopt(name)
    for name in tokens.names(prefix="tokenizer/"):
        finish.write(name, tokens.read(name))
    finish.summary = dataset_summary(plan, [ShardCounts.from_json(sidecar.summary) for sidecar in finish.sidecars])


def write_schedule(dataset: Path, options: ScheduleOptions, seed: int, name: str | None = SCHEDULE) -> dict[str, Any]:
    """Create a schedule of a dataset and write it there as `name`; None: do not write it. Returns its JSON.

    Raises UsageError for a name that can't be written, OptionError for an impossible mixture or phase, Damaged for a
    dataset that differs from its seal.
    """
    from sharding.scheduling import create_schedule, is_schedule

    opened = Sealed(dataset, "pack")
    check_sealed(dataset, opened.manifest)
    schedule = create_schedule(
        opened.manifest,
        options.phases,
        options.mixture,
        batch_rows=options.batch_rows,
        seed=seed,
        max_epochs=options.mixture.max_epochs,
    )
    if name is None:
        return schedule
    try:
        is_free = texts.name(name).endswith(".json") and name not in (*opened.manifest.files, seal.MANIFEST)
    except ValueError:
        is_free = False
    if not is_free:
        raise UsageError(f"--out {name}: give a file name for the dataset's folder, such as second.json")
    path = dataset / name
    data, before = None, None
    try:
        data = path.read_bytes()
        before = seal.parsed(data)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):  # not a schedule; SCHEDULE itself is replaced, other files are refused
        before = {}
    if data != seal.canonical(schedule):
        if before is not None and name != SCHEDULE and not is_schedule(before):
            raise UsageError(f"{path} is not a schedule: choose another --out")
        seal.write_json(path, schedule)
    return schedule


def refuse_used(dataset: Path, name: str, schedule: dict[str, Any]) -> None:
    """Raise UsageError if `schedule` would replace the schedule of a training run in the dataset's build."""
    path = dataset / name
    if "/" in name or not path.is_file() or path.read_bytes() == seal.canonical(schedule):
        return
    for folder in sorted(dataset.absolute().parent.iterdir()):
        record = read_record(folder, STAGE)
        if record and record["stage"] == "train" and record["inputs"].get("schedule") == seal.hash_file(path).sha256:
            raise UsageError(
                f"{path} is the schedule of the run in {folder}: choose another --out, such as second.json"
            )
