"""Pack: write tokens as a dataset of fixed-length rows, and write its schedule.

A stage before it, in the folder's state, plans the rows in one process; its parts are the tables of documents. Each
shard is a part of this stage and depends on the plan, the tables and the tokens alone. The schedule is not sealed with
the dataset, so that another one needs no packing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines import texts
from pipelines.errors import UsageError
from pipelines.recipe import Misfit, PackOptions, ScheduleOptions
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
    remove_stage_folder,
    state_files,
)
from pipelines.stages.build_folder import RUNS
from sharding import seal
from sharding.layout import PLAN, SCHEDULE, SPLITS, documents_name, shard_name
from sharding.seal import Manifest, Sealed

VERSION = 2


def pack_stage(folder: Path, tokens: Sequence[Path], options: PackOptions, seed: int) -> Stage:
    """Pack sealed folders of tokens, all of one tokenizer, in order."""
    opened = [Sealed(path, "tokenize") for path in tokens]
    decided, specials = _decide(opened[0], options)
    identity = {**decided.canonical(), "seed": seed}
    names = ["tokens", *(f"tokens {number}" for number in range(1, len(opened)))]
    digests = {name: sealed.digest for name, sealed in zip(names, opened, strict=True)}
    tables = folder / state_files.TABLES

    def plan_tables() -> Work:
        return _plan_tables(_plan(opened, decided, specials, seed, tables))

    first = Stage("table", VERSION, tables, identity, digests, plan_tables)

    def work() -> Work:
        from sharding.packing import Plan

        made = Sealed(tables, first.name)
        plan: Plan = Plan.parse(made.read(PLAN), tables / PLAN)
        note_written(folder, [*map(documents_name, range(len(plan.parts))), PLAN])
        records = {}
        for number in range(len(plan.parts)):
            name = f"{_table_name(number)}.parquet"
            records[documents_name(number)] = made.manifest.files[name]
            _link(tables / name, folder / documents_name(number))
        plan = plan.with_documents(records)
        record = seal.write_json(folder / PLAN, plan.to_json())
        parts = [
            Part(shard_name(split, shard, plan.splits[split].shards), [split, shard, record.sha256])
            for split in SPLITS
            for shard in range(plan.splits[split].shards)
        ]

        def finish(finish: Finish) -> None:
            _finish(finish, plan, opened[0])
            remove_stage_folder(tables)

        return Work(parts, [], _WriteShard(folder, opened), finish)

    return Stage("pack", VERSION, folder, identity, digests, work, before=first)


def _plan_tables(planned: Any) -> Work:
    """Return the work of writing a planned dataset's tables of documents; each table is a part."""
    parts = [Part(_table_name(number), name) for number, name in enumerate(planned.documents)]

    def finish(finish: Finish) -> None:
        finish.write(PLAN, seal.canonical(planned.plan.to_json()))

    return Work(parts, [], _WriteTable(planned), finish)


def _table_name(number: int) -> str:
    return f"part-{number:05d}"


class _WriteTable:
    """Writes one table of documents."""

    def __init__(self, planned: Any) -> None:
        self.planned = planned

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        with writer.file(".parquet") as file:
            self.planned.write_documents(part.spec, file)


def _link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy where the file system has no hard links."""
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
        seal.sync_folder(target.parent)
    except OSError:
        with source.open("rb") as original, seal.atomic_file(target) as file:
            shutil.copyfileobj(original, file)


def plan_dataset(tokens: Sequence[Sealed], options: PackOptions, seed: int) -> Any:
    """Plan the rows of a dataset. Raises UsageError if `bos` and `eos` do not suit the tokenizer."""
    return _plan(tokens, *_decide(tokens[0], options), seed)


def _plan(
    tokens: Sequence[Sealed], decided: PackOptions, specials: dict[str, int], seed: int, folder: Path | None = None
) -> Any:
    """Plan the rows of a dataset. `folder`: exists; for a temporary file."""
    from sharding.packing import make_plan

    bos, eos = (specials[role] if getattr(decided, role) else None for role in ("bos", "eos"))
    return make_plan(tokens, decided.packing(bos, eos, seed), folder)


def _decide(tokens: Sealed, options: PackOptions) -> tuple[PackOptions, dict[str, int]]:
    """Return the options with `bos` and `eos` decided for a tokenizer, and the ids of its special tokens by role."""
    specials = _specials(tokens)
    try:
        return options.for_roles(specials), specials
    except Misfit as error:
        raise UsageError(f"{tokens.path / 'tokenizer'}: pack.{error.location[0]}: {error}") from None


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
        with contextlib.ExitStack() as stack:
            suffixes = (".bin", ".seg", ".mask") if self._writer.is_masked(split, shard) else (".bin", ".seg")
            counts = self._writer.write(split, shard, *(stack.enter_context(writer.file(s)) for s in suffixes))
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


def write_schedule(dataset: Path, options: ScheduleOptions, seed: int, path: Path | None) -> dict[str, Any]:
    """Create a schedule of a dataset and write it to the file `path`; None: do not write it. Returns its JSON.

    Raises UsageError for a file that can't be written, OptionError for an impossible mixture or phase, Damaged for a
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
    if path is None:
        return schedule
    _refuse_path(path, dataset, opened.manifest)
    data, before = None, None
    try:
        data = path.read_bytes()
        before = seal.parsed(data)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):  # not a schedule; SCHEDULE itself is replaced, other files are refused
        before = {}
    if data != seal.canonical(schedule):
        if before is not None and not _is_default(path, dataset) and not is_schedule(before):
            raise UsageError(f"{path} is not a schedule: choose another --out")
        seal.write_json(path, schedule)
    return schedule


def _is_default(path: Path, dataset: Path) -> bool:
    """Return whether a path is that of the schedule that a build writes and a trainer reads by default."""
    return path.name == SCHEDULE and path.parent.resolve() == dataset.resolve()


def _refuse_path(path: Path, dataset: Path, manifest: Manifest) -> None:
    """Raise UsageError if no schedule may have this path: one of the dataset's own files, or not a JSON file."""
    folder, own = path.parent.resolve(), dataset.resolve()
    try:
        is_free = texts.name(path.name).endswith(".json")
    except ValueError:
        is_free = False
    if folder == own:
        is_free = is_free and path.name not in (*manifest.files, seal.MANIFEST)
    elif folder.is_relative_to(own):
        is_free = False
    if not is_free:
        raise UsageError(f"--out {path}: give another file, such as second.json or {dataset / 'second.json'}")
    if not folder.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}")


def refuse_used(dataset: Path, path: Path, schedule: dict[str, Any]) -> None:
    """Raise UsageError if `schedule` would replace the schedule of a training run beside the dataset.

    A run is in a build's stage, has a checkpoint of the schedule, or is training now.
    """
    if not path.is_file() or (data := path.read_bytes()) == seal.canonical(schedule):
        return
    beside = dataset.absolute().parent
    for folder in sorted([*beside.iterdir(), *beside.glob(f"{RUNS}/*")]):
        record = read_record(folder, STAGE)
        trained = record and record["stage"] == "train" and record["inputs"].get("schedule")
        if trained == hashlib.sha256(data).hexdigest() or _has_run(folder, data):
            raise UsageError(
                f"{path} is the schedule of the run in {folder}: choose another --out, such as second.json"
            )


def _has_run(folder: Path, schedule: bytes) -> bool:
    """Return whether a folder has a checkpoint that was trained with a schedule's bytes, or a run that is training."""
    for path in sorted(folder.glob("checkpoints/step-*/meta.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if seal.parsed(path.read_bytes())["schedule"] == seal.parsed(schedule)["digest"]:
                return True
    if not (folder / "config.json").is_file() or not (folder / ".lock").is_file():
        return False
    with (folder / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
