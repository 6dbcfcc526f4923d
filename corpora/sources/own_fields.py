"""Base class of the sources for the user's own files with fields. Options name the fields.

A field inside an object is named by its path: `meta.url` is the field `url` of the object `meta`. A field whose own
name has a dot is found too.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from corpora.errors import BadInput
from corpora.reading import File, Record, Slice
from corpora.sources.base import ParsedRecord, Skip, Source
from corpora.sources.field_paths import value_at
from corpora.sources.values import as_text, json_like

LABELS = ("url", "date", "language", "license")
"""Values of a document that are read from a field of the same name, unless an option names another field."""

SHOWN = 30
"""Number of names of fields in a message."""


@dataclass(frozen=True, kw_only=True)
class OwnFields(Source):
    """Records with a text field. A field that an option names must be present in the file."""

    LANGUAGE: ClassVar[str] = "und"
    OWN: ClassVar[bool] = True

    text_field: str = field(
        default="text",
        metadata={"description": "name of the field with the text; meta.text is the field text of the object meta"},
    )
    id_field: str = field(
        default="",
        metadata={
            "description": "name of the field with a unique id; without it, the id is folder, file and position of "
            "the record"
        },
    )
    url_field: str = field(
        default="", metadata={"description": "name of the field with the address; without it, url if there is one"}
    )
    date_field: str = field(
        default="", metadata={"description": "name of the field with the date; without it, date if there is one"}
    )
    language_field: str = field(
        default="",
        metadata={"description": "name of the field with the language; without it, language if there is one"},
    )
    license_field: str = field(
        default="", metadata={"description": "name of the field with the licence; without it, license if there is one"}
    )
    metadata_fields: tuple[str, ...] = field(
        default=(),
        metadata={
            "description": "names of fields that are kept in the metadata; all documents with the same book are in "
            "one split"
        },
    )

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """The fields that the options name."""
        return (frozenset(self._names()),)

    def _names(self) -> dict[str, str]:
        """Return the names of the fields that the options name, each with its option."""
        options = [f"{value}_field" for value in ("text", "id", *LABELS)]
        names = {getattr(self, option): option for option in options} | dict.fromkeys(
            self.metadata_fields, "metadata_fields"
        )
        return {name: option for name, option in names.items() if name}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a table that hold the fields, required and optional, without repetition."""
        names = (*self._names(), *LABELS)
        return tuple(dict.fromkeys(column for name in names for column in (name, name.partition(".")[0])))

    def _check_fields(self, file: File, records: Sequence[Mapping[str, Any]]) -> None:
        present = set().union(*records)
        for name, option in self._names().items():
            if records and name not in present:
                closest = difflib.get_close_matches(name, sorted(present), n=3, cutoff=0.5)
                mend = f"did you mean {' or '.join(closest)}? write it as {option}" if closest else ""
                names = ", ".join(sorted(present)[:SHOWN]) + (", ..." if len(present) > SHOWN else "")
                reason = f"source {self.name} expects the field {name} ({option}), found {{{names}}}"
                raise BadInput(file.path, reason, mend=mend)

    @cached_property
    def _label_fields(self) -> list[tuple[str, str, bool]]:
        """Each label, its field, and whether an option names the field."""
        named = {label: getattr(self, f"{label}_field") for label in LABELS}
        return [(label, name or label, bool(name)) for label, name in named.items()]

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        labels: dict[str, Any] = {}
        for label, name, named in self._label_fields:
            value = fields.get(name)
            if value is None and named:
                value = value_at(fields, name)
            if isinstance(value, str):
                labels[label] = value
            elif value is not None:
                text = as_text(value, number=label == "date")
                if text is None and named:
                    raise Skip(f"field {name} is not a string")
                labels[label] = text or ""
        text = fields.get(self.text_field)
        id_ = value_at(fields, self.id_field) if self.id_field else f"{part.file.name}#{record.key}"
        return ParsedRecord(
            text=value_at(fields, self.text_field) if text is None else text,
            id=id_,
            metadata={name: json_like(value_at(fields, name)) for name in self.metadata_fields},
            **labels,
        )
