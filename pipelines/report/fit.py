"""How the tokenizer fits the documents: fertility by language on a bounded sample, and texts cut into tokens.

The sample is a function of the sealed documents: of each language's parts the first, the last and some between, of
each part evenly spaced documents, of each document its beginning up to a white space. So a report of a billion
documents reads a few parts of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from corpora.languages import is_arabic
from pipelines.report.folders import Folders
from pipelines.stages.documents import DocumentsPart, all_strata, parts_of
from sharding.seal import Sealed

LANGUAGES = 24  # Arabic ones first, then those with most characters
PARTS = 4  # of each language
CHARS = 120_000  # of each language
DOCUMENT_CHARS = 2_000
VIEWED_LANGUAGES = 12
VIEWS = 3  # of each language that is Arabic
OTHER_VIEWS = 2
VIEW_CHARS = 160
CODE_LINES = 5


def fit_of(folders: Folders) -> dict[str, Any] | None:
    """The tokenizer's figures; None without a tokenizer. `fit` and `views` need documents that have words."""
    tokenizer = folders.get("tokenizer")
    if tokenizer is None:
        return None
    summary = tokenizer.manifest.summary
    meta = tokenizer.read_json("tokenizer_meta.json")
    figures = {
        "vocab_size": summary["vocab_size"],
        "merges": summary["merges"],
        "specials": meta["layout"]["specials"],
        "pattern": meta["pattern"],
        "digits": tokenizer.manifest.options["digits"],
        "sample": _sampled(summary["mixture"]),
        "chars": tokenizer.manifest.counts["chars"].out,
        "rule": tokenizer.manifest.options["sample"],
    }
    texts = sample(folders.documents)
    if texts:
        figures |= _measured(tokenizer, texts)
    return figures


def _sampled(mixture: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the tokenizer was trained on, by language: characters there are, and taken; shares of both."""
    chars: dict[str, dict[str, int]] = {}
    for line in mixture:
        language = line["stratum"].split("/")[1]
        into = chars.setdefault(language, {"there": 0, "taken": 0})
        into["there"] += line["size"]
        into["taken"] += line["drawn"]
    whole = {way: sum(one[way] for one in chars.values()) or 1 for way in ("there", "taken")}
    return [
        {
            "language": language,
            **one,
            **{f"{way}_share": one[way] / whole[way] for way in whole},
            "times": one["taken"] / one["there"] if one["there"] else 0.0,
        }
        for language, one in sorted(chars.items(), key=lambda item: (-item[1]["there"], item[0]))
    ]


def _measured(tokenizer: Sealed, texts: dict[str, list[str]]) -> dict[str, Any]:
    from tokenization.evaluation import report
    from tokenization.evaluation import view_tokens as view
    from tokenization.model import Tokenizer

    loaded = Tokenizer.load(tokenizer.path)
    return {
        "fit": report(loaded, texts),
        "views": {
            language: [
                [[piece, len(ids)] for piece, ids in view(loaded, passage)]
                for passage in passages(language, texts[language])
            ]
            for language in list(texts)[:VIEWED_LANGUAGES]
        },
    }


def sample(documents: Sequence[Sealed]) -> dict[str, list[str]]:
    """Beginnings of documents by language, about CHARS characters of each, languages without words left out.

    Arabic languages come first, then those with more text.
    """
    chars: dict[str, int] = {}
    for line in all_strata(documents):
        chars[line["language"]] = chars.get(line["language"], 0) + line["chars"]
    languages = sorted(chars, key=lambda language: (not is_arabic(language), -chars[language], language))[:LANGUAGES]
    return beginnings(documents, lambda stratum: stratum.split(" ")[1], languages, CHARS, DOCUMENT_CHARS, PARTS)


def beginnings(
    documents: Sequence[Sealed],
    group: Callable[[str], str],
    names: Sequence[str],
    chars: int,
    document_chars: int,
    most_parts: int,
) -> dict[str, list[str]]:
    """Beginnings of documents, about `chars` characters of each group named, groups without words left out.

    `group` says of a stratum ("source language category") to which group it belongs.
    """
    parts = parts_of(documents)
    inside = [{group(stratum) for stratum in _strata_in(part)} for part in parts]
    wanted: dict[int, list[tuple[str, int]]] = {}  # part -> groups, and how much of each
    for name in names:
        chosen = _spread([number for number, held in enumerate(inside) if name in held], most_parts)
        for number in chosen:
            wanted.setdefault(number, []).append((name, chars // len(chosen)))
    texts: dict[str, list[str]] = {name: [] for name in names}
    for number in sorted(wanted):
        table = parts[number].read(["source", "language", "category", "text"])
        columns = zip(*(table[name].to_pylist() for name in ("source", "language", "category")), strict=True)
        column = [group(" ".join(labels)) for labels in columns]
        for name, share in wanted[number]:
            rows = [row for row, value in enumerate(column) if value == name]
            texts[name].extend(_beginnings(table["text"], rows, share, document_chars))
    return {name: some for name, some in texts.items() if any(text.split() for text in some)}


def _strata_in(part: DocumentsPart) -> list[str]:
    """As the part's sidecar says: "source language category" are the keys of its strata."""
    sidecar = part.folder.read_json(part.name.removesuffix(".parquet") + ".json")
    return list(sidecar["summary"]["strata"])


def _spread(items: Sequence[int], count: int) -> list[int]:
    """Evenly spaced items, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(step * (len(items) - 1) / (count - 1))] for step in range(count)]


def _beginnings(column: Any, rows: Sequence[int], chars: int, document_chars: int) -> Iterator[str]:
    """Beginnings of evenly spaced documents, until there are enough characters."""
    for row in _spread(rows, max(2, 4 * chars // document_chars)):
        if chars <= 0:
            return
        text = _cut(column[row].as_py(), min(document_chars, chars))
        chars -= len(text)
        yield text


def _cut(text: str, chars: int) -> str:
    """The beginning of a text, up to the last white space that fits."""
    if len(text) <= chars:
        return text
    begin = text[:chars]
    space = max(begin.rfind(" "), begin.rfind("\n"))
    return begin[:space] if space > chars // 2 else begin


def passages(language: str, texts: Sequence[str]) -> list[str]:
    """A few short passages to look at: a long line of evenly spaced texts; of code, whose languages have no script
    in their label, the first lines."""
    count = VIEWS if is_arabic(language) else OTHER_VIEWS
    found: list[str] = []
    for number in _spread(range(len(texts)), 4 * count):
        lines = [line.rstrip() for line in texts[number].splitlines() if line.strip()]
        long = max(lines[:8], key=len, default="") if "_" in language else "\n".join(lines[:CODE_LINES])
        passage = _cut(long, VIEW_CHARS).rstrip()
        if passage.strip() and passage not in found:
            found.append(passage)
    found = [passage for passage in found if len(passage) >= VIEW_CHARS // 4] or found
    return [found[number] for number in _spread(range(len(found)), count)]
