"""The sample on which a tokenizer is trained: exact quotas by stratum, independent of the order of parts.

The languages of the sample have the recipe's shares, not those of the corpus. The shares are given as numbers of
characters for each stratum (a source, a language, a category, or a combination). Within a stratum, documents are
ordered by a keyed hash of their ids and taken until the quota is met. The last document is truncated, so that quotas
are met exactly. A stratum with less text than its quota is read again from its first document, as often as necessary:
text that is read twice is counted twice. The order depends only on the ids and the seed. The same documents in other
parts give the same sample, and the sample of a larger quota contains that of a smaller one.

Only an entry of 28 bytes is needed of each document; workers write entries part by part. `choose_sample` reads some
millions of entries at a time, those whose hashes are in one interval, from the lowest interval to the highest. Its
result is a `Threshold` for each stratum, from which the number of characters of each document follows.

`document_cap` limits the characters of a document (nanochat's tokenizer takes 10,000), so that one book does not
dominate its source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError, SampleError
from tokenization.options import check_range

ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("chars", "<i8"), ("stratum", "<u4")])
"""A document: hash of its id (two halves), characters (after the cap), number of its stratum."""

AT_ONCE = 1 << 23
"""Approximate number of entries in memory at a time: .8 GB, sorting included."""

Entries = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The part of a stratum that is sampled.

    The whole stratum `times` times; then once more the documents with a hash below (`high`, `low`), and `chars`
    characters of the document with this hash.
    """

    times: int
    high: int = 0
    low: int = 0
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The threshold of each stratum, by number; None for a stratum that is not sampled."""

    thresholds: Sequence[Threshold | None]

    def chars(self, entries: Entries) -> NDArray[np.int64]:
        """Return int64 [entries]: the number of characters to take from each document, 0 for none.

        A number above the length of a document (or above the cap) means that it is read again, see `sampled_text`.
        """
        taken = np.zeros(len(entries), np.int64)
        for number in np.unique(entries["stratum"]).tolist():
            threshold = self.thresholds[number]
            if threshold is None:
                continue
            mine = np.flatnonzero(entries["stratum"] == number)
            high, low, chars = (entries[name][mine] for name in ("high", "low", "chars"))
            before = (high < threshold.high) | ((high == threshold.high) & (low < threshold.low))
            last = (high == threshold.high) & (low == threshold.low)
            taken[mine] = (threshold.times + before) * chars + last * threshold.chars
        return taken


class DuplicateId(SampleError):
    """Two documents have the same id: that of line `line` of part `part` (both from 0), and another one."""

    def __init__(self, part: int, line: int) -> None:
        super().__init__(f"line {line} of part {part} has the same id as another document; make ids unique")
        self.part, self.line = part, line


def sampled_text(text: str, chars: int, document_cap: int | None = None) -> Iterator[str]:
    """Yield `chars` characters of a document: the document (up to the cap) as often as it fits, then its beginning."""
    whole = text[:document_cap]
    times, rest = divmod(chars, len(whole)) if whole else (0, 0)
    yield from repeat(whole, times)
    if rest:
        yield whole[:rest]


def sample_entries(
    ids: Sequence[str],
    strata: Sequence[int] | NDArray[np.int64],
    chars: Sequence[int] | NDArray[np.int64],
    *,
    seed: int,
    document_cap: int | None = None,
) -> Entries:
    """Return the entries of documents, given as three columns.

    `ids`: ids. `strata`: numbers of strata. `chars`: lengths in characters. Raises SampleError for columns of
    different lengths, OptionError for a cap out of range.
    """
    if not len(ids) == len(strata) == len(chars):
        raise SampleError(
            f"{len(ids)} ids, {len(strata)} strata and {len(chars)} lengths were given; give columns of equal length"
        )
    if document_cap is not None:
        check_range("document_cap", document_cap, 1)
    key = str(seed).encode()
    hashes = b"".join([hashlib.blake2b(name.encode(), digest_size=16, key=key).digest() for name in ids])
    table = np.empty(len(ids), ENTRY)
    table["high"], table["low"] = np.frombuffer(hashes, ">u8").reshape(-1, 2).T
    lengths = np.asarray(chars, np.int64)
    table["chars"] = lengths if document_cap is None else np.minimum(lengths, document_cap)
    table["stratum"] = strata
    return table


def available_chars(parts: Iterable[Entries], strata: Sequence[str]) -> dict[str, int]:
    """Return the number of characters of each stratum (after the cap)."""
    chars = np.zeros(len(strata), np.int64)
    for part in parts:
        chars += np.bincount(part["stratum"], part["chars"], len(strata)).astype(np.int64)  # exact up to 2^53
    return dict(zip(strata, chars.tolist(), strict=True))


def choose_sample(
    parts: Callable[[], Iterable[Entries]],
    available: Mapping[str, int],
    quotas: Mapping[str, int],
    *,
    at_once: int = AT_ONCE,
) -> Sample:
    """Choose documents until the quota of each stratum is met.

    `parts`: returns the entries of all parts; called several times. `available`: characters of each stratum; its order
    is the numbering of strata. `quotas`: characters to sample; a stratum without a quota is not sampled. `at_once`:
    entries in memory at a time.

    Raises EmptyCorpus for a stratum with a quota and no text, OptionError for a negative quota, DuplicateId if two
    documents have the same id.
    """
    thresholds: dict[str, Threshold] = {}
    remaining = {}
    for name, quota in quotas.items():
        if quota < 0:
            raise OptionError(f"stratum {name!r}: quota = {quota} characters: choose 0 or more")
        if quota and not available.get(name):
            raise EmptyCorpus(
                f"stratum {name!r} has a quota of {quota:,} characters and no text: remove it from the mixture"
            )
        times, remaining[name] = divmod(quota, available[name]) if quota else (0, 0)
        thresholds[name] = Threshold(times)
    names = list(available)
    for ordered in _in_order(parts, at_once):
        for number in np.unique(ordered["stratum"]).tolist():
            name = names[number]
            if not remaining.get(name):
                continue
            of_stratum = ordered[ordered["stratum"] == number]
            ends = np.cumsum(of_stratum["chars"])
            met = int(np.searchsorted(ends, remaining[name]))
            if met == len(of_stratum):
                remaining[name] -= int(ends[-1])
            else:
                last = of_stratum[met]
                chars = remaining[name] - int(ends[met] - last["chars"])
                thresholds[name] = Threshold(thresholds[name].times, int(last["high"]), int(last["low"]), chars)
                remaining[name] = 0
    return Sample([thresholds.get(name) for name in names])


def _in_order(parts: Callable[[], Iterable[Entries]], at_once: int) -> Iterator[Entries]:
    """Yield all entries in the order of their hashes, in blocks. Raises DuplicateId."""
    stretches = max(1, -(-sum(map(len, parts())) // at_once))
    for stretch in range(stretches):
        first, last = ((2**64 * number) // stretches for number in (stretch, stretch + 1))
        of_parts = [part[(part["high"] >= first) & (part["high"] <= last - 1)] for part in parts()]
        ordered = np.concatenate([np.empty(0, ENTRY), *of_parts])
        del of_parts
        ordered = ordered[np.lexsort((ordered["low"], ordered["high"]))]
        duplicates = np.flatnonzero((np.diff(ordered["high"]) == 0) & (np.diff(ordered["low"]) == 0))
        if len(duplicates):
            raise DuplicateId(*_place(parts(), ordered[duplicates[0]]))
        yield ordered


def _place(parts: Iterable[Entries], entry: Any) -> tuple[int, int]:
    """Return the part and the line of the first occurrence of an entry."""
    for number, part in enumerate(parts):
        lines = np.flatnonzero((part["high"] == entry["high"]) & (part["low"] == entry["low"]))
        if len(lines):
            return number, int(lines[0])
    raise AssertionError("the entry is in one of the parts")
