"""Guesses about a user's own file from its first records: the delimiter, the fields, the language.

A field is chosen by its name, in English or Arabic, if its values are of the right kind. The text may have any name:
without a known name it is the field with the most letters, in Arabic script if a field has any.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corpora.scripts import main_script

TEXT = "text"
_NAMES: dict[str, tuple[str, ...]] = {
    TEXT: (
        *("text", "content", "body", "story", "article", "raw_content", "document", "maintext", "full_text", "arabic"),
        *("text_ar", "ar_text", "arabic_text", "ar", "passage", "paragraph", "sentence", "tweet", "verse", "output"),
        *("نص", "محتوى", "مقال", "متن", "قصة", "فقرة", "جملة", "تغريدة", "خبر", "حديث", "بيت", "قصيدة"),
    ),
    "id": ("id", "_id", "uuid", "guid", "doc_id", "docid", "document_id", "article_id", "معرف", "رقم"),
    "url": ("url", "link", "uri", "u", "source_url", "web_url", "page_url", "رابط"),
    "date": (
        *(
            "date",
            "timestamp",
            "ts",
            "published",
            "published_at",
            "publish_date",
            "pub_date",
            "created_at",
            "datetime",
        ),
        "تاريخ",
    ),
    "language": ("language", "lang", "language_code", "lang_code", "locale", "dialect", "لغة", "لهجة"),
    "license": ("license", "licence", "rights", "رخصة", "ترخيص"),
}
"""Names of the field of each value of a document: lower case, no Arabic article, the likeliest first."""

_TOKEN_IDS = ("input_ids", "token_ids", "tokens", "ids")

DELIMITERS = (",", "\t", ";", "|")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff]")
_LETTERS = re.compile(r"[^\W\d_]")
_HASH = re.compile(r"\S*\d\S*|https?://\S*|<?urn:\S*")
_ENGLISH = re.compile(r"\b(?:the|of|and|to|in|is|that|was|for|with|as|it|he|you)\b", re.IGNORECASE)
_PERSIAN = re.compile(r"[پچژگےٹڈڑھہۀ]")  # not kaf and yeh, which Persian keyboards write in Arabic too

LEAST_SHARE = 0.1
"""A field with the name of a text field is the text if it has this share of the letters of the longest field."""
SHORTEST_TEXT = 12
"""Mean number of letters, below which a field with an unknown name is no text."""
LONGEST_HEADER, MOST_WORDS = 64, 4
"""Maximum number of characters and of words in a name of a column."""
HEADER_ROWS = 20


@dataclass(slots=True)
class Fields:
    """Fields of the values of a document.

    names   field of each value: {"text": "body", "date": "ts"}
    ids     values of the field of the id, in the first records
    """

    names: dict[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


def guess_fields(records: Sequence[Mapping[str, Any]], text_field: str = "") -> Fields:
    """Return the fields of the values of a document.

    records     first records of a file
    text_field  field of the text, if it is known
    """
    if not records:
        return Fields()
    text = text_field if any(text_field in record for record in records) else _text_field(records)
    guessed = Fields({TEXT: text} if text else {})
    for value, known in _NAMES.items():
        if value == TEXT:
            continue
        for name in _by_known_names(records, known):
            values = [record.get(name) for record in records]
            if name != text and _is_kind(value, values):
                guessed.names[value] = name
                if value == "id":
                    guessed.ids = tuple(map(str, values))
                break
    return guessed


def _text_field(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the field of the text, "" if no field has any."""
    letters: dict[str, int] = {}
    arabic: dict[str, int] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, str) and not _HASH.fullmatch(value):
                letters[name] = letters.get(name, 0) + len(_LETTERS.findall(value))
                arabic[name] = arabic.get(name, 0) + len(_ARABIC.findall(value))
    weights = arabic if sum(arabic.values()) else letters
    if not any(weights.values()):
        return ""
    longest = max(weights, key=lambda name: weights[name])
    for name in _by_known_names(records, _NAMES[TEXT]):
        if weights.get(name, 0) and weights[name] >= LEAST_SHARE * weights[longest]:
            return name
    return longest if weights[longest] >= SHORTEST_TEXT * len(records) else ""


def _by_known_names(records: Sequence[Mapping[str, Any]], known: Sequence[str]) -> Iterator[str]:
    """Yield the fields of the records that have a known name, in the order of `known`."""
    plain = {_plain(name): name for record in records for name in record if isinstance(name, str)}
    yield from (plain[name] for name in known if name in plain)


def _plain(name: str) -> str:
    name = name.strip().casefold().replace(" ", "_").replace("-", "_")
    return name.removeprefix("ال") if len(name) > 4 else name


def _is_kind(value: str, values: Sequence[Any]) -> bool:
    """Return whether the values of a field can be those of a document's id, url, date, language or licence."""
    present = [given for given in values if given not in (None, "")]
    if not present:
        return False
    texts = all(isinstance(given, str) for given in present)
    match value:
        case "id":
            usable = all(isinstance(given, str | int) and not isinstance(given, bool) for given in present)
            return usable and len(present) == len(values) == len(set(map(str, values)))
        case "url":
            return texts and all("://" in given or given.startswith("www.") for given in present)
        case "date":
            return all(isinstance(given, str | int) or hasattr(given, "isoformat") for given in present)
    return texts and all(len(given) <= LONGEST_HEADER for given in present)


def field_of_token_ids(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the field whose values are lists of token ids, "" if there is none."""
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record[name] for record in records if record.get(name) is not None]
        lists = [value for value in values if isinstance(value, list) and value]
        likely = name in _TOKEN_IDS or sum(map(len, lists)) >= 16 * len(lists)
        whole = all(type(item) is int and item >= 0 for value in lists for item in value[:16])
        if lists and len(lists) == len(values) and likely and whole:
            return name
    return ""


def record_paths(values: Sequence[Any], fields_of: Callable[[Any], Mapping[str, Any]]) -> list[str]:
    """Return the paths under which the values of a JSON file have records, those with the most text first.

    values     the objects of the file. The path "" stands for these objects, `*` in a path for every key
    fields_of  returns the fields of an object, nested ones by their paths
    """
    letters: dict[str, int] = {}
    for path, records in _records(values, ()):
        texts = (text for record in records for text in fields_of(record).values() if isinstance(text, str))
        letters[path] = letters.get(path, 0) + sum(len(_LETTERS.findall(text)) for text in texts)
    return sorted((path for path in letters if letters[path]), key=lambda path: -letters[path])


def _records(values: Sequence[Any], path: tuple[str, ...]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield (path, some objects) for all arrays and objects in values, at most three keys deep."""
    objects = [value for value in values if isinstance(value, dict)][:HEADER_ROWS]
    if not any(map(_is_collection, objects)):
        yield ".".join(path), objects
    if len(path) == 3:
        return
    for value in objects[:1]:
        for key, inner in {"*": list(value.values())}.items() if _is_collection(value) else value.items():
            if isinstance(inner, list):
                flat = [item for some in inner for item in (some if isinstance(some, list) else [some])]
                if len(objects) == 1:  # else they are values of one field of each record
                    flat = [{"text": item} if isinstance(item, str) else item for item in flat]
                yield from _records(flat, (*path, key))
            elif isinstance(inner, dict):
                yield from _records([inner], (*path, key))


def _is_collection(value: Mapping[str, Any]) -> bool:
    """Return whether the keys of an object are not names of fields: its values are objects of the same fields."""
    inner = list(value.values())
    if len(inner) < 2:
        return False
    keys = {tuple(sorted(item)) if isinstance(item, dict) else None for item in inner}
    return None not in keys and len(keys) == 1


def guess_delimiter(head: str, *, table: bool) -> str:
    """Return the delimiter of a table with a header, "" if the text is none.

    head   first lines of the file; the last line may be cut
    table  the name of the file is that of a table, which may then have one column
    """
    columns = {delimiter: _columns(head, delimiter, 1 if table else 2) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: columns[delimiter])
    return best if columns[best] > (not table) else ""


def _columns(head: str, delimiter: str, least: int) -> int:
    """Return the number of columns of a table with a delimiter, 0 if the text is no table.

    least  minimum number of rows below the header
    """
    rows: list[list[str]] = []
    try:
        for row in csv.reader(head.splitlines(keepends=True), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > HEADER_ROWS:
                break
    except csv.Error:
        return 0
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    if len(body) > least:
        body.pop()  # it may be cut
    if len(body) < least or not is_header(header):
        return 0
    wrong = sum(len(row) != len(header) for row in body)
    return len(header) if wrong * 10 <= len(body) else 0


def is_header(names: Sequence[str]) -> bool:
    """Return whether a row can be the names of the columns of a table: short, different, no numbers or addresses."""
    return len(set(names)) == len(names) and all(
        len(name) <= LONGEST_HEADER
        and len(name.split()) <= MOST_WORDS
        and not _HASH.fullmatch(name)
        and "\n" not in name
        for name in names
    )


def guess_language(text: str) -> str:
    """Return the language label of a text by its letters and words, "" if they do not show it.

    Arabic script is standard Arabic (arb_Arab), unless it has letters of Persian or Urdu.
    """
    if main_script(text, len(text)) == "Arab":
        return "arb_Arab" if 50 * len(_PERSIAN.findall(text)) < len(_ARABIC.findall(text)) else ""
    return "eng_Latn" if 8 * len(_ENGLISH.findall(text)) > len(text.split()) else ""
