"""Anyone's own files with fields: which field is the text, and which the id, is an option."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from corpora.reading import Record, Slice
from corpora.sources.base import ParsedRecord, Source

_OPTIONAL = ("language", "license", "url", "date")


@dataclass(frozen=True, kw_only=True)
class OwnFields(Source):
    """Records with a text field.

    text_field  field that holds the text
    id_field    field that holds the id, unique; without it a record's id is its folder, its file and its place there
    """

    LANGUAGE: ClassVar[str] = "und"
    OWN: ClassVar[bool] = True

    text_field: str = "text"
    id_field: str = ""

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """The fields asked for."""
        return (frozenset({self.text_field, self.id_field} - {""}),)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every field that is used where there is one."""
        return tuple(dict.fromkeys(name for name in (self.text_field, self.id_field, *_OPTIONAL) if name))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document; language, license, url and date are taken from fields so called."""
        fields = record.value
        known = {name: fields[name] for name in _OPTIONAL if isinstance(fields.get(name), str)}
        place = f"{part.file.name}#{record.key}"
        return ParsedRecord(
            text=fields.get(self.text_field), id=fields.get(self.id_field) if self.id_field else place, **known
        )
