"""Terminal output of pack, mix and verify: a plan, a schedule, and the result of a verification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import Console
from pipelines.errors import UsageError
from sharding import seal
from sharding.seal import Fault, Sealed

if TYPE_CHECKING:
    from pipelines.recipe import PackOptions


def show_plan(tokens: Sequence[Path], options: PackOptions, seed: int, console: Console) -> None:
    """Print the result that packing would have: documents, tokens and rows by stratum, dropped tokens, disk size."""
    from pipelines.stages.pack import plan_dataset

    plan = plan_dataset([Sealed(path, "tokenize") for path in tokens], options, seed).plan
    layout = plan.layout(max_id=0)
    strata = [(name, stratum) for name, split in layout.splits.items() for stratum in split.strata]
    all_tokens = sum(stratum.tokens for _, stratum in strata) or 1
    console.table(
        ["split", "stratum", "documents", "tokens", "share", "rows"],
        [(n, s.name, s.documents, s.tokens, f"{s.tokens / all_tokens:.2%}", s.rows) for n, s in strata],
    )
    rows = {name: split.rows for name, split in layout.splits.items()}
    dropped = {unit: counts.dropped for unit, counts in plan.counts.items()}
    disk = sum(rows.values()) * layout.row_bytes
    count = sum(rows.values()) * layout.row_tokens
    result = {"rows": rows, "tokens": count, "disk_bytes": disk, "dropped": dropped}
    console.result(result, f"{count:,} tokens in rows of {layout.row_tokens}, {disk:,} bytes; nothing was written")


def show_schedule(schedule: dict[str, Any], console: Console) -> None:
    """Print natural and final share, epochs and repeats of each stratum, and the phases with their formulas."""
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
        for name, line in schedule["shares"].items()
    ]
    console.table(["stratum", "rows", "natural", "final", "drawn", "tokens", "epochs", "repeats"], rows)
    tokens = schedule["batch_rows"] * schedule["row_tokens"]
    console.table(
        ["phase", "steps", "tokens", "mixture"],
        [(phase["name"], phase["steps"], phase["steps"] * tokens, phase["formula"]) for phase in schedule["phases"]],
    )


def verify_folder(folder: Path, level: str, workers: int, console: Console) -> None:
    """Verify a sealed folder, or all those of a build, and print the result. Raises IntegrityError, Incomplete."""
    from pipelines.stages.verify import damage_error, faults_of, sealed_folders

    faulty: dict[Path, list[Fault]] = {}
    rows, results = [], []
    for path in sealed_folders(folder):
        try:
            manifest = seal.read_manifest(path)
            faults = faults_of(path, level, workers)
        except seal.Damaged as error:
            faults, manifest = [Fault(seal.MANIFEST, str(error))], None
        if faults:
            faulty[path] = faults
        size = sum(record.bytes for record in manifest.files.values()) if manifest else 0
        name = str(path.relative_to(folder)) if path != folder else str(path)
        state = "sound" if not faults else "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        rows.append((name, manifest.stage if manifest else "?", len(manifest.files) if manifest else 0, size, state))
        results.append(
            {"folder": name, "digest": manifest.digest if manifest else None, "faults": list(map(str, faults))}
        )
    console.table(["folder", "stage", "files", "bytes", f"level {level}"], rows)
    for path, faults in faulty.items():
        for fault in faults:
            console.say(f"{path / fault.file}: {fault.what}", file=str(path / fault.file), what=fault.what)
    for path, faults in faulty.items():
        raise damage_error(path, faults, sum(map(len, faulty.values())))
    console.result({"level": level, "folders": results}, f"{folder} is as it was sealed")


def verify_order(folder: Path, seed: int, steps: str, console: Console) -> None:
    """Compute the order hash of steps A:B from the rows on disk and print it. Raises UsageError for another seed."""
    from sharding.rows import Dataset

    dataset = Dataset(folder)
    try:
        first, last = (int(end) for end in steps.split(":"))
    except ValueError:
        raise UsageError(f"--steps {steps}: give A:B, such as --steps 0:100") from None
    if not 0 <= first < last <= dataset.steps:
        raise UsageError(f"--steps {steps}: the schedule has steps 0:{dataset.steps}")
    if seed != dataset.schedule.seed:
        raise UsageError(f"--order {seed}: the schedule was created with seed {dataset.schedule.seed}")
    order_hash = bytes.fromhex(dataset.digest)
    hashes = {}
    for step in range(last):
        order_hash = dataset.order_hash(order_hash, step)
        if step >= first:
            hashes[step + 1] = order_hash.hex()
    console.table(["after step", "order hash"], list(hashes.items()))
    console.result({"manifest": dataset.digest, "seed": seed, "order_hash": hashes}, order_hash.hex())
