"""The base class of a source, which reads the files of one corpus as documents.

A subclass declares the names of its files, their formats and the required fields. Its method `parse` converts a record
to a document. The base class finds files, splits them into units, refuses files of another corpus (and names the
source that fits), reads and counts records, and sets ids, labels and limits.

A *unit* is the input of one task and of one part of the documents folder: slices of files with together about 32 MiB
of text, or one compressed file. Units depend only on the inputs and options, not on the number of workers.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from datatrove.data import Document

from corpora.addresses import bare
from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput, Changed, NothingFound, Unreachable
from corpora.labels import Category as Category
from corpora.labels import Profile as Profile
from corpora.labels import Quality as Quality
from corpora.reading import (
    SLICE,
    File,
    Format,
    Kind,
    Lost,
    Parquet,
    Reads,
    Record,
    Slice,
    check_unchanged,
    find_files,
    sniff,
)
from corpora.utf8 import utf8_size

UNDETERMINED = "und"
"""Language of a document whose source names none (ISO 639-3)."""

FIRST_RECORDS = 16
"""Number of records that are checked to decide whether a file belongs to a source."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The input of one task.

    slices  slices of files, in order
    limit   maximum number of documents; None: all
    """

    slices: tuple[Slice, ...]
    limit: int | None = None

    @property
    def bytes(self) -> int:
        """Estimated bytes of text."""
        return sum(part.bytes for part in self.slices)

    def to_json(self) -> dict[str, Any]:
        """Return the unit for a plan: names relative to the inputs, sizes and ranges."""
        return {"slices": [part.to_json() for part in self.slices], "bytes": self.bytes, "limit": self.limit}


@dataclass(slots=True)
class ParsedRecord:
    """The values of a document. The record is dropped if `text` or a label is not a string, or `id` is None or "".

    id        string or number, unique in the source
    language  label, "" if the record has none; likewise license, url and date
    raw       text of the record before parts were removed, if any were
    removed   removed parts of `raw`, joined, by reason
    """

    text: Any
    id: Any
    language: str = ""
    license: str = ""
    url: str = ""
    date: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None
    removed: Mapping[str, str] = field(default_factory=dict)


WRONG_FIELDS = "fields unlike the source's"
"""Reason of a record that is dropped because a field is missing or has another type."""


class Skip(Exception):
    """Raised by `Source.parse` to drop a record. `text` is the text of the record, whose size is counted."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.reason, self.text = reason, text


@dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """One corpus. The fields are the options of every source; a subclass adds its own options, with defaults.

    language   language label of all documents, instead of the label from the corpus
    category   category of all documents, instead of the default
    license    licence of all documents, instead of the licence from the corpus
    limit      maximum number of documents of the whole input; the first documents are read
    """

    name: ClassVar[str]
    FILES: ClassVar[tuple[str, ...]]  # fnmatch patterns of the files that are read from a folder
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = ()  # a record must have all the fields of one of these sets
    OWN: ClassVar[bool] = False  # the user's own files: their names include the folder, to be unique
    CATEGORY: ClassVar[Category | None] = None  # None: english for eng_Latn, else arabic
    LANGUAGE: ClassVar[str] = ""
    LICENSE: ClassVar[str] = ""
    cleaning: ClassVar[Profile] = "prose"  # mode of `Clean` for its text
    quality_profile: ClassVar[Quality | None] = None  # rules of profile "source"; None: by category

    language: str = ""
    category: Category | None = None
    license: str = ""
    limit: int | None = None

    # -- definition of a source, for subclasses -------------------------------------------------------

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """Sets of fields; every record has all the fields of one set. Empty if records are not objects."""
        return self.FIELDS

    @property
    @abc.abstractmethod
    def formats(self) -> tuple[Format, ...]:
        """Formats of the corpus. The first format that supports a file's container is used."""

    @abc.abstractmethod
    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """Convert a record of the slice `part` to a document.

        Raises Skip to drop the record with a reason. TypeError, AttributeError, LookupError, ValueError and
        RecursionError drop it with the reason WRONG_FIELDS.
        """

    def category_of(self, language: str) -> Category:
        """Return the category of documents with a language label."""
        return self.category or self.CATEGORY or ("english" if language == "eng_Latn" else "arabic")

    def select(self, files: list[File]) -> list[File]:
        """Return the files to read, of all files that were found."""
        return files

    # -- units ----------------------------------------------------------------------------------------

    def units(self, inputs: Sequence[str | Path], on_bad: Callable[[BadInput], None] | None = None) -> list[Unit]:
        """Find the files of `inputs` (paths, addresses, globs), check their first records and split them into units.

        `on_bad` is called with the error of each bad file, which is then left out. With the option `limit`, the
        documents up to the limit are read once, to find the last unit.

        Raises NothingFound if there is no file or no document, Changed if a file was changed meanwhile, and BadInput
        for the first bad file if `on_bad` is None.
        """
        return self.units_of(self.files(inputs), on_bad)

    def files(self, inputs: Sequence[str | Path]) -> list[File]:
        """Return the files of `inputs` that are read. Raises NothingFound, or BadInput if two names are equal."""
        return self.select(find_files(inputs, self.FILES, folder=self.OWN))

    def units_of(self, files: Sequence[File], on_bad: Callable[[BadInput], None] | None = None) -> list[Unit]:
        """Split files, as returned by `files`, into units. `on_bad` and errors are those of `units`."""
        units: list[Unit] = []
        pending: list[Slice] = []
        for file in files:
            try:
                parts = self.slices(file)
            except BadInput as error:
                if on_bad is None or isinstance(error, Changed):
                    raise
                on_bad(error)
                continue
            for part in parts:
                if pending and sum(waiting.bytes for waiting in pending) + part.bytes > SLICE:
                    units.append(Unit(tuple(pending)))
                    pending = []
                pending.append(part)
        if pending:
            units.append(Unit(tuple(pending)))
        if not units:
            paths = ", ".join(bare(file.path) for file in files[:3]) or "the input"
            raise NothingFound(f"{paths}: no document for source {self.name}")
        return units if self.limit is None else list(self._limited(units, self.limit))

    def slices(self, file: File) -> list[Slice]:
        """Check a file and return its slices. Raises BadInput, which names the source that can read the file."""
        try:
            return self.checked_slices(file)
        except (Unreachable, Changed):
            raise
        except BadInput as error:
            from corpora.sources import matching_sources

            names = matching_sources(file)
            if not names:
                raise
            raise BadInput(error.file, error.reason, place=error.place, mend=_advice(names)) from error

    def checked_slices(self, file: File) -> list[Slice]:
        """Return the slices of a file. Raises BadInput as `slices` does, without trying other sources."""
        kind = sniff(file)
        format_ = self._format(file, kind)
        if isinstance(format_, Parquet):
            self._check_fields(file, [set(format_.schema(file))])
            return list(format_.slices(file, kind))
        parts = list(format_.slices(file, kind))
        self._check_records(file, format_, parts[0])
        return parts

    def _limited(self, units: list[Unit], limit: int) -> Iterator[Unit]:
        for unit in units:
            if limit <= 0:
                return
            count = sum(1 for _ in islice(self.documents(unit, DocumentCounter()), limit))
            yield replace(unit, limit=limit)
            limit -= count

    # -- checks that a file belongs to the source -----------------------------------------------------

    def format_of(self, part: Slice) -> Format:
        """Return the format in which a slice is read. Raises BadInput if no format supports its container."""
        return self._format(part.file, part.kind)

    def _format(self, file: File, kind: Kind) -> Format:
        for format_ in self.formats:
            if kind.container in format_.containers:
                return format_
        supported = " or ".join(format_.description for format_ in self.formats)
        reason = f"is {kind.container}, source {self.name} reads {supported}"
        raise BadInput(file.path, reason, mend="see `arcorp sources`")

    def _check_records(self, file: File, format_: Format, part: Slice) -> None:
        """Check the first records of a file. One valid record is enough, since any file may have a bad line."""
        first = list(islice(format_.rows(part), FIRST_RECORDS))
        records = [record for record in first if isinstance(record, Record)]
        if first and not records:
            reasons = ", ".join(sorted({record.reason for record in first if isinstance(record, Lost)}))
            reason = f"its first {len(first)} records can't be read as {format_.description} ({reasons})"
            mend = f"source {self.name} is for another kind of file; `text` reads plain text"
            raise BadInput(file.path, reason, mend=mend)
        if self.fields:
            values = [record.value for record in records]
            self._check_fields(file, [set(value) if isinstance(value, dict) else set() for value in values])

    def _check_fields(self, file: File, records: list[set[str]]) -> None:
        if not records or any(required <= fields for required in self.fields for fields in records):
            return
        longest: set[str] = max(records, key=len)
        present = ", ".join(sorted(longest))
        expected = " or ".join("{" + ", ".join(sorted(required)) + "}" for required in self.fields)
        reason = f"source {self.name} expects the fields {expected}, found {{{present}}}"
        raise BadInput(file.path, reason, mend="see `arcorp sources`")

    # -- documents ------------------------------------------------------------------------------------

    def documents(
        self, unit: Unit, counter: DocumentCounter, on_bad: Callable[[BadInput], None] | None = None
    ) -> Iterator[Document]:
        """Yield the documents of a unit, in order.

        unit     a unit of this source
        counter  counts all input records, and the dropped records by reason; the hash of the bytes that were read of
                 each slice is added to its `inputs`
        on_bad   called with the error of a bad file; the rest of the slice is then left out

        `metadata` of a document has the columns source, category, language, license, url, date (strings) and metadata
        (a dict). If two documents of a unit have the same id, the first is kept (reason "duplicate id").

        Raises Changed if a file is not the one that was found, and BadInput for a bad file if `on_bad` is None.
        """
        seen: set[str] = set()
        for plain in unit.slices:
            reads = Reads()
            part = replace(plain, file=replace(plain.file, reads=reads))
            full = False
            try:
                for record in self.format_of(part).rows(part):
                    full = unit.limit is not None and len(seen) >= unit.limit
                    if full:
                        break
                    document = self._document(record, part, seen, counter)
                    del record  # frees a long text before it is cleaned
                    if document is not None:
                        yield document
                check_unchanged(part.file)
            except (Changed, Unreachable) as error:
                if on_bad is None or isinstance(error, Changed):
                    raise
                on_bad(error)
            except BadInput as error:
                check_unchanged(part.file)  # a file that was rewritten meanwhile is changed, not bad
                if on_bad is None:
                    raise
                on_bad(error)
            counter.add_input(part.file.name, reads.ranges, reads.sha256)
            if full:
                return

    def _document(
        self, record: Record | Lost, part: Slice, seen: set[str], counter: DocumentCounter
    ) -> Document | None:
        if isinstance(record, Lost):
            counter.count_input(record.size, 0)
            counter.count_dropped(record.reason, record.size, 0)
            return None
        try:
            parsed, size = self._parsed(record, part)
        except Skip as skip:
            size, chars = utf8_size(skip.text), len(skip.text)
            counter.count_input(size, chars)
            counter.count_dropped(skip.reason, size, chars)
            return None
        text = parsed.text
        chars = len(text)
        if parsed.raw is None:
            counter.count_input(size + record.lost, chars)
        else:
            self._count_shortened(parsed, record, size, counter)
        if record.lost:
            counter.count_removed("invalid UTF-8", record.lost, 0)
        document = self._labelled(parsed)
        reason = ""
        if not text or text.isspace():
            reason = "empty text"
        elif parsed.id is None or parsed.id == "":
            reason = "no id"
        elif document.id in seen:
            reason = "duplicate id"
        if reason:
            counter.count_dropped(reason, size, chars, document)
            return None
        seen.add(document.id)
        return document

    def _count_shortened(self, parsed: ParsedRecord, record: Record, size: int, counter: DocumentCounter) -> None:
        """Count the input of a record from which the source removed parts; `size` is the bytes of its text."""
        raw = parsed.raw or ""
        rest, rest_chars = utf8_size(raw), len(raw)
        counter.count_input(rest + record.lost, rest_chars)
        for reason, removed in parsed.removed.items():
            counter.count_removed(reason, utf8_size(removed), len(removed))
            rest, rest_chars = rest - utf8_size(removed), rest_chars - len(removed)
        counter.count_removed("markup", rest - size, rest_chars - len(parsed.text))

    def _parsed(self, record: Record, part: Slice) -> tuple[ParsedRecord, int]:
        """Parse a record and check types. Returns it with the UTF-8 bytes of its text. Raises Skip to drop it."""
        if self.fields and not isinstance(record.value, dict):
            raise Skip("not an object")
        try:
            parsed = self.parse(record, part)
        except (TypeError, AttributeError, LookupError, ValueError, RecursionError):
            raise Skip(WRONG_FIELDS) from None
        labels = (parsed.language, parsed.license, parsed.url, parsed.date)
        if not isinstance(parsed.id, str | int | float | None) or not all(isinstance(label, str) for label in labels):
            raise Skip(WRONG_FIELDS)
        if parsed.text is None:
            raise Skip("no text")
        if not isinstance(parsed.text, str):
            raise Skip("text is not a string")
        if parsed.text is record.text:
            return parsed, record.size
        try:
            return parsed, utf8_size(parsed.text)
        except UnicodeEncodeError:
            raise Skip("lone surrogate") from None

    def _labelled(self, parsed: ParsedRecord) -> Document:
        # A label must not contain spaces: they separate source, language and category in the name of a stratum.
        language = "-".join((self.language or parsed.language or self.LANGUAGE or UNDETERMINED).split())
        columns = {
            "source": self.name,
            "category": self.category_of(language),
            "language": language,
            "license": self.license or parsed.license or self.LICENSE,
            "url": parsed.url,
            "date": parsed.date,
            "metadata": {key: value for key, value in parsed.metadata.items() if value is not None},
        }
        return Document(text=parsed.text, id=f"{self.name}/{parsed.id}", metadata=columns)


def _advice(names: list[str]) -> str:
    return f"this looks like a file for source {' or '.join(names)}"
