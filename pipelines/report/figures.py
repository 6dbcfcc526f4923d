"""The figures of a build, as plain data: what its manifests, its schedule and its document tables say.

`gather` returns JSON; a section is absent if its stage has not run. Nothing here is estimated: counts are the sealed
ledgers', which balance. Beside manifests, only two columns of the dataset's document tables are read (licences and
lengths), the tokenizer's sample (`fit`) and the run's metrics (`training`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.report.census import census_of
from pipelines.report.duplicates import duplicates_of
from pipelines.report.fit import fit_of
from pipelines.report.folders import Folders, made_from, open_folders
from pipelines.report.rows import rows_of
from pipelines.report.training import training_of
from pipelines.stages.documents import all_strata
from sharding import seal
from sharding.layout import ATTRIBUTES
from sharding.seal import Ledger, Sealed

FORMAT = 1
UNITS = ("documents", "bytes", "chars")


def gather(folder: Path) -> dict[str, Any]:
    """Every figure of a build, sections that its stages have filled only. Raises UsageError, Incomplete, Damaged."""
    folders = open_folders(folder)
    sections: dict[str, Callable[[Folders], Any]] = {
        "sources": _sources,
        "corpora": census_of,
        "shares": _shares,
        "tokenizer": fit_of,
        "packing": _packing,
        "duplicates": duplicates_of,
        "rows": rows_of,
        "training": training_of,
        "provenance": _provenance,
    }
    filled = {name: section(folders) for name, section in sections.items()}
    figures = {name: section for name, section in filled.items() if section is not None}
    head = {"format": FORMAT, "made_from": made_from(folder), **folders.recipe}
    return {**head, "summary": _summary(folders, figures), **figures}


def _summary(folders: Folders, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers to know first; None for what isn't there yet."""
    packing, training, sources = (figures.get(name) for name in ("packing", "training", "sources"))
    verified = folders.get("verified")
    return {
        "sources": len({line["source"] for line in sources["kept"]}) if sources else None,
        "languages": len({line["language"] for line in sources["kept"]}) if sources else None,
        "documents": sum(line["documents"] for line in sources["kept"]) if sources else None,
        "bytes": sum(line["bytes"] for line in sources["kept"]) if sources else None,
        "tokens": packing["row_tokens"] * sum(split["rows"] for split in packing["splits"].values())
        if packing
        else None,
        "rows": sum(split["rows"] for split in packing["splits"].values()) if packing else None,
        "row_tokens": packing["row_tokens"] if packing else None,
        "vocab_size": figures["tokenizer"]["vocab_size"] if "tokenizer" in figures else None,
        "parameters": training["model"].get("parameters") if training else None,
        "steps": training["steps"] if training else None,
        "bits_per_byte": training["bits_per_byte"] if training else None,
        "verified": {
            "level": verified.manifest.options["level"],
            "files": verified.manifest.counts["files"].out,
            "bytes": verified.manifest.counts["bytes"].out,
        }
        if verified
        else None,
    }


# -- sources ----------------------------------------------------------------------------------------------


def _sources(folders: Folders) -> dict[str, Any] | None:
    """Documents, bytes and characters by corpus: in, dropped by reason, out; and what is left by kind."""
    if not folders.documents:
        return None
    unique = folders.get("unique")
    later = _by_corpus(folders, unique) if unique else {}
    corpora = []
    for place, corpus in folders.corpora.items():
        strata = corpus.manifest.summary["strata"]
        corpora.append(
            {
                "folder": place,
                "source": corpus.manifest.options["source"],
                "languages": sorted({line["language"] for line in strata}),
                "files": len(corpus.manifest.inputs),
                "bad": corpus.manifest.summary["bad"],
                "changed": corpus.manifest.summary["changed"],
                "read": _ledgers(corpus.manifest.counts),
                "dedup": later.get(place),
            }
        )
    return {
        "corpora": corpora,
        "dedup": _ledgers(unique.manifest.counts) if unique else None,
        "kept": all_strata(folders.documents),
        "funnel": _funnel(folders),
        "lengths": _lengths(folders.get("dataset")),
    }


def _ledgers(counts: seal.Counts) -> dict[str, Any]:
    """Ledgers of documents, bytes and chars as JSON; reasons that nothing went out by are left out."""
    return {unit: _ledger(counts[unit]) for unit in UNITS if unit in counts}


def _ledger(ledger: Ledger) -> dict[str, Any]:
    said = ledger.to_json()
    for way in ("added", "dropped"):
        said[way] = {reason: count for reason, count in sorted(said[way].items()) if count}
    return said


def _by_corpus(folders: Folders, unique: Sealed) -> dict[str, dict[str, Any]]:
    """What deduplication did to each corpus. Its parts are those of its inputs, one for one, in order."""
    place_of = {corpus.root: place for place, corpus in folders.corpora.items()}
    given = unique.manifest.inputs
    roots = [given[f"documents {number}"] for number in range(sum(name.startswith("documents ") for name in given))]
    places = [place_of.get(root) for root in roots]
    if None in places:  # a corpus's folder was deleted: its number of parts is not known
        return {}
    sidecars = iter(unique.names(prefix="part-", suffix=".json"))
    result = {}
    for place in places:
        assert place is not None
        parts = len(folders.corpora[place].names(suffix=".parquet"))
        counts = (unique.read_json(next(sidecars))["counts"] for _ in range(parts))
        total = seal.total({unit: Ledger.from_json(one) for unit, one in part.items()} for part in counts)
        result[place] = _ledgers(total)
    return result


def _funnel(folders: Folders) -> list[dict[str, Any]]:
    """Documents that are left after each stage, and why the others are not."""
    stages: list[tuple[str, Iterable[Sealed | None]]] = [
        ("cleaned and filtered", folders.corpora.values()),
        ("deduplicated", [folders.get("unique")]),
        ("packed into rows", [folders.get("dataset")]),
    ]
    funnel: list[dict[str, Any]] = []
    for name, sealed in stages:
        total = Ledger()
        for one in sealed:
            if one is not None:
                total += one.manifest.counts["documents"]
        if total.came or total.out:
            if not funnel:
                funnel.append({"stage": "read", "documents": total.came, "dropped": {}})
            funnel.append({"stage": name, "documents": total.out, "dropped": _ledger(total)["dropped"]})
    return funnel


def _lengths(dataset: Sealed | None) -> dict[str, Any] | None:
    """Documents by length in tokens, in octaves, for each category: `counts[k]` have 2^k <= tokens < 2^(k+1)."""
    if dataset is None:
        return None
    import numpy as np

    counts: dict[str, Any] = {}
    for table in _tables(dataset, ["category", "tokens"]):
        tokens = np.maximum(table["tokens"].to_numpy(), 1)
        octaves = np.log2(tokens).astype(np.int64)
        category = table["category"].combine_chunks().dictionary_encode()
        for number, name in enumerate(category.dictionary.to_pylist()):
            mine = np.bincount(octaves[category.indices.to_numpy() == number], minlength=33)
            counts[name] = counts.get(name, 0) + mine
    longest = max((int(np.flatnonzero(one).max()) for one in counts.values()), default=0)
    return {name: counts[name][: longest + 1].tolist() for name in sorted(counts)}


def _tables(dataset: Sealed, columns: Sequence[str]) -> Iterable[Any]:
    from sharding.tables import read_table

    for name in dataset.names(prefix="documents/", suffix=".parquet"):
        yield read_table(dataset.path / name, columns)


# -- shares -----------------------------------------------------------------------------------------------


def _shares(folders: Folders) -> dict[str, Any] | None:
    """Natural and final shares by stratum and by group; what each phase is made of. Sizes are in rows."""
    schedule, dataset = folders.schedule, folders.get("dataset")
    if schedule is None or dataset is None:
        return None
    strata = dataset.manifest.summary["splits"]["train"]["strata"]
    by = next((name for name in ("language", "category", "source") if all(one[name] for one in strata)), "stratum")
    group = {one["name"]: one["name"] if by == "stratum" else one[by] for one in strata}
    lines = [{"stratum": name, **line} for name, line in sorted(schedule["shares"].items())]
    for line in lines:
        line["repeats"] = line["final"] / line["natural"] if line["natural"] else 0.0
    first, phases = 0, []
    for phase in schedule["phases"]:
        rows = sum(phase["quotas"].values())
        phases.append(
            {
                "name": phase["name"],
                "first_step": first,
                "steps": phase["steps"],
                "tokens": rows * schedule["row_tokens"],
                "formula": phase["formula"],
                "rows": _added(phase["quotas"], group),
            }
        )
        first += phase["steps"]
    return {
        "by": by,
        "groups": _grouped(lines, group),
        "strata": lines,
        "phases": phases,
        "steps": first,
        "batch_rows": schedule["batch_rows"],
        "row_tokens": schedule["row_tokens"],
        "max_epochs": schedule["max_epochs"],
        "seed": schedule["seed"],
    }


def _added(counts: Mapping[str, int], group: Mapping[str, str]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name, count in counts.items():
        total[group[name]] = total.get(group[name], 0) + count
    return dict(sorted(total.items()))


def _grouped(lines: Sequence[Mapping[str, Any]], group: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines of strata added up by group, largest natural share first."""
    rows = _added({line["stratum"]: line["rows"] for line in lines}, group)
    drawn = _added({line["stratum"]: line["drawn"] for line in lines}, group)
    all_rows, all_drawn = sum(rows.values()), sum(drawn.values())
    groups: list[dict[str, Any]] = [
        {
            "group": name,
            "rows": rows[name],
            "natural": rows[name] / all_rows if all_rows else 0.0,
            "final": drawn[name] / all_drawn if all_drawn else 0.0,
            "drawn": drawn[name],
            "epochs": drawn[name] / rows[name] if rows[name] else 0.0,
        }
        for name in rows
    ]
    for one in groups:
        one["repeats"] = one["final"] / one["natural"] if one["natural"] else 0.0
    return sorted(groups, key=lambda one: (-one["rows"], one["group"]))


# -- packing ----------------------------------------------------------------------------------------------


def _packing(folders: Folders) -> dict[str, Any] | None:
    """Rows, shards and what became of every token and document. Cuts: how often a document goes on in another row."""
    dataset = folders.get("dataset")
    if dataset is None:
        return None
    summary, counts = dataset.manifest.summary, dataset.manifest.counts
    sidecars = [dataset.read_json(name) for name in dataset.names(prefix="shards/", suffix=".json")]
    segments = sum(one["summary"]["segments"] for one in sidecars)
    splits = {
        name: {
            "rows": split["rows"],
            "shards": split["shards"],
            "rows_per_shard": split["rows_per_shard"],
            "documents": sum(stratum["documents"] for stratum in split["strata"]),
            "bytes": sum(stratum["bytes"] for stratum in split["strata"]),
            "strata": [
                {key: one[key] for key in ("name", *ATTRIBUTES, "rows", "documents", "tokens", "bytes", "chars")}
                for one in split["strata"]
            ],
        }
        for name, split in summary["splits"].items()
    }
    return {
        **{key: summary[key] for key in ("row_tokens", "dtype", "policy", "fill", "bos", "eos", "vocab_size")},
        "documents": _ledger(counts["documents"]),
        "tokens": _ledger(counts["tokens"]),
        "segments": segments,
        "cuts": segments - counts["documents"].out,
        "bytes": sum(record.bytes for name, record in dataset.manifest.files.items() if name.startswith("shards/")),
        "splits": splits,
    }


# -- provenance -------------------------------------------------------------------------------------------


def _provenance(folders: Folders) -> dict[str, Any]:
    """The seals of all folders with the options they were made with, and the licences of the documents."""
    sealed = [
        {
            "folder": place,
            "stage": one.manifest.stage,
            "version": one.manifest.version,
            "root": one.root,
            "files": len(one.manifest.files),
            "bytes": sum(record.bytes for record in one.manifest.files.values()),
            "options": one.manifest.options,
        }
        for place, one in folders.sealed.items()
    ]
    return {
        "folders": sealed,
        "schedule": folders.schedule["digest"] if folders.schedule else None,
        "aside": folders.aside,
        "licences": licences_of(folders.get("dataset")),
    }


def licences_of(dataset: Sealed | None) -> list[dict[str, Any]]:
    """Documents and tokens of a dataset by source and licence; "" where the source does not say."""
    if dataset is None:
        return []
    import pyarrow as pa

    tables = list(_tables(dataset, ["source", "license", "tokens"]))
    grouped = pa.concat_tables(tables).group_by(["source", "license"])
    lines = grouped.aggregate([("tokens", "count"), ("tokens", "sum")]).to_pylist()
    return sorted(
        (
            {
                "source": line["source"],
                "licence": line["license"] or "",
                "documents": line["tokens_count"],
                "tokens": line["tokens_sum"],
            }
            for line in lines
        ),
        key=lambda line: (line["source"], -line["tokens"], line["licence"]),
    )
