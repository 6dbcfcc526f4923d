"""Which documents a tokenizer learns from: exact quotas by stratum, the same whatever the order of parts.

A tokenizer should see its languages in the recipe's shares, not in those of the corpus. The shares come in as
whole numbers of characters for each stratum (a source, a language, a category: whatever the recipe groups by).
Within a stratum documents stand in the order of a keyed hash of their ids, and are taken until the quota is met:
the last one is cut, so that quotas are met to the character. A stratum that has less text than it is to give is
read again from its first document on, as often as it takes: only so do shares come out as the recipe has them, and
to counts a text read twice is a text that counts twice. The order depends on the ids and the seed alone:
documents in other parts, read by other workers, give the same sample, and a larger quota gives a larger sample
that holds the smaller one.

Of a document only its `Entry` is needed, 28 bytes, which workers write part by part. `choose` looks at some millions
of them at a time, those whose hashes lie in one stretch of all hashes, from the lowest stretch to the highest; what it
finds is one `Cut` a stratum, which tells of each document by its entry alone how much of it is taken.

`document_cap` takes at most so many characters of a document (nanochat's tokenizer takes 10,000): one book doesn't
speak for its whole source.
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

ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("chars", "<i8"), ("stratum", "<u4")])
"""A document: the hash of its id in two halves, its characters (after the cap), its stratum by number."""

AT_ONCE = 1 << 23
"""Entries in memory at a time, about: with what sorting them takes, .8 GB."""

Entries = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What is taken of a stratum: all of it `times` times; then once more the documents before the hash (`high`,
    `low`), and `chars` characters of the one that has it."""

    times: int
    high: int = 0
    low: int = 0
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The cuts of the strata that entries number so; None: nothing is taken of it."""

    thresholds: Sequence[Threshold | None]

    def chars(self, entries: Entries) -> NDArray[np.int64]:
        """How many characters to take of each document (0: none).

        More than a document has, or than the cap leaves of it, means that it is read again from its beginning: see
        `taken`.
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
    """Two documents have one id, that of line `line` of part `part`."""

    def __init__(self, part: int, line: int) -> None:
        super().__init__(f"line {line} of part {part} has an id that another document has too")
        self.part, self.line = part, line


def sampled_text(text: str, chars: int, document_cap: int | None = None) -> Iterator[str]:
    """What `chars` characters of a document are: as often as it takes the whole of it (or of what the cap leaves)
    and then its beginning."""
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
    """The entries of documents, described by three columns: strata are numbers. Raises SampleError if columns differ
    in length, OptionError for a cap out of range."""
    if not len(ids) == len(strata) == len(chars):
        raise SampleError(f"{len(ids)} ids, {len(strata)} strata and {len(chars)} lengths don't make a table")
    if document_cap is not None and document_cap < 1:
        raise OptionError(f"document_cap = {document_cap}: take at least 1 character of a document, or set no cap")
    key = str(seed).encode()
    hashes = b"".join([hashlib.blake2b(name.encode(), digest_size=16, key=key).digest() for name in ids])
    table = np.empty(len(ids), ENTRY)
    table["high"], table["low"] = np.frombuffer(hashes, ">u8").reshape(-1, 2).T
    lengths = np.asarray(chars, np.int64)
    table["chars"] = lengths if document_cap is None else np.minimum(lengths, document_cap)
    table["stratum"] = strata
    return table


def available_chars(parts: Iterable[Entries], strata: Sequence[str]) -> dict[str, int]:
    """Characters that there are of each stratum (after the cap)."""
    chars = np.zeros(len(strata), np.int64)
    for part in parts:
        chars += np.bincount(part["stratum"], part["chars"], len(strata)).astype(np.int64)  # whole up to 2^53
    return dict(zip(strata, chars.tolist(), strict=True))


def choose_sample(
    parts: Callable[[], Iterable[Entries]],
    available: Mapping[str, int],
    quotas: Mapping[str, int],
    *,
    at_once: int = AT_ONCE,
) -> Sample:
    """Choose documents until each stratum's quota is met.

    `parts` gives the entries of all parts, as often as it is asked; strata are numbered as in `available`. Documents
    of strata without a quota are not taken. Those of strata with too little text are taken again. Raises EmptyCorpus
    for a stratum with a quota and no text at all, OptionError for a quota out of range, SameId if an id comes twice.
    """
    thresholds: dict[str, Threshold] = {}
    remaining = {}
    for name, quota in quotas.items():
        if quota < 0:
            raise OptionError(f"stratum {name!r}: a quota of {quota} characters; ask for 0 or more")
        if quota and not available.get(name):
            raise EmptyCorpus(f"stratum {name!r} is to give {quota:,} characters and has no text: leave it out")
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
    """All entries in the order of their hashes, some at a time. Raises SameId."""
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
    """The part, and its line, in which an entry stands first."""
    for number, part in enumerate(parts):
        lines = np.flatnonzero((part["high"] == entry["high"]) & (part["low"] == entry["low"]))
        if len(lines):
            return number, int(lines[0])
    raise AssertionError("an entry stands in some part")
