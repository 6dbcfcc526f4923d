"""Folders of documents (the output of ingest, translate and dedup): parts, strata, and reading them verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.run import Finish
from sharding import checked, seal
from sharding.seal import Counts, CountsByUnit, Sealed

STAGES = ("ingest", "translate", "dedup")
"""The stages whose folders hold documents."""

STATISTICS = "census.json"
"""File of statistics in such a folder: documents kept and dropped, and samples of both."""


MOST_PARTS = 10_000
"""Number of parts of all corpora together beyond which neighbours are joined."""


@dataclass(frozen=True)
class DocumentsPart:
    """One Parquet file of documents in a sealed folder, or several that are read as one."""

    folder: Sealed
    names: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The hash of the file; of several, a digest of their hashes."""
        hashes = [self.folder.manifest.files[name].sha256 for name in self.names]
        return hashes[0] if len(hashes) == 1 else seal.digest_of(hashes)

    @property
    def bytes(self) -> int:
        return sum(self.folder.manifest.files[name].bytes for name in self.names)

    def read(self, columns: Sequence[str] | None = None) -> Any:
        """Return the part as a pyarrow Table. Raises Damaged if its bytes differ from the seal."""
        from pyarrow import concat_tables

        from corpora.documents import read_documents

        return concat_tables(read_documents(self.folder.read(name), columns) for name in self.names)

    def number_of_row_groups(self) -> int:
        """Return the number of tables that `row_groups` yields. Raises Damaged if the bytes differ from the seal."""
        from pyarrow import BufferReader
        from pyarrow.parquet import read_metadata

        return sum(int(read_metadata(BufferReader(self.folder.read(name))).num_row_groups) for name in self.names)

    def row_groups(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield the part as pyarrow Tables of some millions of characters: memory never holds all its text."""
        from corpora.documents import row_groups

        for name in self.names:
            yield from row_groups(self.folder.read(name), columns)

    def strata(self) -> list[str]:
        """Return the strata of the part, "source language category", from its sidecars."""
        sidecars = (self.folder.read_json(name.removesuffix(".parquet") + ".json") for name in self.names)
        return sorted({stratum for sidecar in sidecars for stratum in sidecar["summary"]["strata"]})


def open_documents(folders: Sequence[Path]) -> list[Sealed]:
    """Open sealed folders of documents. Raises UsageError for another kind of folder, Unsealed, Damaged."""
    opened = []
    for path in folders:
        folder = Sealed(path)
        if folder.manifest.stage not in STAGES:
            raise UsageError(
                f"{path} is a folder of stage '{folder.manifest.stage}': give folders that ingest, translate or dedup "
                "wrote"
            )
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
        raise seal.Damaged(f"{folder.path}: its summary has no document counts ({error!r}): make it again") from None


def parts_of(folders: Iterable[Sealed]) -> list[DocumentsPart]:
    """Return the parts of all folders, in order: a file each, or neighbours in a folder if there are too many files.

    Each stage that reads the parts writes files for each. An input has as many files at most (`corpora.sources.unit`),
    but a build may have many inputs.
    """
    names = [(folder, folder.names(suffix=".parquet")) for folder in folders]
    sizes = [len(files) for _, files in names]
    joined = 1
    while joined < max(sizes, default=1) and sum(-(-size // joined) for size in sizes) > MOST_PARTS:
        joined += 1
    return [
        DocumentsPart(folder, tuple(files[first : first + joined]))
        for folder, files in names
        for first in range(0, len(files), joined)
    ]


def digests(folders: Iterable[Sealed]) -> dict[str, str]:
    """Return the inputs of a stage that reads these folders. They depend on the order, not on the paths."""
    return {f"documents {number}": folder.digest for number, folder in enumerate(folders)}


def write_statistics(finish: Finish) -> None:
    """Write the document statistics of all parts, for the report."""
    from corpora.document_statistics import merge

    finish.write(STATISTICS, seal.canonical(merge(sidecar.summary["census"] for sidecar in finish.sidecars)))


def counts_by_unit(counts: Mapping[str, Mapping[str, Any]]) -> CountsByUnit:
    """Return the counts of a DocumentCounter as CountsByUnit."""
    return {unit: Counts.from_json(value) for unit, value in counts.items()}


def strata_of(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    """Return the sums over parts of counts by stratum, "source language category", as lines sorted by these labels."""
    total: dict[str, dict[str, int]] = {}
    for strata in parts:
        for name, counts in strata.items():
            sums = total.setdefault(name, dict.fromkeys(counts, 0))
            for unit, count in counts.items():
                sums[unit] += count
    return [
        {**dict(zip(("source", "language", "category"), name.split(" "), strict=True)), **total[name]}
        for name in sorted(total)
    ]


def all_strata(folders: Iterable[Sealed]) -> list[dict[str, Any]]:
    """Return the counts of all folders together by source, language and category."""
    return strata_of(
        {" ".join((line["source"], line["language"], line["category"])): _counts(line)}
        for folder in folders
        for line in folder.manifest.summary["strata"]
    )


def _counts(line: Mapping[str, Any]) -> dict[str, int]:
    return {unit: count for unit, count in line.items() if isinstance(count, int)}
