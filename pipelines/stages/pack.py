"""Pack: tokens become a dataset of fixed-length rows; and a schedule is laid on it.

The plan is frozen first; each shard is then a pure function of it, and a part of this stage. The schedule lies
beside the seal, not under it: another one costs no packing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines import texts
from pipelines.console import Console
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
    opened = [Sealed(one, "tokenize") for one in tokens]

    def work() -> Work:
        from sharding.packing import Plan, make_plan

        draft = make_plan(opened, _options(options, opened[0], seed))
        note_written(folder, [*draft.documents, PLAN])
        records = {}
        for name in draft.documents:
            with seal.atomic_file(folder / name) as file:
                draft.write_documents(name, file)  # type: ignore[arg-type]  # it writes, and that is all that is asked
            records[name] = file.record
        plan: Plan = draft.plan.with_documents(records)
        record = seal.write_json(folder / PLAN, plan.to_json())
        parts = [
            Part(shard_name(split, shard, plan.splits[split].shards), [split, shard, record.sha256])
            for split in SPLITS
            for shard in range(plan.splits[split].shards)
        ]
        return Work(parts, [], _WriteShard(folder, opened), lambda finish: _finish(finish, plan, opened[0]))

    given = {**options.canonical(), "seed": seed}
    names = ["tokens", *(f"tokens {number}" for number in range(1, len(opened)))]
    digests = {name: one.digest for name, one in zip(names, opened, strict=True)}
    return Stage("pack", VERSION, folder, given, digests, work)


def _options(options: PackOptions, tokens: Sealed, seed: int) -> Any:
    specials = _specials(tokens)
    for role in ("bos", "eos"):
        if getattr(options, role) and role not in specials:
            raise UsageError(f"pack.{role} is on, and the tokenizer in {tokens.path} has no <|{role}|> token")
    return options.packing(specials["bos"] if options.bos else None, specials["eos"] if options.eos else None, seed)


def _specials(tokens: Sealed) -> dict[str, int]:
    """Ids by role. No tokenizer is loaded for that: it was proven when the tokens were made."""
    from tokenization.model import TOKENIZER_JSON, read_roles

    added = tokens.read_json(f"tokenizer/{TOKENIZER_JSON}").get("added_tokens") or []
    check_if_sealed(tokens.path / "tokenizer")
    ids = {token["content"]: int(token["id"]) for token in added if token["special"]}
    return {role: ids[name] for role, name in read_roles(tokens.path / "tokenizer").items() if name in ids}


class _WriteShard:
    """Writes one shard from the frozen plan."""

    def __init__(self, folder: Path, tokens: Sequence[Sealed]) -> None:
        self.folder, self.tokens = folder, tokens
        self._writer: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None}  # each worker process keeps its own, and hashes a part once

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


def show_plan(tokens: Sequence[Path], options: PackOptions, seed: int, console: Console) -> None:
    """What packing would give: rows, documents and tokens of each stratum, what is dropped, and the disk it takes."""
    from sharding.packing import make_plan

    opened = [Sealed(one, "tokenize") for one in tokens]
    plan = make_plan(opened, _options(options, opened[0], seed)).plan
    layout = plan.layout(max_id=0)
    strata = [(name, stratum) for name, split in layout.splits.items() for stratum in split.strata]
    everything = sum(stratum.tokens for _, stratum in strata) or 1
    console.table(
        ["split", "stratum", "documents", "tokens", "share", "rows"],
        [(n, s.name, s.documents, s.tokens, f"{s.tokens / everything:.2%}", s.rows) for n, s in strata],
    )
    rows = {name: split.rows for name, split in layout.splits.items()}
    dropped = {unit: ledger.dropped for unit, ledger in plan.counts.items()}
    disk = sum(rows.values()) * layout.row_bytes
    count = sum(rows.values()) * layout.row_tokens
    told = {"rows": rows, "tokens": count, "disk_bytes": disk, "dropped": dropped}
    console.result(told, f"{count:,} tokens in rows of {layout.row_tokens}, {disk:,} bytes; nothing was written")


def write_schedule(dataset: Path, options: ScheduleOptions, seed: int, name: str | None = SCHEDULE) -> dict[str, Any]:
    """Lay a schedule on a dataset and write it there as `name`; with None only lay it. Returns its JSON.

    Raises OptionError for mixtures and phases that can't be, Damaged for a dataset that is not as it was sealed.
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
        mine = texts.name(name).endswith(".json") and name not in (*opened.manifest.files, seal.MANIFEST)
    except ValueError:
        mine = False
    if not mine:
        raise UsageError(f"--out {name}: the schedule's name is one in the dataset's folder, such as second.json")
    path = dataset / name
    data, before = None, None
    try:
        data = path.read_bytes()
        before = seal.parsed(data)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):  # SCHEDULE was cut; no other file of this name is known to be ours
        before = {}
    if data != seal.canonical(schedule):
        if before is not None and name != SCHEDULE and not is_schedule(before):
            raise UsageError(f"{path} is no schedule of arcorp: choose another --out")
        seal.write_json(path, schedule)
    return schedule


def refuse_used(dataset: Path, name: str, schedule: dict[str, Any]) -> None:
    """Raise UsageError if `schedule` would replace another one that a run in the dataset's build was trained on."""
    path = dataset / name
    if "/" in name or not path.is_file() or path.read_bytes() == seal.canonical(schedule):
        return
    for folder in sorted(dataset.absolute().parent.iterdir()):
        known = read_record(folder, STAGE)
        if known and known["stage"] == "train" and known["inputs"].get("schedule") == seal.hash_file(path).sha256:
            raise UsageError(f"{path} is the schedule of the run in {folder}: choose another --out, as second.json")


def show_schedule(schedule: dict[str, Any], console: Console) -> None:
    """Natural and final share, epochs and repeats of each stratum; the phases and their formulas."""
    shares = schedule["shares"]
    rows = [
        (
            name,
            line["rows"],
            f"{line['natural']:.2%}",
            f"{line['final']:.2%}",
            line["drawn"],
            line["drawn"] * schedule["row_tokens"],
            f"{line['epochs']:.2f}",
            f"{line['final'] / line['natural']:.2f}" if line["natural"] else "-",
        )
        for name, line in shares.items()
    ]
    console.table(["stratum", "rows", "natural", "final", "drawn", "tokens", "epochs", "repeats"], rows)
    tokens = schedule["batch_rows"] * schedule["row_tokens"]
    console.table(
        ["phase", "steps", "tokens", "mixture"],
        [(phase["name"], phase["steps"], phase["steps"] * tokens, phase["formula"]) for phase in schedule["phases"]],
    )
