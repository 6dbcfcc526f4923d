"""Base class of the sources for the user's own files of text. Their encoding is an option."""

from __future__ import annotations

from dataclasses import dataclass, field

from corpora.reading import File, Kind, encoding_of, sniff, text_kind
from corpora.sources.base import Source


@dataclass(frozen=True, kw_only=True)
class Encoded(Source):
    """Files of text. Raises ValueError for an encoding that does not exist."""

    encoding: str | None = field(
        default=None,
        metadata={
            "description": "encoding of the files that are not UTF-8: windows-1256, iso-8859-6, mac-arabic, utf-16, "
            "...; without it they are refused, with utf-8 their lines are dropped"
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoding is not None:
            encoding_of(self.encoding)

    def kind_of(self, file: File) -> Kind:
        """Return the kind of a file, with its encoding. Raises BadInput if it is binary or in another encoding."""
        return text_kind(file, sniff(file), self.encoding, can_name=True)
