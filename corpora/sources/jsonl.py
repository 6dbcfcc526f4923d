"""Your own JSON lines, plain or compressed.

reads     one JSON object or string per line: .jsonl, .jsonl.zst, .jsonl.gz, ...
text      field named by option text_field (default: text)
id        field named by option id_field; else folder, file name and byte offset of the line
licence   field license, or the one named by option license_field; else option license
language  field language, or the one named by option language_field; else that of the path; else option language, else
          und (undetermined)
category  option category, else by language: english, code, else arabic
dirt      lines that are not JSON, not UTF-8 or have no text are dropped and counted
facts     https://jsonlines.org
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, JsonLines
from corpora.sources.encoded import Encoded
from corpora.sources.own_fields import OwnFields


@dataclass(frozen=True, kw_only=True)
class Jsonl(Encoded, OwnFields):
    """Objects of JSON lines files."""

    name: ClassVar[str] = "jsonl"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*", "*.ndjson", "*.ndjson.*")

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines."""
        return (JsonLines(),)
