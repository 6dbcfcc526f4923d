"""Bits of masks: one for each id, eight in a byte, the first in the lowest bit (`numpy.packbits`, order `little`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]


class BitWriter:
    """Packs values that arrive in chunks of any size. `add` returns the whole bytes so far, `end` the last one."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.bool_)

    def add(self, values: Bools) -> bytes:
        """Return the bytes that `values`, bool, (n,), complete."""
        bits = np.concatenate([self._rest, values])
        whole = len(bits) - len(bits) % 8
        self._rest = bits[whole:]
        return np.packbits(bits[:whole], bitorder="little").tobytes()

    def end(self) -> bytes:
        """Return the last byte, filled up with zeros; nothing if all are complete."""
        return np.packbits(self._rest, bitorder="little").tobytes()
