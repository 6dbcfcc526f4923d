"""Small sealed tokens folders, and datasets packed from them in the same way as the pack stage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sharding.layout import PLAN, SCHEDULE, TOKENIZER, dtype_for, shard_name
from sharding.options import PackOptions, Validation
from sharding.packing import INDEX, MASKED, Plan, ShardWriter, dataset_summary, make_plan
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import FileRecord, Manifest, Sealed, atomic_file, hash_file, write_json, write_manifest

TOKENIZER_TEXT = '{"this": "stands for a tokenizer.json"}'


@dataclass(frozen=True)
class Document:
    id: str
    ids: Sequence[int]
    source: str = "web"
    language: str = "arb_Arab"
    category: str = "arabic"
    cluster: str = ""
    trained: Sequence[bool] | None = None
    ends: bool = False


def random_documents(
    count: int, seed: int = 0, *, vocab: int = 1000, mean: float = 40.0, **attributes: str
) -> list[Document]:
    """Return documents of log-normal length, about a tenth of them empty."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(mean), 1.0, count), 1, 20 * mean).astype(int)
    lengths[rng.random(count) < 0.1] = 0
    name = "-".join(attributes.values()) or "web"
    return [
        Document(f"{name}/{seed}-{k}", rng.integers(0, vocab, length).tolist(), **attributes)
        for k, length in enumerate(lengths)
    ]


def mixed_documents(scale: int = 1, vocab: int = 1000) -> list[Document]:
    """Return documents of four strata (60, 25, 10 and 5 %), one stratum after the other as ingestion writes them."""
    kinds = [
        (600, {"source": "fineweb-2", "language": "arb_Arab", "category": "arabic"}),
        (250, {"source": "fineweb-2", "language": "arz_Arab", "category": "arabic"}),
        (100, {"source": "openiti", "language": "arb_Arab", "category": "classical"}),
        (50, {"source": "the-stack", "language": "Python", "category": "code"}),
    ]
    return [
        document
        for number, (count, attributes) in enumerate(kinds)
        for document in random_documents(count * scale, number + 1, vocab=vocab, **attributes)
    ]


def write_tokens(
    folder: Path, documents: Sequence[Document], *, vocab_size: int = 1000, per_part: int = 300, tokenizer: str = ""
) -> Path:
    """Write a sealed tokens folder, in the same way as the tokenize stage."""
    text = tokenizer or TOKENIZER_TEXT
    files: dict[str, FileRecord] = {}
    with atomic_file(folder / TOKENIZER) as file:
        file.write(text.encode())
    files[TOKENIZER] = file.record
    for part, first in enumerate(range(0, max(len(documents), 1), per_part)):
        name = f"part-{part:05d}"
        members = documents[first : first + per_part]
        lengths = np.array([len(document.ids) for document in members], np.int64)
        ids = np.array([id_ for document in members for id_ in document.ids], dtype_for(vocab_size))
        with atomic_file(folder / f"{name}.bin") as file:
            file.write(ids.tobytes())
        files[f"{name}.bin"] = file.record
        columns = {
            "id": [document.id for document in members],
            "source": [document.source for document in members],
            "language": [document.language for document in members],
            "category": [document.category for document in members],
            "license": ["CC0-1.0"] * len(members),
            "url": [f"https://example.org/{document.id}" for document in members],
            "cluster": [document.cluster or document.id for document in members],
            "offset": np.cumsum(lengths) - lengths,
            "tokens": lengths,
            "bytes": lengths * 4,
            "chars": lengths * 2,
        }
        schema = INDEX
        if any(document.trained is not None for document in members):
            masks = [np.ones(len(d.ids), bool) if d.trained is None else np.array(d.trained, bool) for d in members]
            with atomic_file(folder / f"{name}.mask") as file:
                file.write(np.packbits(np.concatenate(masks), bitorder="little").tobytes())
            files[f"{name}.mask"] = file.record
            schema = pa.unify_schemas([INDEX, MASKED])
            has = [document.trained is not None for document in members]
            columns["trained"] = [int(mask.sum()) if own else None for own, mask in zip(has, masks, strict=True)]
            columns["ends"] = [document.ends if own else None for own, document in zip(has, members, strict=True)]
        with atomic_file(folder / f"{name}.parquet") as file:
            pq.write_table(pa.table(columns, schema), file)
        files[f"{name}.parquet"] = file.record
    summary = {
        "tokenizer": files[TOKENIZER].sha256,
        "vocab_size": vocab_size,
        "dtype": dtype_for(vocab_size),
    }
    write_manifest(folder, Manifest("tokenize", 1, {}, {}, {}, files, summary))
    return folder


def write_plan(folder: Path, tokens: Sequence[Sealed], options: PackOptions) -> Plan:
    """Plan a dataset in `folder`: write its document tables and plan.json."""
    planned = make_plan(tokens, options)
    records = {}
    for name in planned.documents:
        with atomic_file(folder / name) as file:
            planned.write_documents(name, file)
        records[name] = file.record
    plan = planned.plan.with_documents(records)
    write_json(folder / PLAN, plan.to_json())
    return plan


def pack(
    folder: Path,
    tokens: Sequence[Path],
    options: PackOptions,
    *,
    phases: Sequence[Phase] = (Phase("all", steps=12),),
    mixture: Mixture | None = None,
    batch_rows: int = 8,
    order: Callable[[list[tuple[str, int]]], list[tuple[str, int]]] = list,
) -> Path:
    """Pack a dataset in the same way as the pack stage: plan, shards in the given order, seal, schedule."""
    sealed = [Sealed(path, "tokenize") for path in tokens]
    write_plan(folder, sealed, options)
    plan = Plan.read(folder)
    writer = ShardWriter(plan, folder, sealed)
    counts = {}
    jobs = [(split, k) for split, layout in plan.splits.items() for k in range(layout.shards)]
    for split, k in order(jobs):
        name = shard_name(split, k, plan.splits[split].shards)
        with contextlib.ExitStack() as stack:
            suffixes = (".bin", ".seg", ".mask") if writer.is_masked(split, k) else (".bin", ".seg")
            sinks = [stack.enter_context(atomic_file(folder / f"{name}{suffix}")) for suffix in suffixes]
            counts[split, k] = writer.write(split, k, *sinks)
        write_json(folder / f"{name}.json", counts[split, k].to_json())
    with atomic_file(folder / TOKENIZER) as file:
        file.write(sealed[0].read(TOKENIZER))
    seal(folder, plan, dataset_summary(plan, counts.values()))
    manifest = Sealed(folder).manifest
    write_json(
        folder / SCHEDULE, create_schedule(manifest, phases, mixture or Mixture(), batch_rows=batch_rows, seed=7)
    )
    return folder


def seal(folder: Path, plan: Plan, summary: dict[str, object]) -> None:
    """Seal a dataset with its files as they are."""
    files = {
        str(path.relative_to(folder)): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", SCHEDULE)
    }
    inputs = {f"tokens-{k}": digest for k, digest in enumerate(plan.inputs)}
    write_manifest(folder, Manifest("pack", 1, plan.options.to_json(), inputs, plan.counts, files, summary))


OPTIONS = PackOptions(
    row_tokens=64, bos=1, eos=2, window=200, validation=Validation(rows=20), rows_per_shard=150, seed=3
)


def with_options(**changes: object) -> PackOptions:
    """Return `OPTIONS` with changes."""
    return replace(OPTIONS, **changes)  # type: ignore[arg-type]
