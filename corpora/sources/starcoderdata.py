"""StarCoderData: source files by programming language, the training set of StarCoder.

reads     Parquet: <language>/train-NNNNN-of-NNNNN.parquet
text      content
id        folder of the language, file name and id (id is a row number, and each language has a file 00000)
licence   that of each repository, always permissive; the rows do not contain it
language  from the folder name: python is Python
category  code
dirt      the tags <reponame>, <filename>, <gh_stars> of StarCoder's training at the beginning of a content are removed
facts     columns from the files of bigcode/starcoderdata; tags from the card of the model (not checked on real rows)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Profile, Source

_TAGS = re.compile(r"(?:<reponame>[^<\n]*)?(?:<filename>[^<\n]*)?(?:<gh_stars>[^<\n]*)?\n?")
_LANGUAGES = {"javascript": "JavaScript", "typescript": "TypeScript", "cpp": "C++", "c-sharp": "C#", "php": "PHP"}


@dataclass(frozen=True, kw_only=True)
class StarCoderData(Source):
    """Rows of StarCoderData."""

    name: ClassVar[str] = "starcoderdata"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"max_stars_repo_path", "content", "id"}),)
    CATEGORY: ClassVar[Category | None] = "code"
    LICENSE: ClassVar[str] = "permissive, by repository"
    cleaning: ClassVar[Profile] = "code"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("content", ("max_stars_repo_path", "max_stars_repo_name", "id", "content")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one source file."""
        fields = record.value
        content = fields["content"]
        tags = _TAGS.match(content) if isinstance(content, str) and content.startswith("<") else None
        folder = PurePath(part.file.path).parent.name
        name = part.file.name if "/" in part.file.name else f"{folder}/{part.file.name}"
        return ParsedRecord(
            text=content[tags.end() :] if tags else content,
            raw=content if tags else None,
            id=f"{name}/{fields['id']}",
            language=_LANGUAGES.get(folder, folder.capitalize()),
            metadata={"repo": fields.get("max_stars_repo_name"), "path": fields["max_stars_repo_path"]},
        )
