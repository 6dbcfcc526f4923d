"""Which documents a tokenizer learns from: exact quotas by stratum, the same whatever the order of parts.

A tokenizer should see its languages in the recipe's shares, not in those of the corpus. The shares come in as
whole numbers of characters for each stratum (a source, a language, a category: whatever the recipe groups by).
Within a stratum documents stand in the order of a keyed hash of their ids, and are taken until the quota is met:
the last one is cut, so that quotas are met to the character. A stratum that has less text than it is to give is
read again from its first document on, as often as it takes: only so do shares come out as the recipe has them, and
to counts a text read twice is a text that counts twice. The order depends on the ids and the seed alone:
documents in other parts, read by other workers, give the same sample, and a larger quota gives a larger sample
that holds the smaller one.

`document_cap` takes at most so many characters of a document (nanochat's tokenizer takes 10,000): one book doesn't
speak for its whole source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError, SampleError


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """How many characters to take of each document (0: none), in the order they came.

    More than a document has, or than the cap leaves of it, means that it is read again from its beginning: see
    `taken`. `asked` and `available` (after the cap) are characters by stratum, for the strata asked for.
    """

    chars: NDArray[np.int64]
    asked: dict[str, int]
    available: dict[str, int]


def taken(text: str, chars: int, document_cap: int | None = None) -> Iterator[str]:
    """What `chars` characters of a document are: as often as it takes the whole of it (or of what the cap leaves)
    and then its beginning."""
    whole = text[:document_cap]
    times, rest = divmod(chars, len(whole)) if whole else (0, 0)
    yield from repeat(whole, times)
    if rest:
        yield whole[:rest]


def choose(
    ids: Sequence[str],
    strata: Sequence[str],
    chars: Sequence[int] | NDArray[np.int64],
    quotas: Mapping[str, int],
    *,
    seed: int,
    document_cap: int | None = None,
) -> Sample:
    """Choose documents, described by three columns of equal length, until each stratum's quota is met.

    Documents of strata without a quota are not taken. Those of strata with too little text are taken again. Raises
    EmptyCorpus for a stratum with a quota and no text at all, SampleError if columns differ
    in length or an id comes twice, OptionError for a quota or cap out of range.
    """
    if not len(ids) == len(strata) == len(chars):
        raise SampleError(f"{len(ids)} ids, {len(strata)} strata and {len(chars)} lengths don't make a table")
    if document_cap is not None and document_cap < 1:
        raise OptionError(f"document_cap = {document_cap}: take at least 1 character of a document, or set no cap")
    for name, quota in quotas.items():
        if quota < 0:
            raise OptionError(f"stratum {name!r}: a quota of {quota} characters; ask for 0 or more")
    lengths = np.asarray(chars, np.int64)
    if document_cap is not None:
        lengths = np.minimum(lengths, document_cap)
    members: dict[str, list[int]] = {name: [] for name in quotas}
    for row, stratum in enumerate(strata):
        if stratum in members:
            members[stratum].append(row)
    found = np.zeros(len(ids), np.int64)
    available = {}
    for name in sorted(quotas):
        rows = np.array(members[name], np.int64)
        available[name] = int(lengths[rows].sum())
        if quotas[name] and not available[name]:
            raise EmptyCorpus(f"stratum {name!r} is to give {quotas[name]:,} characters and has no text: leave it out")
        rows = rows[_order([ids[row] for row in rows], seed)]
        before = np.cumsum(lengths[rows]) - lengths[rows]
        times, rest = divmod(quotas[name], available[name]) if available[name] else (0, 0)
        found[rows] = times * lengths[rows] + np.clip(rest - before, 0, lengths[rows])
    return Sample(found, {name: quotas[name] for name in sorted(quotas)}, available)


def _order(ids: Sequence[str], seed: int) -> NDArray[np.intp]:
    """The order of ids by a 128-bit keyed hash."""
    key = str(seed).encode()
    hashes = b"".join([hashlib.blake2b(name.encode(), digest_size=16, key=key).digest() for name in ids])
    table = np.frombuffer(hashes, ">u8").reshape(-1, 2)
    order = np.lexsort((table[:, 1], table[:, 0]))
    same = np.flatnonzero((table[order[1:]] == table[order[:-1]]).all(axis=1))
    if len(same):
        raise SampleError(f"two documents have the id {ids[order[same[0]]]!r}: ids must be unique in a dataset")
    return order
