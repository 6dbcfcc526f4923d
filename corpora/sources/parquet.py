"""Your own Parquet files.

reads     Parquet; a large file is split into ranges of rows
text      column named by option text_field (default: text)
id        column named by option id_field; else folder, file name and row number
licence   column license, or the one named by option license_field; else option license
language  column language, or the one named by option language_field; else that of the path; else option language, else
          und (undetermined)
category  option category, else by language: english, code, else arabic
dirt      rows whose text is null, empty or not UTF-8 are dropped and counted
facts     https://parquet.apache.org/docs/file-format
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format
from corpora.reading import Parquet as ParquetFormat
from corpora.sources.own_fields import OwnFields


@dataclass(frozen=True, kw_only=True)
class Parquet(OwnFields):
    """Rows of Parquet files."""

    name: ClassVar[str] = "parquet"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (ParquetFormat(self.text_field, self.columns),)
