"""Windows: the unit of packing. A window's rows are a pure function of its documents and of what it carries in.

Packing all documents of a stratum at once would gain 0.01 % of space and cost memory without bound; a window
of 100,000 documents is packed in 5 ms, so that a shard is made by packing its windows again from the plan
instead of storing segments there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharding.options import PackOptions
from sharding.packing.best_fit import pack_rows
from sharding.packing.plan import Piece

WINDOW_TOKENS = 1 << 28  # a window closes at so many tokens, too: 100,000 books would be 10,000 million

Int = npt.NDArray[np.int64]


class PackedWindow(NamedTuple):
    """Segments in row order, each an index into the window's items: first the pieces carried in, then documents."""

    item: npt.NDArray[np.int32]
    offset: Int  # in the document's stream
    position: npt.NDArray[np.uint16]
    length: npt.NDArray[np.uint16]
    carry: list[Piece]

    @property
    def rows(self) -> int:
        return int(np.count_nonzero(self.position == 0))


def cut_windows(streams: Int, options: PackOptions) -> Iterator[slice]:
    """Cut the documents of a stratum, given the lengths of their streams, into windows."""
    ends = np.cumsum(streams)
    start = 0
    while start < len(streams):
        before = int(ends[start - 1]) if start else 0
        full = int(np.searchsorted(ends, before + WINDOW_TOKENS, side="right"))
        stop = max(min(start + options.window, full), start + 1)
        yield slice(start, stop)
        start = stop


def pack_window(carry: Sequence[Piece], ordinals: Int, streams: Int, options: PackOptions) -> PackedWindow:
    """Pack what was carried in and the documents of a window into full rows."""
    documents = np.concatenate([np.array([piece[0] for piece in carry], np.int64), ordinals])
    lengths = np.concatenate([np.array([piece[2] for piece in carry], np.int64), streams])
    packed = pack_rows(lengths, options.row_tokens, options.policy)
    begins = np.zeros(len(lengths), np.int64)
    begins[: len(carry)] = [piece[1] for piece in carry]
    offset = begins[packed.item] + packed.offset
    end = len(packed.item) - packed.carried
    left = [
        (int(documents[packed.item[k]]), int(offset[k]), int(packed.length[k])) for k in range(end, len(packed.item))
    ]
    return PackedWindow(packed.item[:end], offset[:end], packed.position[:end], packed.length[:end], left)
