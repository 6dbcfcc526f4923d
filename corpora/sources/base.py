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
from corpora.languages import is_arabic
from corpora.reading import (
    SLICE,
    File,
    Format,
    Kind,
    Lost,
    Reads,
    Record,
    Slice,
    Table,
    check_unchanged,
    find_files,
    in_parallel,
    mend_of,
    sniff,
    text_kind,
)
from corpora.sources.field_paths import field_paths
from corpora.sources.labelling import Labeller, category_by_language
from corpora.sources.parsed_record import ParsedRecord as ParsedRecord
from corpora.sources.parsed_record import Skip as Skip
from corpora.sources.unit import Unit as Unit
from corpora.sources.unit import grouped
from corpora.sources.wrong_fields import PARSE_FAULTS, field_with, id_of, wrong_field
from corpora.utf8 import utf8_size

FIRST_RECORDS = 16
"""Number of records that are checked to decide whether a file belongs to a source."""


@dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """One corpus. The fields are the options of every source; a subclass adds its own options, with defaults.

    A field has its meaning as `description` in its metadata, and bounds as `ge` and `le`.
    """

    name: ClassVar[str]
    FILES: ClassVar[tuple[str, ...]]  # fnmatch patterns of the files that are read from a folder
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = ()  # a record must have all the fields of one of these sets
    NAMES: ClassVar[tuple[str, ...]] = ()  # patterns of the names by which files without distinctive fields are known
    COMPANIONS: ClassVar[tuple[str, ...]] = ()  # patterns of files in `FILES` that hold no documents, such as metadata
    EXACT: ClassVar[bool] = False  # a file that has other fields too is not recognised as the source's
    OWN: ClassVar[bool] = False  # the user's own files: their names include the folder, to be unique
    CATEGORY: ClassVar[Category | None] = None  # None: by `category_by_language`
    LANGUAGE: ClassVar[str] = ""
    LICENSE: ClassVar[str] = ""
    cleaning: ClassVar[Profile] = "prose"  # mode of `Clean` for its text
    quality_profile: ClassVar[Quality | None] = None  # rules of profile "source"; None: by category

    language: str = field(
        default="",
        metadata={"description": "language of documents whose record and path give none: a label, a code or a name"},
    )
    category: Category | None = field(
        default=None, metadata={"description": "category of all documents, instead of the source's own"}
    )
    license: str = field(default="", metadata={"description": "licence of documents whose record gives none"})
    relabel: bool = field(
        default=False, metadata={"description": "language and license replace those of the records and paths"}
    )
    limit: int | None = field(
        default=None,
        metadata={"description": "maximum number of documents; the first documents are read", "ge": 1},
    )

    def __post_init__(self) -> None:
        _ = self.labeller  # raises an unknown language before a file is opened
        if self.category == "chat" and self.CATEGORY != "chat":
            raise ValueError("category chat: only sources of conversations have it; read them by source chat")

    # -- definition of a source, for subclasses -------------------------------------------------------

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """Sets of fields; every record has all the fields of one set. Empty if records are not objects.

        A field of an object inside the record is named by its path: `meta.url`.
        """
        return self.FIELDS

    @property
    @abc.abstractmethod
    def formats(self) -> tuple[Format, ...]:
        """Formats of the corpus. The first format that supports a file's container is used."""

    @abc.abstractmethod
    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """Convert a record of the slice `part` to a document.

        Raises Skip to drop the record with a reason. TypeError, AttributeError, LookupError, ValueError and
        RecursionError drop it with the field that was read last in the reason (`corpora.sources.wrong_fields`).
        """

    def category_of(self, language: str, text: str = "") -> Category:
        """Return the category of a document with a language label and a text."""
        return self.category or self.CATEGORY or category_by_language(language, text)

    def profile_of(self, columns: Mapping[str, Any]) -> Quality | None:
        """Return the quality profile of a document, by profile "source"; None: that of the category.

        columns: of the document, as `documents` yields them: category, language, metadata and the others.
        """
        if self.quality_profile is None and self.OWN and columns["category"] == "arabic":
            language = columns["language"]
            return "dialect" if is_arabic(language) and language not in ("arb_Arab", "ara_Arab") else None
        return self.quality_profile

    def is_like(self, text: str) -> bool:
        """Return whether a text in the language of the source can be of this corpus."""
        return True

    def select(self, files: list[File]) -> list[File]:
        """Return the files to read, of all files that were found."""
        return files

    @cached_property
    def labeller(self) -> Labeller:
        """Gives the language of each document. Raises UnknownLanguage for the option `language`."""
        code = (self.category or self.CATEGORY) == "code"
        return Labeller(self.language, self.LANGUAGE, relabel=self.relabel, code=code)

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
        """Split files, as returned by `files`, into units: see `units`. Files are opened in threads, by `slices`."""

        def tried(file: File) -> list[Slice] | BadInput:
            try:
                return self.slices(file)
            except BadInput as error:
                if on_bad is None or isinstance(error, Changed):
                    raise
                return error

        slices: list[Slice] = []
        for result in in_parallel(tried, files):
            if not isinstance(result, BadInput):
                slices += result
            elif on_bad is not None:
                on_bad(result)
        units = grouped(slices, SLICE)
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
            from corpora.sources import advice

            mend = advice(self, file, error.mend) or f"see `arcorp sources {self.name}`"
            raise BadInput(error.file, error.reason, place=error.place, mend=mend) from error

    def checked_slices(self, file: File) -> list[Slice]:
        """Return the slices of a file. Raises BadInput as `slices` does, without trying other sources."""
        kind = self.kind_of(file)
        format_ = self._format(file, kind)
        if isinstance(format_, Table):
            self._check_fields(file, [format_.schema(file)])
            return list(format_.slices(file, kind))
        parts = list(format_.slices(file, kind))
        self._check_records(file, format_, parts[0])
        return parts

    def kind_of(self, file: File) -> Kind:
        """Return the kind of a file. Raises BadInput if it is a text file with binary contents or not in UTF-8."""
        return text_kind(file, sniff(file), None, can_name=False)

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
        raise BadInput(file.path, reason, mend=mend_of(kind.container) or "see `arcorp sources`")

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
            self._check_fields(file, [field_paths(value) for value in values])

    def _check_fields(self, file: File, records: Sequence[Mapping[str, Any]]) -> None:
        if not records or any(required <= record.keys() for required in self.fields for record in records):
            return
        longest = max(records, key=len)
        present = ", ".join(sorted(longest))
        expected = " or ".join("{" + ", ".join(sorted(required)) + "}" for required in self.fields)
        reason = f"source {self.name} expects the fields {expected}, found {{{present}}}"
        raise BadInput(file.path, reason, mend="see `arcorp sources`")

    # -- documents ------------------------------------------------------------------------------------

    def documents(
        self, unit: Unit, counter: DocumentCounter, on_bad: Callable[[BadInput], None] | None = None
    ) -> Iterator[Document]:
        """Yield the documents of a unit, in order.

        counter  counts input records, dropped records by reason, and the hash of the bytes read of each slice
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
        text, chars = parsed.text, len(parsed.text)
        if parsed.raw is None:
            counter.count_input(size + record.lost, chars)
        else:
            self._count_shortened(parsed, record, size, counter)
        if record.lost:
            counter.count_removed("invalid UTF-8", record.lost, 0)
        document = self._labelled(parsed, part.file.path, counter)
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
        counter.labels.count_script(document.metadata["language"], text)
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
        except PARSE_FAULTS:
            raise Skip(wrong_field(lambda noted: self.parse(noted, part), record)) from None
        labels = (parsed.language, parsed.license, parsed.url, parsed.date)
        wrong = "" if all(isinstance(label, str) for label in labels) else _wrong_label(parsed)
        if type(parsed.id) is not str:
            try:
                parsed.id = id_of(parsed.id)
            except (TypeError, ValueError):
                wrong = "id"
        if wrong:
            value = getattr(parsed, wrong)
            raise Skip(field_with(lambda noted: self.parse(noted, part), record, value, wrong))
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

    def _labelled(self, parsed: ParsedRecord, path: str, counter: DocumentCounter) -> Document:
        language = self.labeller(parsed.language, path, counter.labels)
        columns = {
            "source": self.name,
            "category": self.category_of(language, parsed.text),
            "language": language,
            "license": (self.relabel and self.license) or parsed.license or self.license or self.LICENSE,
            "url": parsed.url,
            "date": parsed.date,
            "metadata": {key: value for key, value in parsed.metadata.items() if value is not None},
        }
        return Document(text=parsed.text, id=f"{self.name}/{parsed.id}", metadata=columns)


def _wrong_label(parsed: ParsedRecord) -> str:
    """Return the name of a label that is not a string."""
    names = ("language", "license", "url", "date")
    return next(name for name in names if not isinstance(getattr(parsed, name), str))
