"""The source and options that read a file, recognised by its content.

A file of a known corpus passes the checks of that corpus's source. If several sources accept it, the one that
requires the most fields is chosen. Other files are a user's own: the container and the first records show the source
and its options (`corpora.sources.guesses`). The first records are then read with both, so that a recognised file has
documents.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from datatrove.data import Document

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput, Changed
from corpora.languages import UNDETERMINED
from corpora.reading import (
    COMPRESSIONS,
    UNKNOWN,
    Arrow,
    Blocks,
    Csv,
    File,
    Format,
    Json,
    JsonLines,
    Kind,
    Lines,
    Parquet,
    Record,
    Slice,
    Stream,
    Table,
    Whole,
    likely_encoding,
    sniff,
)
from corpora.scripts import is_other_script, main_script
from corpora.sources import SOURCES, find_source
from corpora.sources.base import Source, Unit
from corpora.sources.chat import MESSAGES, Chat
from corpora.sources.field_paths import field_paths
from corpora.sources.guesses import (
    TEXT,
    field_of_token_ids,
    guess_delimiter,
    guess_fields,
    guess_language,
    record_paths,
)

SAMPLE = 64
"""Number of records that are read to recognise a file."""

HEAD = 1 << 16
"""Number of decompressed bytes that show the format of a stream."""

LONGEST_BOOK = 256 << 20
"""Maximum bytes of a file that is read whole to decide whether it is a book of a corpus."""

SHOWN = 10
"""Number of names of fields in a message."""

_JSON = (".json", ".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".psv", ".tab")
_TEXTS = (".txt", ".text", ".md")
_MARKUP = {"<": "HTML or XML", "{\\rtf": "RTF", "%!PS": "PostScript", "#!": "a program"}


@dataclass(frozen=True)
class Recognised:
    """A source that reads a file, with the options for it.

    options   options of the source that differ from their defaults
    language  guess of the language of the documents, "" if it is unknown or `labelled`
    labelled  records, path or source name the language of all documents
    ids       ids of the first records, if an option names the field of the id
    companion the file has no documents: the source reads it with the files beside it
    """

    source: str
    options: Mapping[str, Any]
    language: str
    labelled: bool
    ids: tuple[str, ...] = field(default=(), repr=False)
    companion: bool = False


@dataclass(frozen=True)
class _Candidate:
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


def recognise(file: File, text_field: str = "") -> Recognised:
    """Return the source and the options that read a file.

    text_field  field of the text, which is preferred to a guess

    Raises BadInput with the reason if no source reads the file, or if it has no document in its first records.
    """
    for name, source_type in SOURCES.items():
        if _matches(file, source_type.COMPANIONS):
            return Recognised(name, {}, "", labelled=True, companion=True)
    kind = sniff(file)
    encoding = _encoding(file, kind)
    kind = replace(kind, encoding=encoding)
    records = _Records(file, kind)
    refusal: BadInput | None = None
    corpora = [] if encoding else _corpora(file, kind, records)
    for candidates in (corpora, _own(file, kind, records, text_field)):
        for candidate in candidates:
            options = {**candidate.options, **({"encoding": encoding} if encoding else {})}
            source = find_source(candidate.source)(**options)
            try:
                documents, counter = sample(source, file)
            except Changed:
                raise
            except BadInput as error:
                refusal = refusal or error
                continue
            text = "\n".join(document.text[:1000] for document in documents)
            if documents and _is_like(source, documents, text):
                labelled = all(document.metadata["language"] != UNDETERMINED for document in documents)
                language = "" if labelled else guess_language(text)
                return Recognised(source.name, options, language, labelled, candidate.ids)
            if not documents and source.OWN:
                reasons = ", ".join(counter.dropped["documents"]) or "no records"
                refusal = refusal or BadInput(file.path, f"has no document in its first records ({reasons})")
    raise refusal or BadInput(file.path, "is not of a format that a source reads", mend="see `arcorp sources`")


def _encoding(file: File, kind: Kind) -> str:
    """Return the likely encoding of a text file, "" if it is UTF-8 or no text."""
    if kind.container not in ("stream", "zip"):
        return ""
    with Stream(file, kind) as stream:
        likely = likely_encoding(stream.peek(HEAD))
    return "" if likely == UNKNOWN else likely


def sample(source: Source, file: File) -> tuple[list[Document], DocumentCounter]:
    """Return the first documents of a file, and the counts of the records that were read for them.

    Raises the errors of reading the file with this source.
    """
    counter = DocumentCounter()
    parts = source.checked_slices(file)
    return list(source.documents(Unit(tuple(parts[:1]), SAMPLE), counter)), counter


def advice(source: Source, file: File, mend: str) -> str:
    """Return what reads a file that a source refuses: another source, or options; `mend` if there is none."""
    try:
        recognised = recognise(file)
    except BadInput:
        return mend
    if recognised.source != source.name:
        options = in_recipe(recognised.options)
        return f"this looks like a file for source {recognised.source}" + (f", with {options}" if options else "")
    missing = {name: value for name, value in recognised.options.items() if getattr(source, name) != value}
    if missing and (not mend or not all(map(is_beside, missing))):
        return f"write {in_recipe(missing)}"
    return mend


def in_recipe(options: Mapping[str, Any]) -> str:
    """Return options in the form of a recipe: names of fields as keys of the corpus, the others in `options`."""
    beside = [f"{name}: {value}" for name, value in options.items() if is_beside(name)]
    inside = [f"{name}: {value!r}" for name, value in options.items() if not is_beside(name)]
    return ", ".join(beside + ([f"options: {{{', '.join(inside)}}}"] if inside else []))


def is_beside(name: str) -> bool:
    """Return whether an option of a source is a key of a recipe's corpus, and not one of its `options`."""
    return name.endswith(("_field", "_fields"))


class _Records:
    """The first records of a file by format, so that sources of one format do not read the file again."""

    def __init__(self, file: File, kind: Kind) -> None:
        self.file, self.kind = file, kind
        self._rows: dict[tuple[Any, ...], list[Record]] = {}
        self._columns: set[str] | None = None

    def of(self, format_: Format) -> list[Record]:
        """Return the first records in a format, none if the file can't be read in it."""
        key = (type(format_), *sorted((name, repr(value)) for name, value in vars(format_).items()))
        if key not in self._rows:
            self._rows[key] = self._read(format_)
        return self._rows[key]

    def fields(self, format_: Format) -> list[set[str]]:
        """Return the names of the fields of the first records in a format."""
        if isinstance(format_, Table):
            if self._columns is None:
                try:
                    self._columns = set(format_.schema(self.file))
                except BadInput:
                    self._columns = set()
            return [self._columns]
        return [set(field_paths(record.value)) for record in self.of(format_)]

    def _read(self, format_: Format) -> list[Record]:
        if isinstance(format_, Whole) and self.file.size > LONGEST_BOOK:
            return []
        try:
            parts = islice(format_.slices(self.file, self.kind), 1)
            rows = islice((row for part in parts for row in format_.rows(part)), SAMPLE)
            return [row for row in rows if isinstance(row, Record)]
        except BadInput:
            return []


# -- known corpora ----------------------------------------------------------------------------------------


def _corpora(file: File, kind: Kind, records: _Records) -> list[_Candidate]:
    """Return the sources of corpora that accept a file, those that require the most fields first."""
    matches: dict[str, int] = {}
    lines = records.of(JsonLines()) if kind.container == "stream" else []
    has_lines = sum(isinstance(record.value, dict) for record in lines) > 1
    for name, source_type in SOURCES.items():
        if source_type.OWN or (source_type.NAMES and not _matches(file, source_type.NAMES)):
            continue
        source = source_type()
        try:
            format_ = source.format_of(Slice(file, kind, 0, file.size, file.size))
        except BadInput:
            continue
        if has_lines and not isinstance(format_, JsonLines):
            continue
        if not source_type.NAMES and type(format_) in (Whole, Lines, Blocks):
            continue  # any text has this format
        if source.fields:
            present = records.fields(format_)
            held = (len(some) for some in source.fields for names in present if _has(source, some, names))
            weight = max(held, default=0)
        else:
            weight = 9 if records.of(format_) else 0
        if weight:
            matches[name] = weight
    return [_Candidate(name) for name in sorted(matches, key=lambda name: -matches[name])]


def _has(source: Source, required: Set[str], names: Set[str]) -> bool:
    """Return whether a record with the fields `names` has those that a source requires, and no others if EXACT."""
    return required <= names and (not source.EXACT or {name for name in names if "." not in name} == required)


def _matches(file: File, patterns: Sequence[str]) -> bool:
    """Return whether the last component of a file's name matches a pattern."""
    return any(fnmatch.fnmatchcase(file.name.rsplit("/", 1)[-1], pattern) for pattern in patterns)


def _is_like(source: Source, documents: Sequence[Document], text: str) -> bool:
    """Return whether the first documents of a file can be those of a source: most are in the script of their label."""
    if source.OWN:
        return True
    labels = [document.metadata["language"] for document in documents]
    others = sum(
        is_other_script(label, main_script(document.text)) for label, document in zip(labels, documents, strict=True)
    )
    return (source.EXACT or set(labels) != {UNDETERMINED}) and 2 * others <= len(documents) and source.is_like(text)


# -- a user's own files -----------------------------------------------------------------------------------


def _own(file: File, kind: Kind, records: _Records, text_field: str) -> Iterator[_Candidate]:
    """Yield the sources and options that may read a file of no known corpus. Raises BadInput with the reason."""
    for source, format_ in (("parquet", Parquet("")), ("arrow", Arrow(""))):
        if kind.container in format_.containers:
            if source == "parquet" and not text_field and _are_conversations(records.of(format_)):
                yield _Candidate("chat")
            yield _with_fields(records, format_, source, {}, text_field)
            return
    if kind.container not in ("stream", "zip"):
        raise BadInput(file.path, f"is {kind.container}", mend="extract its text first")
    with Stream(file, kind) as stream:
        head = _decoded(file, stream.read(HEAD))
    start = head.lstrip()
    suffix = _suffix(file)
    if start.startswith(("{", "[", '"') if suffix in _JSON else ("{", "[")):
        yield from _json(records, text_field, named=suffix in _JSON[1:])
    if delimiter := guess_delimiter(head, table=suffix in _TABLES):
        options = {} if delimiter == "," else {"delimiter": delimiter}
        yield _with_fields(records, Csv(delimiter), "csv", options, text_field)
        return
    markup = next((name for begin, name in _MARKUP.items() if start.startswith(begin)), "")
    if markup:
        raise BadInput(file.path, f"is {markup}", mend="extract its text first")
    if start.startswith(("{", "[")) and suffix not in _TEXTS:
        raise BadInput(file.path, "is JSON without records of text", mend="see `arcorp sources`")
    if suffix not in _TEXTS and main_script(head, len(head)) != "Arab":
        raise BadInput(
            file.path, "is text without Arabic letters, and its name does not end in .txt", mend="rename it to read it"
        )
    yield _Candidate("text")


def _json(records: _Records, text_field: str, *, named: bool) -> Iterator[_Candidate]:
    """Yield the sources and options that may read a file of JSON: lines, an array, or records under a key.

    named  the name of the file is that of JSON lines: one line is enough
    """
    lines = records.of(JsonLines())
    if sum(isinstance(record.value, dict) for record in lines) >= (1 if named else 2):
        if not text_field and _are_conversations(lines):
            yield _Candidate("chat")
        yield _with_fields(records, JsonLines(), "jsonl", {}, text_field)
        return
    whole = [record.value for record in records.of(Json())]
    for path in dict.fromkeys(("", *record_paths(whole, field_paths))):
        if not text_field and _are_conversations(records.of(Json(path))):
            yield _Candidate("chat", {"records": path} if path else {})
    for path in record_paths(whole, field_paths):
        yield _with_fields(records, Json(path), "json", {"records": path} if path else {}, text_field)


def _are_conversations(records: Sequence[Record]) -> bool:
    """Return whether most of the first records of a file are conversations.

    A record with a text of its own is a conversation only if it has messages: a question and its answer may be labels.
    """
    source = Chat()
    valid = 0
    for record in records:
        if isinstance(record.value, dict) and ("text" not in record.value or record.value.keys() & {*MESSAGES}):
            valid += not source.fault(record.value)
    return 2 * valid > len(records)


def _with_fields(
    records: _Records, format_: Format, source: str, options: Mapping[str, Any], text_field: str
) -> _Candidate:
    """Return a source with options for the fields of the records in a format. Raises BadInput for token ids."""
    known = {option.name: option.default for option in fields(find_source(source))}
    values = [field_paths(record.value) for record in records.of(format_)]
    guessed = guess_fields(values, text_field)
    named = dict(options)
    for value, name in guessed.names.items():
        option = f"{value}_field"
        if option in known and name != (known[option] or (value if value != "id" else "")):
            named[option] = name
    if TEXT not in guessed.names:
        named.pop("id_field", None)
        if ids := field_of_token_ids(values):
            reason = f"holds token ids in its field {ids}, and no text"
            raise BadInput(records.file.path, reason, mend="`arcorp pack FILE --tokenizer DIR` takes token ids")
        names = dict.fromkeys(name for value in values for name in value)
        if names and known["text_field"] not in names:
            shown = ", ".join(list(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            raise BadInput(records.file.path, f"has no field of text (it has {shown})", mend="see `arcorp sources`")
    return _Candidate(source, named, guessed.ids if "id_field" in named else ())


def _decoded(file: File, head: bytes) -> str:
    """Return the first bytes of a text file. Raises BadInput if it is not text in UTF-8."""
    if b"\0" in head:
        raise BadInput(file.path, "is binary", mend="extract its text first")
    text = head.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    if text.count("�") > 1 + len(text) // 100:
        raise BadInput(file.path, "is not UTF-8", mend="convert it to UTF-8")
    return text


def _suffix(file: File) -> str:
    """Return the ending of a file's name in lower case, without that of a compression."""
    parts = file.name.rsplit("/", 1)[-1].lower().split(".")
    if parts[-1] in COMPRESSIONS:
        parts.pop()
    return f".{parts[-1]}" if len(parts) > 1 else ""
