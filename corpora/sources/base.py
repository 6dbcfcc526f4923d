"""The template of a source: how files of one corpus become documents.

A source says which files it takes, in which formats, which fields they must have, and in one method, `draft`, what
a record is as a document. The template does the rest: finding and cutting files into units, refusing files of
another corpus with the name of the likely right source, reading, counting, ids, labels, limits.

A *unit* is the work of one task and becomes one part of the documents folder: slices of files, together about
32 MiB of text, or one compressed file. Units depend on the inputs and options alone, never on who reads them.
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

LOOK = 16
"""Records looked at to tell whether a file is what its source reads."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Slices read by one task, in order; at most `limit` documents of them."""

    slices: tuple[Slice, ...]
    limit: int | None = None

    @property
    def bytes(self) -> int:
        """Bytes of text, about."""
        return sum(part.bytes for part in self.slices)

    def to_json(self) -> dict[str, Any]:
        """What a plan may know of it: names relative to the inputs, sizes, ranges."""
        return {"slices": [part.to_json() for part in self.slices], "bytes": self.bytes, "limit": self.limit}


@dataclass(slots=True)
class ParsedRecord:
    """A record as its source understands it. A `text` or a label that is no string, or an `id` that is None or "",
    costs the record, not the file; so does what `draft` raises over a field that is missing or of another type.

    `cuts` are the parts of the record that the source left out on purpose, by reason; `raw` the text before that.
    """

    text: Any
    id: Any
    language: str = ""
    license: str = ""
    url: str = ""
    date: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None
    cuts: Mapping[str, str] = field(default_factory=dict)


UNLIKE = "fields unlike the source's"
"""Why a record is dropped in which a field is missing or has another type."""


class Skip(Exception):
    """Raised by `draft`: the record is none of ours, for this reason; it came as `size` bytes and `chars` chars."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.reason, self.text = reason, text


@dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """One corpus. Fields are the options that every source has; a subclass adds its own, with defaults.

    language   label of all documents, instead of what the source says
    category   likewise
    license    likewise
    limit      at most so many documents of the whole input, the first ones
    """

    name: ClassVar[str]
    FILES: ClassVar[tuple[str, ...]]  # names taken from a folder, as fnmatch patterns
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = ()  # a record has all the fields of one of these sets
    OWN: ClassVar[bool] = False  # anyone's files: folders tell them apart where the names of files don't
    CATEGORY: ClassVar[Category | None] = None  # None: english for eng_Latn, else arabic
    LANGUAGE: ClassVar[str] = ""
    LICENSE: ClassVar[str] = ""
    profile: ClassVar[Profile] = "prose"  # how `Clean` treats its text
    quality: ClassVar[Quality | None] = None  # the rules its text is held to on request; None: its category's

    language: str = ""
    category: Category | None = None
    license: str = ""
    limit: int | None = None

    # -- what a source says ---------------------------------------------------------------------------

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """Sets of fields, one of which every record has; none if records are not objects."""
        return self.FIELDS

    @property
    @abc.abstractmethod
    def formats(self) -> tuple[Format, ...]:
        """Formats it is published in; the first whose container is the file's is used."""

    @abc.abstractmethod
    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """A record as a document. Raises Skip."""

    def category_of(self, language: str) -> Category:
        """The category of its documents in a language."""
        return self.category or self.CATEGORY or ("english" if language == "eng_Latn" else "arabic")

    def select(self, files: list[File]) -> list[File]:
        """Which of the files found are read."""
        return files

    # -- units ----------------------------------------------------------------------------------------

    def units(self, inputs: Sequence[str | Path], on_bad: Callable[[BadInput], None] | None = None) -> list[Unit]:
        """Cut the inputs into units. Every file is opened: Parquet footers are read, and the first records of each
        must be this source's.

        Raises NothingFound, BadInput; with `on_bad` a bad file is handed over instead, and left out. With `limit`
        the first documents are read once here, to know where to stop.
        """
        return self.units_of(self.files(inputs), on_bad)

    def files(self, inputs: Sequence[str | Path]) -> list[File]:
        """The files that `inputs` lead to and that are read. Raises NothingFound, BadInput."""
        return self.select(find_files(inputs, self.FILES, folder=self.OWN))

    def units_of(self, files: Sequence[File], on_bad: Callable[[BadInput], None] | None = None) -> list[Unit]:
        """As `units`, of files that were found before."""
        units: list[Unit] = []
        waiting: list[Slice] = []
        for file in files:
            try:
                parts = self.slices(file)
            except BadInput as error:
                if on_bad is None or isinstance(error, Changed):
                    raise
                on_bad(error)
                continue
            for part in parts:
                if waiting and sum(each.bytes for each in waiting) + part.bytes > SLICE:
                    units.append(Unit(tuple(waiting)))
                    waiting = []
                waiting.append(part)
        if waiting:
            units.append(Unit(tuple(waiting)))
        if not units:
            places = ", ".join(bare(file.path) for file in files[:3]) or "the input"
            raise NothingFound(f"{places}: no document for source {self.name}")
        return units if self.limit is None else list(self._limited(units, self.limit))

    def slices(self, file: File) -> list[Slice]:
        """Cut one file, once its first records have shown that it is this source's. Raises BadInput, with the name of
        the source that would take the file if there is one."""
        try:
            return self.look(file)
        except (Unreachable, Changed):
            raise
        except BadInput as error:
            from corpora.sources import claimants

            names = claimants(file)
            if not names:
                raise
            raise BadInput(error.file, error.reason, place=error.place, mend=_advice(names)) from error

    def look(self, file: File) -> list[Slice]:
        """As `slices`, of this source's own knowledge."""
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

    # -- is it ours? ----------------------------------------------------------------------------------

    def format_of(self, part: Slice) -> Format:
        """The format that a slice is read in. Raises BadInput."""
        return self._format(part.file, part.kind)

    def _format(self, file: File, kind: Kind) -> Format:
        for format_ in self.formats:
            if kind.container in format_.containers:
                return format_
        known = " or ".join(format_.called for format_ in self.formats)
        raise BadInput(
            file.path, f"is {kind.container}, source {self.name} reads {known}", mend="see `arcorp sources`"
        )

    def _check_records(self, file: File, format_: Format, part: Slice) -> None:
        """The first records must look like ours: one good one is enough, as any file may have a bad line."""
        first = list(islice(format_.rows(part), LOOK))
        rows = [row for row in first if isinstance(row, Record)]
        if first and not rows:
            reasons = ", ".join(sorted({row.reason for row in first if isinstance(row, Lost)}))
            raise BadInput(
                file.path,
                f"its first {len(first)} records can't be read as {format_.called} ({reasons})",
                mend=f"source {self.name} is for another kind of file; `text` reads plain text",
            )
        if self.fields:
            self._check_fields(file, [set(row.value) if isinstance(row.value, dict) else set() for row in rows])

    def _check_fields(self, file: File, records: list[set[str]]) -> None:
        if not records or any(wanted <= found for wanted in self.fields for found in records):
            return
        found = max(records, key=len)
        wanted = " or ".join("{" + ", ".join(sorted(fields)) + "}" for fields in self.fields)
        raise BadInput(
            file.path,
            f"source {self.name} expects the fields {wanted}, found {{{', '.join(sorted(found))}}}",
            mend="see `arcorp sources`",
        )

    # -- documents ------------------------------------------------------------------------------------

    def documents(
        self, unit: Unit, counter: DocumentCounter, on_bad: Callable[[BadInput], None] | None = None
    ) -> Iterator[Document]:
        """The documents of a unit, in order; everything that came is counted, dropped ones by reason.

        `metadata` of a document holds the columns source, category, language, license, url, date (strings) and
        metadata (a dict). Of two documents with one id in a unit the first is kept ("duplicate id"). The bytes that
        were read of each slice are hashed as they pass, and counted in `counter.inputs`.

        Raises Changed for a file that is not the one that was found, and BadInput; with `on_bad` BadInput is handed
        over instead, and the rest of that slice is left out.
        """
        seen: set[str] = set()
        for given in unit.slices:
            reads = Reads()
            part = replace(given, file=replace(given.file, reads=reads))
            full = False
            try:
                for row in self.format_of(part).rows(part):
                    full = unit.limit is not None and len(seen) >= unit.limit
                    if full:
                        break
                    document = self._document(row, part, seen, counter)
                    del row  # a long text, cleaned, is not kept as it came
                    if document is not None:
                        yield document
                check_unchanged(part.file)
            except (Changed, Unreachable) as error:
                if on_bad is None or isinstance(error, Changed):
                    raise
                on_bad(error)
            except BadInput as error:
                check_unchanged(part.file)  # half of an old file and half of a new one is no bad file
                if on_bad is None:
                    raise
                on_bad(error)
            counter.read(part.file.name, reads.ranges, reads.sha256)
            if full:
                return

    def _document(self, row: Record | Lost, part: Slice, seen: set[str], counter: DocumentCounter) -> Document | None:
        if isinstance(row, Lost):
            counter.count_input(row.size, 0)
            counter.count_dropped(row.reason, row.size, 0)
            return None
        try:
            draft, size = self._drafted(row, part)
        except Skip as skip:
            size, chars = utf8_size(skip.text), len(skip.text)
            counter.count_input(size, chars)
            counter.count_dropped(skip.reason, size, chars)
            return None
        text = draft.text
        chars = len(text)
        if draft.raw is None:
            counter.count_input(size + row.lost, chars)
        else:
            self._come_with_cuts(draft, row, size, counter)
        if row.lost:
            counter.count_removed("invalid UTF-8", row.lost, 0)
        document = self._labelled(draft)
        reason = ""
        if not text or text.isspace():
            reason = "empty text"
        elif draft.id is None or draft.id == "":
            reason = "no id"
        elif document.id in seen:
            reason = "duplicate id"
        if reason:
            counter.count_dropped(reason, size, chars, document)
            return None
        seen.add(document.id)
        return document

    def _come_with_cuts(self, draft: ParsedRecord, row: Record, size: int, counter: DocumentCounter) -> None:
        """Count a record whose source left parts of it out."""
        raw = draft.raw or ""
        rest, rest_chars = utf8_size(raw), len(raw)
        counter.count_input(rest + row.lost, rest_chars)
        for reason, cut in draft.cuts.items():
            counter.count_removed(reason, utf8_size(cut), len(cut))
            rest, rest_chars = rest - utf8_size(cut), rest_chars - len(cut)
        counter.count_removed("markup", rest - size, rest_chars - len(draft.text))

    def _drafted(self, row: Record, part: Slice) -> tuple[ParsedRecord, int]:
        """The draft of a record and the bytes of its text. Raises Skip if there is none."""
        if self.fields and not isinstance(row.value, dict):
            raise Skip("not an object")
        try:
            draft = self.parse(row, part)
        except (TypeError, AttributeError, LookupError, ValueError, RecursionError):
            raise Skip(UNLIKE) from None
        labels = (draft.language, draft.license, draft.url, draft.date)
        if not isinstance(draft.id, str | int | float | None) or not all(isinstance(one, str) for one in labels):
            raise Skip(UNLIKE)
        if draft.text is None:
            raise Skip("no text")
        if not isinstance(draft.text, str):
            raise Skip("text is not a string")
        if draft.text is row.text:
            return draft, row.size
        try:
            return draft, utf8_size(draft.text)
        except UnicodeEncodeError:
            raise Skip("lone surrogate") from None

    def _labelled(self, draft: ParsedRecord) -> Document:
        # One word: source, language and category together name a stratum, with spaces between.
        language = "-".join((self.language or draft.language or self.LANGUAGE or UNDETERMINED).split())
        columns = {
            "source": self.name,
            "category": self.category_of(language),
            "language": language,
            "license": self.license or draft.license or self.LICENSE,
            "url": draft.url,
            "date": draft.date,
            "metadata": {key: value for key, value in draft.metadata.items() if value is not None},
        }
        return Document(text=draft.text, id=f"{self.name}/{draft.id}", metadata=columns)


def _advice(names: list[str]) -> str:
    return f"this looks like a file for source {' or '.join(names)}"
