"""Base class of the sources whose files are editions of classical works and of their translations.

Repositories of such editions have each text several times: a file of the whole edition, files of its parts in a folder
of the same name (`ara-bukhari.json`, `ara-bukhari/1.json`), and a short form of each (`ara-bukhari.min.json`). Each
text is read once, from the largest file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.errors import BadInput
from corpora.reading import SURROGATE, File, Lost, Record, Slice, Whole, json_value, read_whole
from corpora.sources.base import Category, Quality, Source
from corpora.sources.labelling import category_by_language

_INDEXES = ("chapters", "editions", "empty_ayahs", "fonts", "index", "info", "manifest", "package", "recitations")
"""Names of files that list the editions, without texts."""

_PARTS = re.compile(r"\d+|sections|chapters|verses|juzs|rukus|pages|manzils|maqras")
"""Names of folders and files of parts of an edition."""


@dataclass(frozen=True, kw_only=True)
class Editions(Source):
    """Editions of classical works: texts in Arabic are classical, translations have the category of their language."""

    CATEGORY: ClassVar[Category | None] = "classical"

    def category_of(self, language: str, text: str = "") -> Category:
        """Return the category of an edition in a language."""
        if self.category or language == "arb_Arab":
            return super().category_of(language, text)
        return category_by_language(language, text)

    def profile_of(self, columns: Mapping[str, Any]) -> Quality | None:
        """Return "reference" for a text in Arabic, which is an entry or a verse, else None: by category."""
        return self.quality_profile or ("reference" if columns["category"] == "classical" else None)

    def select(self, files: list[File]) -> list[File]:
        """Return the files of whole editions, and the files of parts of other editions."""
        texts = [file for file in files if _stem(file.name).rsplit("/", 1)[-1] not in _INDEXES]
        stems = {_stem(file.name) for file in texts}
        long = {_stem(file.name) for file in texts if not file.name.endswith(".min.json")}
        return [
            file
            for file in texts
            if not (file.name.endswith(".min.json") and _stem(file.name) in long)
            and not any(folder in stems for folder in _folders(file.name))
        ]


def _stem(name: str) -> str:
    return name.removesuffix(".json").removesuffix(".min")


def _folders(name: str) -> Iterator[str]:
    """Yield the folders of a file: "a" and "a/b" of "a/b/c"."""
    for end, char in enumerate(name):
        if char == "/":
            yield name[:end]


def edition_of(path: str) -> str:
    """Return the edition of a file: its name, or that of the first folder above it that is not one of parts."""
    for part in reversed(_stem(path).split("/")):
        if not _PARTS.fullmatch(part):
            return part
    return ""


class WholeJson(Whole):
    """A JSON file that is parsed at once.

    records      returns the records of the parsed value, None if it is not a file of the source
    description  name of the format in messages
    """

    containers = frozenset({"stream"})

    def __init__(self, records: Callable[[Any], Iterable[Any] | None], description: str) -> None:
        self.records, self.description = records, description

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        try:
            data = read_whole(part).removeprefix(b"\xef\xbb\xbf")
            records = self.records(json_value(data))
        except UnicodeDecodeError as error:
            raise BadInput(part.file.path, "is not UTF-8", place=f"byte {error.start}") from error
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadInput(part.file.path, f"is not JSON ({error.msg})", place=place) from error
        if records is None:
            reason = f"is not {self.description}"
            raise BadInput(part.file.path, reason, mend="check whether it is a file of another source")
        suspicious = SURROGATE.search(data) is not None
        for number, value in enumerate(records):
            encoded = json.dumps(value, ensure_ascii=False) if suspicious else ""
            try:
                encoded.encode()
            except UnicodeEncodeError:
                yield Lost(number, "lone surrogate", len(encoded.encode(errors="surrogatepass")))
            else:
                yield Record(number, value)
