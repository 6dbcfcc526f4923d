"""Counting: the sample that a tokenizer learns from, chosen, and its pre-tokens counted part by part on all workers.

Two stages of their own, in the state of the tokenizer's folder: memory holds some millions of words or documents'
entries and never the text of a part as a whole, a run that was killed does only what is missing, and on a cluster
each is an array like any other. What they leave is removed when the tokenizer is there.

Two passes over the documents: their entries, to choose the sample by; then the texts that were chosen, to count. Which
documents are chosen depends on their ids, the quotas and the seed alone.
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
"""The columns that tell a document's stratum."""

VERSION = 1


def count_stage(state: Path, documents: Sequence[Sealed], options: TokenizerOptions, seed: int) -> Stage:
    """Count the sample that `options` ask for, in `state`/counts. The manifest's summary says what it is made of."""
    said = options.canonical()
    given = {"sample": said["sample"], "digits": said["digits"], "seed": seed}
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

        there = available_chars(all_entries(), [stratum_name(line) for line in strata])
        quotas, mixture = sample_quotas(
            [{**line, "chars": there[stratum_name(line)]} for line in strata], options.sample
        )
        try:
            sample = choose_sample(all_entries, there, quotas)
        except DuplicateId as error:
            name = pieces[error.part].read(["id"])["id"][error.line].as_py()
            raise SampleError(f"two documents have the id {name!r}: ids must be unique in a dataset") from None
        parts = [
            Part(f"part-{number:05d}", [piece.sha256, seal.digest_of(chars.tolist())])
            for number, (piece, chars) in enumerate(zip(pieces, map(sample.chars, all_entries()), strict=True))
            if chars.any()
        ]

        def finish(finish: Finish) -> None:
            finish.counts["chars"] = _ledger(quotas, there, sum(line["chars"] for line in strata))
            asked = dict(sorted(quotas.items()))
            finish.summary = {
                "sample": {"asked": asked, "available": {name: there[name] for name in asked}},
                "mixture": [asdict(line) for line in mixture],
            }
            remove_stage_folder(listing.folder)

        return Work(parts, [], _Count(pieces, listed, sample, cap, pretoken_pattern(options.digits)), finish)

    return Stage("count", VERSION, state / "counts", given, inputs, count, before=listing)


def counted(sealed: Sealed) -> PretokenCounts:
    """What a sealed folder of counts holds, all parts together."""
    from tokenization.training import load_counts, merge_counts

    return merge_counts(counts for name in sealed.names(suffix=".counts") for counts in load_counts(sealed.read(name)))


class _ListEntries:
    """Writes the entries of one part of documents, in their order; strata are numbered as in `strata`."""

    def __init__(
        self, parts: Sequence[DocumentsPart], strata: Sequence[Mapping[str, Any]], seed: int, cap: int
    ) -> None:
        self.parts, self.seed, self.cap = parts, seed, cap
        self.numbers = {tuple(line[label] for label in LABELS): number for number, line in enumerate(strata)}

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import pyarrow.compute as pc

        from tokenization.training import sample_entries

        total = 0
        with writer.file(".entries") as file:
            for group in self.parts[part.number].row_groups(["id", "text", *LABELS]):
                labels = zip(*(group[name].to_pylist() for name in LABELS), strict=True)
                strata = [self.numbers[label] for label in labels]
                chars = pc.utf8_length(group["text"]).to_numpy()
                found = sample_entries(group["id"].to_pylist(), strata, chars, seed=self.seed, document_cap=self.cap)
                file.write(found.tobytes())
                total += len(found)
        writer.counts = {"documents": Counts(input=total, out=total)}


class _Count:
    """Counts one part of documents: of each so many characters."""

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
            for row, wanted in enumerate(chars):
                if wanted:
                    yield from sampled_text(column[row].as_py(), wanted, self.cap)


def _entries(listed: Sealed, number: int) -> Entries:
    """The entries of one part, proven against the seal."""
    import numpy as np

    from tokenization.training import ENTRY

    return np.frombuffer(listed.read(f"part-{number:05d}.entries"), ENTRY)


def _ledger(quotas: Mapping[str, int], available: Mapping[str, int], came: int) -> Counts:
    """Of all characters: those that came, those that are counted, and how many of these more than once."""
    taken = sum(quotas.values())
    once = sum(min(quota, available[name]) for name, quota in quotas.items())
    again = {"read again": taken - once} if taken > once else {}
    return Counts(came, again, taken, {"not in the sample": came - once})
