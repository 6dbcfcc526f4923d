"""Windows: the unit of packing. The rows of a window are a pure function of its documents and its carried pieces.

Packing all documents of a stratum together would save 0.01 % of space and need unbounded memory. A window of 100,000
documents is packed in 5 ms, so the plan stores no segments: the windows of a shard are packed again when it is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharding.options import PackOptions
from sharding.packing.best_fit import pack_rows
from sharding.packing.plan import Piece

WINDOW_TOKENS = 1 << 28  # limit of a window of more than one document: 100,000 books have 10,000 million

Int = npt.NDArray[np.int64]


class PackedWindow(NamedTuple):
    """Segments of a window in row order.

    item: index in the items of the window, which are the carried pieces followed by the documents; offset, position,
    length: as in `layout.SEGMENT`; all of shape (segments,); carry: pieces for the next window, less than a row.
    """

    item: npt.NDArray[np.int32]
    offset: Int
    position: npt.NDArray[np.uint16]
    length: npt.NDArray[np.uint16]
    carry: list[Piece]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(np.count_nonzero(self.position == 0))


def next_window(streams: Int, options: PackOptions, *, last: bool) -> int:
    """Return the number of documents of a stratum's next window, 0 if more documents may belong to it.

    streams: tokens of each document that follows the windows before, with BOS and EOS, int64, (n,). last: no more
    documents follow these.
    """
    streams = streams[: options.window]
    full = int(np.searchsorted(np.cumsum(streams), WINDOW_TOKENS, side="right"))
    if not last and full == len(streams) < options.window:
        return 0
    return min(max(full, 1), len(streams))


def pack_window(carry: Sequence[Piece], ordinals: Int, streams: Int, options: PackOptions) -> PackedWindow:
    """Pack the carried pieces and the documents of a window into full rows.

    carry: pieces of the previous window; ordinals: of the documents; streams: their tokens with BOS and EOS; both
    int64, (n,).
    """
    documents = np.concatenate([np.array([piece[0] for piece in carry], np.int64), ordinals])
    lengths = np.concatenate([np.array([piece[2] for piece in carry], np.int64), streams])
    packed = pack_rows(lengths, options.row_tokens, options.policy)
    begins = np.zeros(len(lengths), np.int64)
    begins[: len(carry)] = [piece[1] for piece in carry]
    offset = begins[packed.item] + packed.offset
    end = len(packed.item) - packed.carried
    remaining = [
        (int(documents[packed.item[k]]), int(offset[k]), int(packed.length[k])) for k in range(end, len(packed.item))
    ]
    return PackedWindow(packed.item[:end], offset[:end], packed.position[:end], packed.length[:end], remaining)
