"""Imports of ids that other programs wrote, for tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sharding.errors import InputError
from sharding.packing import INDEX, MASKED, IdRange, import_ids

LABELS = {"source": "old", "language": "und", "category": "unknown"}


def vocabulary(size: int = 1000, bos: int | None = None, eos: int | None = None, pad: int | None = None) -> IdRange:
    sizes = np.arange(size, dtype=np.int32) % 7
    return IdRange(size, bos, eos, sizes, sizes // 2, pad)


def imported(
    path: Path, id_range: IdRange, column: str | None = None
) -> tuple[list[list[int]], pa.Table, dict[str, int]]:
    """Return the documents of a file, its index, and the numbers of removed ids."""
    sink = io.BytesIO()
    result = import_ids(path, id_range, LABELS, sink, column=column)
    ids = np.frombuffer(sink.getvalue(), "<u2" if id_range.size <= 65_536 else "<u4")
    assert result.tokens == len(ids)
    assert result.index.schema == (INDEX if result.mask is None else pa.unify_schemas([INDEX, MASKED]))
    pairs = zip(result.index["offset"].to_pylist(), result.index["tokens"].to_pylist(), strict=True)
    return [ids[offset : offset + tokens].tolist() for offset, tokens in pairs], result.index, result.removed


def refusal(path: Path, id_range: IdRange | None = None, column: str | None = None) -> str:
    """Return the message of the InputError, which must name the file."""
    with pytest.raises(InputError) as error:
        imported(path, id_range or vocabulary(), column)
    assert path.name in str(error.value)
    return str(error.value)
