"""Counting: choose the sample that a tokenizer is trained on, and count its pre-tokens.

These are two stages, in the state of the tokenizer's folder: so parts are made by all workers or by an array of jobs,
and an interrupted run resumes. Memory holds some millions of words or entries, never the whole text of a part. Their
folders are removed once the tokenizer is written.

The documents are read twice: first their entries (stratum and length), to choose the sample; then the chosen texts, to
count. The choice depends on the documents' ids, the quotas and the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.recipe import TokenizerOptions, sample_quotas, stratum_name
from pipelines.run import Finish, Part, PartWriter, Stage, Work, remove_stage_folder
from pipelines.stages.documents import DocumentsPart, all_strata, digests, parts_of
from sharding import seal
from sharding.seal import Counts, Sealed

if TYPE_CHECKING:
    from tokenization.training import Entries, PretokenCounts, Sample

LABELS = ("source", "language", "category")
"""The columns that define a document's stratum."""

VERSION = 1


def count_stage(state: Path, documents: Sequence[Sealed], options: TokenizerOptions, seed: int) -> Stage:
    """Count the pre-tokens of a sample, in `state`/counts. The manifest's summary has the sample and its mixture."""
    values = options.canonical()
    identity = {"sample": values["sample"], "digits": values["digits"], "seed": seed}
    cap = options.sample.document_cap
    strata = all_strata(documents)
    pieces = parts_of(documents)
    inputs = digests(documents)

    def list_entries() -> Work:
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]
        return Work(parts, [], _ListEntries(pieces, strata, seed, cap))

    listing = Stage("entries", VERSION, state / "entries", {"seed": seed, "cap": cap}, inputs, list_entries)

    def count() -> Work:
        from tokenization.errors import SampleError
        from tokenization.model import pretoken_pattern
        from tokenization.training import DuplicateId, available_chars, choose_sample

        listed = Sealed(listing.folder, listing.name)

        def all_entries() -> Iterator[Entries]:
            return (_entries(listed, number) for number in range(len(pieces)))

        available = available_chars(all_entries(), [stratum_name(line) for line in strata])
        quotas, mixture = sample_quotas(
            [{**line, "chars": available[stratum_name(line)]} for line in strata], options.sample
        )
        try:
            sample = choose_sample(all_entries, available, quotas)
        except DuplicateId as error:
            name = pieces[error.part].read(["id"])["id"][error.line].as_py()
            raise SampleError(f"two documents have the id {name!r}: ids must be unique in a dataset") from None
        parts = [
            Part(f"part-{number:05d}", [piece.sha256, seal.digest_of(chars.tolist())])
            for number, (piece, chars) in enumerate(zip(pieces, map(sample.chars, all_entries()), strict=True))
            if chars.any()
        ]

        def finish(finish: Finish) -> None:
            finish.counts["chars"] = _sample_counts(quotas, available, sum(line["chars"] for line in strata))
            requested = dict(sorted(quotas.items()))
            finish.summary = {
                "sample": {"asked": requested, "available": {name: available[name] for name in requested}},
                "mixture": [asdict(line) for line in mixture],
            }
            remove_stage_folder(listing.folder)

        return Work(parts, [], _Count(pieces, listed, sample, cap, pretoken_pattern(options.digits)), finish)

    return Stage("count", VERSION, state / "counts", identity, inputs, count, before=listing)


def read_counts(sealed: Sealed) -> PretokenCounts:
    """Return the counts of a sealed folder, the sum over its parts."""
    from tokenization.training import load_counts, merge_counts

    return merge_counts(counts for name in sealed.names(suffix=".counts") for counts in load_counts(sealed.read(name)))


class _ListEntries:
    """Writes the entries of one part of documents, in their order. A stratum is its index in `strata`."""

    def __init__(
        self, parts: Sequence[DocumentsPart], strata: Sequence[Mapping[str, Any]], seed: int, cap: int
    ) -> None:
        self.parts, self.seed, self.cap = parts, seed, cap
        self.indices = {tuple(line[label] for label in LABELS): index for index, line in enumerate(strata)}

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import pyarrow.compute as pc

        from tokenization.training import sample_entries

        total = 0
        with writer.file(".entries") as file:
            for group in self.parts[part.number].row_groups(["id", "text", *LABELS]):
                labels = zip(*(group[name].to_pylist() for name in LABELS), strict=True)
                strata = [self.indices[label] for label in labels]
                chars = pc.utf8_length(group["text"]).to_numpy()
                ids = group["id"].to_pylist()
                entries = sample_entries(ids, strata, chars, seed=self.seed, document_cap=self.cap)
                file.write(entries.tobytes())
                total += len(entries)
        writer.counts = {"documents": Counts(input=total, out=total)}


class _Count:
    """Counts the pre-tokens of one part of documents: of each document the characters that the sample takes."""

    def __init__(self, parts: Sequence[DocumentsPart], listed: Sealed, sample: Sample, cap: int, split: str) -> None:
        self.parts, self.listed, self.sample, self.cap, self.split = parts, listed, sample, cap, split

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from tokenization.training import count_in_runs, save_counts

        total = 0
        with writer.file(".counts") as file:
            for counts in count_in_runs(self._texts(part.number), self.split):
                save_counts(counts, file)
                total += counts.total
        writer.counts = {"pre-tokens": Counts(added={"counted": total}, out=total)}

    def _texts(self, number: int) -> Iterator[str]:
        from tokenization.training import sampled_text

        chosen = self.sample.chars(_entries(self.listed, number))
        first = 0
        for group in self.parts[number].row_groups(["text"]):
            chars = chosen[first : first + len(group)].tolist()
            first += len(group)
            column = group["text"]
            for row, length in enumerate(chars):
                if length:
                    yield from sampled_text(column[row].as_py(), length, self.cap)


def _entries(listed: Sealed, number: int) -> Entries:
    """Return the entries of one part, verified against the seal."""
    import numpy as np

    from tokenization.training import ENTRY

    return np.frombuffer(listed.read(f"part-{number:05d}.entries"), ENTRY)


def _sample_counts(quotas: Mapping[str, int], available: Mapping[str, int], total: int) -> Counts:
    """Return the counts of characters: all, those in the sample, and how many of these are read again."""
    taken = sum(quotas.values())
    once = sum(min(quota, available[name]) for name, quota in quotas.items())
    again = {"read again": taken - once} if taken > once else {}
    return Counts(total, again, taken, {"not in the sample": total - once})
