"""Counting: the sample that a tokenizer learns from, chosen, and its pre-tokens counted part by part on all workers.

A stage of its own, in the state of the tokenizer's folder: memory holds some millions of words and never the text of
a part as a whole, a run that was killed counts only what is missing, and on a cluster it is an array like any other.
What it leaves is removed when the tokenizer is there.

Two passes over the documents: lengths, to choose the sample by; then the texts that were chosen, to count. Which
documents are chosen depends on their ids, the quotas and the seed alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.documents import DocumentsPart, all_strata, parts_of, roots
from pipelines.mixing import sample_quotas, stratum_name
from pipelines.options import TokenizerOptions
from pipelines.parts import Part, PartWriter
from pipelines.runner import Finish, Stage, Work
from sharding import seal
from sharding.seal import Ledger, Sealed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokenization.counts import Counts

VERSION = 1


def count_stage(folder: Path, documents: Sequence[Sealed], options: TokenizerOptions, seed: int) -> Stage:
    """Count the sample that `options` ask for. The manifest's summary says what it is made of."""
    said = options.canonical()
    given = {"sample": said["sample"], "digits": said["digits"], "seed": seed}
    cap = options.sample.document_cap

    def work() -> Work:
        from tokenization.pattern import pattern
        from tokenization.sample import choose

        pieces = parts_of(documents)
        tables = [_lengths(piece) for piece in pieces]
        ids, names, chars = ([value for table in tables for value in table[of]] for of in ("ids", "strata", "chars"))
        quotas, mixture = sample_quotas(_capped(all_strata(documents), names, chars, cap), options.sample)
        sample = choose(ids, names, chars, quotas, seed=seed, document_cap=cap)
        chosen = _by_part(sample.chars, [len(table["ids"]) for table in tables])
        parts = [
            Part(f"part-{number:05d}", [piece.sha256, seal.digest(taken.tolist())])
            for number, (piece, taken) in enumerate(zip(pieces, chosen, strict=True))
            if taken.any()
        ]

        def finish(finish: Finish) -> None:
            finish.counts["chars"] = _ledger(sample.chars.tolist(), chars, cap)
            finish.summary = {
                "sample": {"asked": sample.asked, "available": sample.available},
                "mixture": [asdict(line) for line in mixture],
            }

        return Work(parts, [], _Count(pieces, chosen, cap, pattern(options.digits)), finish)

    return Stage("count", VERSION, folder, given, roots(documents), work)


def counted(sealed: Sealed) -> Counts:
    """What a sealed folder of counts holds, all parts together."""
    from tokenization.counts import load, merged

    return merged(counts for name in sealed.names(suffix=".counts") for counts in load(sealed.read(name)))


class _Count:
    """Counts one part of documents: of each so many characters."""

    def __init__(
        self, parts: Sequence[DocumentsPart], chosen: Sequence[NDArray[np.int64]], cap: int, split: str
    ) -> None:
        self.parts, self.chosen, self.cap, self.split = parts, chosen, cap, split

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from tokenization.counts import count_in_runs, save

        total = 0
        with writer.file(".counts") as file:
            for counts in count_in_runs(self._texts(int(part.name.rpartition("-")[2])), self.split):
                save(counts, file)
                total += counts.total
        writer.counts = {"pre-tokens": Ledger(added={"counted": total}, out=total)}

    def _texts(self, number: int) -> Iterator[str]:
        from tokenization.sample import taken

        first = 0
        for group in self.parts[number].row_groups(["text"]):
            chars = self.chosen[number][first : first + len(group)].tolist()
            first += len(group)
            column = group["text"]
            for row, wanted in enumerate(chars):
                if wanted:
                    yield from taken(column[row].as_py(), wanted, self.cap)


def _lengths(part: DocumentsPart) -> dict[str, list[Any]]:
    """Ids, strata and lengths in characters of a part's documents; no text is kept."""
    import pyarrow.compute as pc

    found: dict[str, list[Any]] = {"ids": [], "strata": [], "chars": []}
    for group in part.row_groups(["id", "text", "source", "language", "category"]):
        columns = zip(*(group[name].to_pylist() for name in ("source", "language", "category")), strict=True)
        found["strata"] += [
            sys.intern(stratum_name({"source": source, "language": language, "category": category}))
            for source, language, category in columns
        ]
        found["ids"] += group["id"].to_pylist()
        found["chars"] += pc.utf8_length(group["text"]).to_pylist()
    return found


def _capped(
    strata: Sequence[dict[str, Any]], names: Sequence[str], chars: Sequence[int], cap: int
) -> list[dict[str, Any]]:
    """Strata with the characters that the cap leaves of them: natural shares are shares of these."""
    left = Counter[str]()
    for name, length in zip(names, chars, strict=True):
        left[name] += min(length, cap)
    return [{**line, "chars": left[stratum_name(line)]} for line in strata]


def _by_part(chars: NDArray[np.int64], sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """What is taken of the documents of each part, of so many each."""
    ends = list(accumulate(sizes))
    return [chars[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _ledger(taken: Sequence[int], chars: Sequence[int], cap: int) -> Ledger:
    """Of all characters: those that came, those that are counted, and how many of these more than once."""
    once = sum(min(wanted, there, cap) for wanted, there in zip(taken, chars, strict=True))
    again = {"read again": sum(taken) - once} if sum(taken) > once else {}
    return Ledger(sum(chars), again, sum(taken), {"not in the sample": sum(chars) - once})
