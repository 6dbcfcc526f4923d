"""Folders of documents, as the stages hand them on: parts, strata, and reading them back, proven."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.run import Finish
from sharding import checked, seal
from sharding.seal import Counts, CountsByUnit, Sealed

STAGES = ("ingest", "dedup")
"""The stages whose folders hold documents."""

CENSUS = "census.json"
"""In such a folder: what was kept and dropped, and samples of both (`corpora.document_statistics`)."""


@dataclass(frozen=True)
class DocumentsPart:
    """One Parquet file of documents in a sealed folder."""

    folder: Sealed
    name: str

    @property
    def sha256(self) -> str:
        return self.folder.manifest.files[self.name].sha256

    @property
    def bytes(self) -> int:
        return self.folder.manifest.files[self.name].bytes

    def read(self, columns: Sequence[str] | None = None) -> Any:
        """The part as a pyarrow Table, its bytes proven against the seal."""
        from corpora.documents import read_documents

        return read_documents(self.folder.read(self.name), columns)

    def row_groups(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The part as pyarrow Tables of some millions of characters each: its text is never in memory as a whole."""
        from corpora.documents import row_groups

        return row_groups(self.folder.read(self.name), columns)


def open_documents(folders: Sequence[Path]) -> list[Sealed]:
    """Sealed folders of documents. Raises UsageError for another kind of folder, Unsealed, Damaged."""
    opened = []
    for path in folders:
        folder = Sealed(path)
        if folder.manifest.stage not in STAGES:
            raise UsageError(f"{path} is a '{folder.manifest.stage}' folder; documents come from ingest or dedup")
        _check_strata(folder)
        opened.append(folder)
    return opened


def _check_strata(folder: Sealed) -> None:
    """Raise Damaged unless the manifest's summary counts documents by source, language and category."""
    try:
        for line in folder.manifest.summary["strata"]:
            for label in ("source", "language", "category"):
                checked.text(line[label], label)
            for unit, number in line.items():
                if not isinstance(number, str):
                    checked.count(number, unit)
            checked.count(line["chars"], "chars")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise seal.Damaged(f"{folder.path}: its summary is not that of documents ({error!r}); build again") from None


def parts_of(folders: Iterable[Sealed]) -> list[DocumentsPart]:
    """All parts of all folders, in order."""
    return [DocumentsPart(folder, name) for folder in folders for name in folder.names(suffix=".parquet")]


def digests(folders: Iterable[Sealed]) -> dict[str, str]:
    """The inputs of a stage that reads these folders: order matters, where they lie does not."""
    return {f"documents {number}": folder.digest for number, folder in enumerate(folders)}


def write_census(finish: Finish) -> None:
    """The census of all parts, for people to look at."""
    from corpora.document_statistics import merge

    finish.write(CENSUS, seal.canonical(merge(sidecar.summary["census"] for sidecar in finish.sidecars)))


def ledgers(counts: Mapping[str, Mapping[str, Any]]) -> CountsByUnit:
    """A tally's counts as ledgers."""
    return {unit: Counts.from_json(ledger) for unit, ledger in counts.items()}


def strata_of(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    """CountsByUnit by "source language category" of many parts, added up and told apart: sorted by those three."""
    total: dict[str, dict[str, int]] = {}
    for strata in parts:
        for name, counts in strata.items():
            into = total.setdefault(name, dict.fromkeys(counts, 0))
            for unit, count in counts.items():
                into[unit] += count
    return [
        {**dict(zip(("source", "language", "category"), name.split(" "), strict=True)), **total[name]}
        for name in sorted(total)
    ]


def all_strata(folders: Iterable[Sealed]) -> list[dict[str, Any]]:
    """What the folders hold together, by source, language and category."""
    return strata_of(
        {" ".join((line["source"], line["language"], line["category"])): _counts(line)}
        for folder in folders
        for line in folder.manifest.summary["strata"]
    )


def _counts(line: Mapping[str, Any]) -> dict[str, int]:
    return {unit: count for unit, count in line.items() if isinstance(count, int)}
