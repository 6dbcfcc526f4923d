"""Your own CSV files, with a header.

reads     CSV or, with option delimiter, TSV; plain or compressed; each file is read by one task
text      column named by option text_field (default: text)
id        column named by option id_field; else folder, file name and row number
licence   column license if there is one, else option license
language  option language, else column language, else und (undetermined)
category  option category, else english for eng_Latn, else arabic
options   text_field, id_field, delimiter
dirt      rows with more or fewer fields than the header are dropped and counted
facts     RFC 4180
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Csv as CsvFormat
from corpora.reading import Format
from corpora.sources.own_fields import OwnFields


@dataclass(frozen=True, kw_only=True)
class Csv(OwnFields):
    """Rows of CSV files with a header.

    delimiter  one character between fields
    """

    name: ClassVar[str] = "csv"
    FILES: ClassVar[tuple[str, ...]] = ("*.csv", "*.csv.*", "*.tsv", "*.tsv.*")

    delimiter: str = ","

    @property
    def formats(self) -> tuple[Format, ...]:
        """CSV."""
        return (CsvFormat(self.delimiter),)
