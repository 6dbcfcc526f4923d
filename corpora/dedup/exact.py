"""Fingerprints of documents: equal ones have equal texts, or equal ids.

Two texts are equal if they agree after tashkeel and tatweel are removed, ASCII letters are in lower case, and each run
of white space is one space (none at the ends). Alef, hamza and all other letters must agree. The 128-bit xxh3 digests
of these canonical texts are compared: among 10^10 documents the probability of one false match is about 10^-19.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
import xxhash
from numba import njit

from corpora.arrow_text import chunks

FINGERPRINT = np.dtype([("text", "<u8", (2,)), ("id", "<u8", (2,)), ("evaluation", "<u2"), ("source", "<u4")])
"""Fingerprint of one document.

text: xxh3-128 of the canonical text. id: xxh3-128 of the id. evaluation: 1 + the index of the matching evaluation set;
0 if none. source: index of its source in a list of all.
"""

Fingerprints = npt.NDArray[np.void]


def fingerprints(table: pyarrow.Table) -> Fingerprints:
    """Return the fingerprints of a part's documents, dtype FINGERPRINT, shape (rows,).

    table: has the columns id and text. The fields `evaluation` and `source` are 0; the caller fills them.
    """
    result = np.zeros(table.num_rows, FINGERPRINT)
    for row, text in enumerate(_byte_strings(table["text"])):
        target = np.empty(text.size, np.uint8)
        result["text"][row] = _halves(xxhash.xxh3_128_digest(target[: _canonical(text, target)].data))
    result["id"] = name_keys(table["id"])
    return result


def name_keys(names: pyarrow.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Return the keys of ids or of names of groups, uint64 (names, 2). Equal keys have equal names."""
    keys = np.empty((len(names), 2), np.uint64)
    for row, name in enumerate(_byte_strings(names)):
        keys[row] = _halves(xxhash.xxh3_128_digest(name.data))
    return keys


def canonical(text: bytes) -> bytes:
    """Return the canonical form of a UTF-8 text. Texts with the same canonical form are exact duplicates."""
    source = np.frombuffer(text, np.uint8)
    target = np.empty(source.size, np.uint8)
    return target[: _canonical(source, target)].tobytes()


def _halves(digest: bytes) -> tuple[int, int]:
    """Return a digest of 16 bytes as two little-endian integers."""
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _byte_strings(column: pyarrow.ChunkedArray) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the UTF-8 bytes of each string of a column, without a copy."""
    for data, offsets in chunks(column):
        for start, stop in itertools.pairwise(offsets):
            yield data[start:stop]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _canonical(source: Any, target: Any) -> int:
    """Write the canonical form of the UTF-8 text `source` to `target`; return its length in bytes."""
    out = 0
    space = False
    i = 0
    while i < source.size:
        byte = source[i]
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            space = True
            i += 1
            continue
        # U+0640; U+064B to U+065F without hamza and maddah (U+0653 to U+0655); U+0670.
        if i + 1 < source.size:
            second = source[i + 1]
            harakat = byte == 0xD9 and ((0x8B <= second <= 0x9F and not 0x93 <= second <= 0x95) or second == 0x80)
            if harakat or (byte == 0xD9 and second == 0xB0):
                i += 2
                continue
        if space and out:
            target[out] = 0x20
            out += 1
        space = False
        target[out] = byte + 0x20 if 0x41 <= byte <= 0x5A else byte
        out += 1
        i += 1
    return out
