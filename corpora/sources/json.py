"""Your own JSON files, plain or compressed.

reads     an array of objects or of strings, on one line or many; with option records, those under a key (hadiths,
          data.items); a file of lines as JSON lines; a file that is one object as one record. A file that is no lines
          is read by one task, in memory for one record
text      field named by option text_field (default: text)
id        field named by option id_field; else folder, file name and number of the record (byte offset of a line)
licence   field license, or the one named by option license_field; else option license
language  field language, or the one named by option language_field; else that of the path; else option language, else
          und (undetermined)
category  option category, else by language: english, code, else arabic
dirt      records that are not JSON, not UTF-8 or have no text are dropped and counted
facts     RFC 8259
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from corpora.reading import Format
from corpora.reading import Json as JsonFormat
from corpora.sources.encoded import Encoded
from corpora.sources.own_fields import OwnFields


@dataclass(frozen=True, kw_only=True)
class Json(Encoded, OwnFields):
    """Objects of JSON files."""

    name: ClassVar[str] = "json"
    FILES: ClassVar[tuple[str, ...]] = ("*.json", "*.json.*")

    records: str = field(
        default="",
        metadata={
            "description": "keys that lead to the records, joined by dots (hadiths, data.items); `*` is any key, and "
            "arrays on the way are entered"
        },
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON."""
        return (JsonFormat(self.records),)
