"""Zero-copy access to Arrow text columns as UTF-8 bytes and offsets, for compiled loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow


def chunks(texts: pyarrow.ChunkedArray) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Yield each non-empty chunk of a text column as (bytes, offsets).

    bytes    uint8: the UTF-8 of the chunk's texts, concatenated
    offsets  int64, shape (texts + 1,): text k is `bytes[offsets[k] : offsets[k + 1]]`

    Both are views of Arrow's buffers.
    """
    for chunk in texts.cast(pyarrow.large_string()).chunks:
        _, bounds, data = chunk.buffers()
        offsets = np.frombuffer(bounds, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1] if len(chunk) else None
        if offsets is not None:
            yield np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), offsets
