"""Your own CSV files, with a header.

reads     CSV or, with option delimiter, TSV; plain or compressed; each file is read by one task
text      column named by option text_field (default: text)
id        column named by option id_field; else folder, file name and row number
licence   column license, or the one named by option license_field; else option license
language  column language, or the one named by option language_field; else that of the path; else option language, else
          und (undetermined)
category  option category, else by language: english, code, else arabic
dirt      rows with more or fewer fields than the header, or with a quote that is never closed, are dropped and
          counted; quotes inside a quoted field are read as Python's csv does
facts     RFC 4180
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from corpora.reading import Csv as CsvFormat
from corpora.reading import Format
from corpora.sources.encoded import Encoded
from corpora.sources.own_fields import OwnFields


@dataclass(frozen=True, kw_only=True)
class Csv(Encoded, OwnFields):
    """Rows of CSV files with a header."""

    name: ClassVar[str] = "csv"
    FILES: ClassVar[tuple[str, ...]] = ("*.csv", "*.csv.*", "*.tsv", "*.tsv.*")

    delimiter: str = field(default=",", metadata={"description": "character between two fields, such as ';' or a tab"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(
                f"option 'delimiter': {self.delimiter!r} is not one character; examples are ',', ';' and a tab"
            )

    @property
    def formats(self) -> tuple[Format, ...]:
        """CSV."""
        return (CsvFormat(self.delimiter),)
