"""Your own text files, plain or compressed.

reads     UTF-8 text: .txt, .txt.gz, .md, ...
text      the whole file; or, with option split, each block of lines between empty lines, or each line
id        folder and file name; for a block or line also its byte offset
licence   option license
language  that of the path, else option language, else und (undetermined)
category  option category, else by language: english, code, else arabic
dirt      lines that are not UTF-8 are removed and counted in bytes
facts     none needed
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from corpora.reading import Blocks, Format, Lines, Record, Slice, Whole
from corpora.sources.base import ParsedRecord
from corpora.sources.encoded import Encoded


@dataclass(frozen=True, kw_only=True)
class Text(Encoded):
    """Plain text files."""

    name: ClassVar[str] = "text"
    FILES: ClassVar[tuple[str, ...]] = ("*.txt", "*.txt.*", "*.text", "*.md")
    LANGUAGE: ClassVar[str] = "und"
    OWN: ClassVar[bool] = True

    split: Literal["file", "blocks", "lines"] = field(
        default="file",
        metadata={"description": "what becomes a document: the file, each block between empty lines, or each line"},
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """The format for the option `split`."""
        return ({"file": Whole, "blocks": Blocks, "lines": Lines}[self.split](),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One file, block or line, one document."""
        return ParsedRecord(
            text=record.value, id=part.file.name if self.split == "file" else f"{part.file.name}#{record.key}"
        )
