"""What a source reads from one record: the values of a document, or a reason to drop the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ParsedRecord:
    """The values of a document. The record is dropped if `text` or a label is not a string, or `id` is None or "".

    id        string or number, unique in the source
    language  any name of a language, "" if the record has none; likewise license, url and date
    raw       text of the record before parts were removed, if any were
    removed   removed parts of `raw`, joined, by reason
    """

    text: Any
    id: Any
    language: str = ""
    license: str = ""
    url: str = ""
    date: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None
    removed: Mapping[str, str] = field(default_factory=dict)


class Skip(Exception):
    """Raised by `Source.parse` to drop a record. `text` is the text of the record, whose size is counted."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.reason, self.text = reason, text
