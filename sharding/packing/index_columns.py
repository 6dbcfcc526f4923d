"""The columns of the index of a part of tokens: a row for each document, beside the file of its ids."""

from __future__ import annotations

import pyarrow as pa

INDEX = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "language", "category", "license", "url", "cluster")]
    + [(name, pa.int64()) for name in ("offset", "tokens", "bytes", "chars")]
)
"""Columns of a part's index in a tokens folder. `offset`: first token in the part's .bin."""

MASKED = pa.schema([("trained", pa.int64()), ("ends", pa.bool_())])
"""More columns of an index whose part has a `.mask`: the number of ids of a document that are trained on, and whether
the EOS that packing adds to it is. Both are null for a document without a mask, which is trained on as a whole."""
