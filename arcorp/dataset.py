"""A packed dataset for inspection: rows, their text, and the documents that they were packed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import sharding
from arcorp.failures import failures

if TYPE_CHECKING:
    from arcorp.tokenizer import Tokenizer
    from sharding.rows import Split


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a document in a row.

    Attributes:
        id: id of the document; source, language, category, license and url are the document's too.
        position: index of the piece's first token in the row.
        offset: number of tokens of the document before this piece, BOS included.
        ids: tokens of the piece.
    """

    id: str
    source: str
    language: str
    category: str
    license: str | None
    url: str | None
    position: int
    offset: int
    ids: list[int]


class Rows:
    """The rows of a split: `len(rows)`, `rows[i]`, `rows[2:5]`, `rows[[7, 1]]`."""

    def __init__(self, split: Split) -> None:
        self._split = split

    def __len__(self) -> int:
        return self._split.rows

    def __getitem__(self, index: int | slice | Sequence[int]) -> npt.NDArray[Any]:
        """Ids of one row, (row_tokens,), or of several, (n, row_tokens); uint16, or uint32 for large vocabularies."""
        if isinstance(index, slice):
            return self._split.read(np.arange(*index.indices(len(self))), raw=True).ids
        numbers = np.asarray(index, np.int64)
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        ids = self._split.read(numbers.reshape(-1), raw=True).ids
        return ids if numbers.ndim else ids[0]


class Dataset(sharding.Dataset):
    """A packed dataset: what the trainer reads (`batch`, `schedule`, `order_hash`), and what a person looks at.

    Args:
        path: folder of a dataset.
        schedule: name of the schedule's file in the folder, or its path, which has a slash (`./half.json`); None to
            open rows alone.

    Raises:
        Failure: a folder that is no dataset, is unfinished, or was changed since it was sealed.

    Examples:
        >>> data = arcorp.Dataset("out/demo/dataset")
        >>> len(data) == len(data.rows)
        True
        >>> data.text(0)[:7]
        '<|bos|>'
        >>> sum(len(segment.ids) for segment in data.documents(0)) == data.row_tokens
        True
    """

    def __init__(self, path: Path | str, schedule: str | None = "schedule.json") -> None:
        with failures():
            super().__init__(path, schedule)

    def __repr__(self) -> str:
        rows, tokens = len(self), self.row_tokens
        return (
            f"Dataset({str(self.path)!r}, {rows:,} rows of {tokens:,} tokens, "
            f"{self.validation.rows:,} for validation, {self.steps:,} steps)"
        )

    def __len__(self) -> int:
        """Number of training rows."""
        return self.train.rows

    @property
    def rows(self) -> Rows:
        """Training rows."""
        return Rows(self.train)

    @property
    def validation_rows(self) -> Rows:
        """Validation rows."""
        return Rows(self.validation)

    def text(self, row: int, *, split: str = "train") -> str:
        """Return the text of a row, special tokens by name.

        Args:
            row: number of the row in its split.
            split: "train" or "validation".
        """
        rows = self.validation_rows if split == "validation" else self.rows
        return self._opened.decode(rows[row].tolist())

    def documents(self, row: int, *, split: str = "train") -> list[Segment]:
        """Return the pieces of documents that a row holds, in order.

        Args:
            row: number of the row in its split.
            split: "train" or "validation".
        """
        from sharding.checking import row_view

        with failures():
            views = row_view(self.path, split, row)
        return [
            Segment(
                id=view.document.id,
                source=view.document.source,
                language=view.document.language,
                category=view.document.category,
                license=view.document.license,
                url=view.document.url,
                position=view.position,
                offset=view.offset,
                ids=view.ids,
            )
            for view in views
        ]

    @cached_property
    def _opened(self) -> Tokenizer:
        from arcorp.tokenizer import Tokenizer

        return Tokenizer(self.tokenizer)
