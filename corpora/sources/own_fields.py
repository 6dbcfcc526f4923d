"""Base class of the sources for the user's own files with fields. The fields of text and id are options."""

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

    text_field  name of the field with the text
    id_field    name of the field with a unique id; if "", the id is folder, file and position of the record
    """

    LANGUAGE: ClassVar[str] = "und"
    OWN: ClassVar[bool] = True

    text_field: str = "text"
    id_field: str = ""

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """The fields named by the options."""
        return (frozenset({self.text_field, self.id_field} - {""}),)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all required and optional fields, without repetition."""
        return tuple(dict.fromkeys(name for name in (self.text_field, self.id_field, *_OPTIONAL) if name))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document. Language, license, url and date are taken from the fields of the same name."""
        fields = record.value
        labels = {name: fields[name] for name in _OPTIONAL if isinstance(fields.get(name), str)}
        id_ = fields.get(self.id_field) if self.id_field else f"{part.file.name}#{record.key}"
        return ParsedRecord(text=fields.get(self.text_field), id=id_, **labels)
