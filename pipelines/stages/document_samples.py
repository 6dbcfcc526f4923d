"""A bounded sample of the text of sealed documents, and short passages of it for the report.

The sample depends on the sealed documents alone. It takes the first, the last and evenly spaced parts of each group,
evenly spaced documents of each part, and the beginning of each document up to a white space. So a few parts are read,
whatever the number of documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from corpora.languages import is_arabic, is_code
from pipelines.stages.documents import all_strata, parts_of
from sharding.seal import Sealed

LANGUAGES = 24  # Arabic ones first, then those with most characters
PARTS = 4  # of each language
CHARS = 120_000  # of each language
DOCUMENT_CHARS = 2_000
VIEWS = 3  # passages of each language that is Arabic
OTHER_VIEWS = 2
VIEW_CHARS = 160
CODE_LINES = 5


def sample(documents: Sequence[Sealed]) -> dict[str, list[str]]:
    """Return beginnings of documents by language, about CHARS characters of each language that has words.

    Arabic languages are first, then the others by their number of characters.
    """
    chars: dict[str, int] = {}
    for line in all_strata(documents):
        chars[line["language"]] = chars.get(line["language"], 0) + line["chars"]
    languages = sorted(chars, key=lambda language: (not is_arabic(language), -chars[language], language))[:LANGUAGES]
    return beginnings(documents, lambda stratum: stratum.split(" ")[1], languages, CHARS, DOCUMENT_CHARS, PARTS)


def beginnings(
    documents: Sequence[Sealed],
    group_of: Callable[[str], str],
    names: Sequence[str],
    chars: int,
    document_chars: int,
    most_parts: int,
) -> dict[str, list[str]]:
    """Return beginnings of documents by group, in the order of `names`; groups without words are omitted.

    documents: sealed folders of documents. group_of: maps a stratum, "source language category", to its group.
    names: the groups to sample. chars: characters of each group, about. document_chars: the most of one document.
    most_parts: the most parts that are read for one group.
    """
    parts = parts_of(documents)
    groups = [{group_of(stratum) for stratum in part.strata()} for part in parts]
    shares: dict[int, list[tuple[str, int]]] = {}  # part -> groups to take from it, each with a number of characters
    for name in names:
        chosen = _spread([index for index, present in enumerate(groups) if name in present], most_parts)
        for index in chosen:
            shares.setdefault(index, []).append((name, chars // len(chosen)))
    texts: dict[str, list[str]] = {name: [] for name in names}
    for index in sorted(shares):
        table = parts[index].read(["source", "language", "category", "text"])
        columns = zip(*(table[label].to_pylist() for label in ("source", "language", "category")), strict=True)
        group_of_row = [group_of(" ".join(labels)) for labels in columns]
        for name, share in shares[index]:
            rows = [row for row, group in enumerate(group_of_row) if group == name]
            texts[name].extend(_beginnings(table["text"], rows, share, document_chars))
    return {name: group for name, group in texts.items() if any(text.split() for text in group)}


def spread_documents(
    documents: Sequence[Sealed], most: int, document_chars: int, most_parts: int
) -> list[dict[str, Any]]:
    """Return about `most` documents: id, source, language and the beginning of the text, of at most `document_chars`.

    Each pair of source and language has a number of documents in proportion to the square root of all it has, so that
    a small one is seen beside a large one. They are evenly spaced in at most `most_parts` parts of the pair.
    """
    pairs: dict[tuple[str, str], int] = {}
    for line in all_strata(documents):
        pair = line["source"], line["language"]
        pairs[pair] = pairs.get(pair, 0) + line["documents"]
    roots = sum(number**0.5 for number in pairs.values()) or 1
    parts = parts_of(documents)
    present = [{tuple(stratum.split(" ")[:2]) for stratum in part.strata()} for part in parts]
    shares: dict[int, list[tuple[tuple[str, str], int]]] = {}
    for pair, number in pairs.items():
        chosen = _spread([index for index, inside in enumerate(present) if pair in inside], most_parts)
        for index in chosen:
            shares.setdefault(index, []).append((pair, -(-round(most * number**0.5 / roots) // len(chosen))))
    spread: list[dict[str, Any]] = []
    for index in sorted(shares):
        table = parts[index].read(["id", "source", "language", "text"])
        labels = list(zip(table["source"].to_pylist(), table["language"].to_pylist(), strict=True))
        for pair, share in shares[index]:
            rows = [row for row, label in enumerate(labels) if label == pair]
            for row in dict.fromkeys(_spread(rows, max(2, share))):
                text = _beginning(table["text"][row].as_py(), document_chars)
                head = dict(zip(("source", "language"), pair, strict=True))
                spread.append({"id": table["id"][row].as_py(), **head, "text": text})
    return spread


def _spread(items: Sequence[int], count: int) -> list[int]:
    """Return `count` evenly spaced items, including the first and the last; all items where there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[round(step * (len(items) - 1) / (count - 1))] for step in range(count)]


def _beginnings(column: Any, rows: Sequence[int], chars: int, document_chars: int) -> Iterator[str]:
    """Yield beginnings of evenly spaced documents until they hold `chars` characters."""
    for row in _spread(rows, max(2, 4 * chars // document_chars)):
        if chars <= 0:
            return
        text = _beginning(column[row].as_py(), min(document_chars, chars))
        chars -= len(text)
        yield text


def _beginning(text: str, chars: int) -> str:
    """Return the beginning of a text, up to the last white space within `chars` characters."""
    if len(text) <= chars:
        return text
    start = text[:chars]
    space = max(start.rfind(" "), start.rfind("\n"))
    return start[:space] if space > chars // 2 else start


def passages(language: str, texts: Sequence[str]) -> list[str]:
    """Return a few short passages: a long line of each of some evenly spaced texts.

    The passages of a programming language are the first lines of a text.
    """
    count = VIEWS if is_arabic(language) else OTHER_VIEWS
    chosen: list[str] = []
    for index in _spread(range(len(texts)), 4 * count):
        lines = [line.rstrip() for line in texts[index].splitlines() if line.strip()]
        candidate = max(lines[:8], key=len, default="") if not is_code(language) else "\n".join(lines[:CODE_LINES])
        passage = _beginning(candidate, VIEW_CHARS).rstrip()
        if passage.strip() and passage not in chosen:
            chosen.append(passage)
    chosen = [passage for passage in chosen if len(passage) >= VIEW_CHARS // 4] or chosen
    return [chosen[index] for index in _spread(range(len(chosen)), count)]
