"""Translating documents: the sentences of a table of documents, translated together, and their documents again.

A translated document has the language of the target, the id `ID@LABEL` (ids are unique, and a dataset may hold the
document beside its translation), and `translation` in its metadata: the model and its digest, the language and the
text that it was translated from, and the sentences that are missing, by fault. `cluster` is the id of the document, or
its cluster, so that a document and its translation are on one side of the validation split.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow

from corpora.document_counts import DocumentCounter
from corpora.document_statistics import LABELS
from corpora.sources.labelling import category_by_language
from corpora.translation.engine import FAULTS, Engine
from corpora.translation.model import TranslationModel
from corpora.translation.sentences import split
from corpora.utf8 import utf8_size

TRANSLATED = "translated"
"""Reason of bytes and characters that a translation has more or fewer."""

NOTHING = "nothing to translate"
LOST_WITH_DOCUMENT = "document dropped"
CATEGORIES = frozenset({"arabic", "classical", "english", "math"})
"""Categories of documents whose text is prose: source code and conversations are not translated."""


@dataclass(frozen=True)
class TranslatedText:
    """The translation of a text without the sentences that have none: their number by fault, and that of all."""

    text: str
    sentences: int
    faults: Counter[str]

    def reason(self, max_missing: float) -> str:
        """Return why the text is no translation, "" if it is one: at most this share of its sentences is missing."""
        missing = self.faults.total()
        if not self.sentences:
            return NOTHING
        if missing < self.sentences and missing <= max_missing * self.sentences:
            return ""
        return f"translation {max(FAULTS, key=lambda fault: self.faults[fault])}"


@dataclass
class SentenceCounts:
    """Sentences of a part: input = out + dropped, by fault or LOST_WITH_DOCUMENT."""

    input: int = 0
    out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


def translate_texts(texts: Iterable[str], engine: Engine) -> list[TranslatedText]:
    """Return the translation of each text. Their sentences are translated together."""
    divided = [split(text, engine.model.source) for text in texts]
    translations = iter(engine.translate([sentence for text in divided for sentence in text.sentences]))
    result = []
    for text in divided:
        done = [next(translations) for _ in text.sentences]
        faults = Counter(translation.fault for translation in done if translation.fault)
        joined = text.join([None if translation.fault else translation.text for translation in done])
        result.append(TranslatedText(joined, len(done), faults))
    return result


def translate_documents(
    table: pyarrow.Table, engine: Engine, name: str, max_missing: float, counter: DocumentCounter
) -> tuple[pyarrow.Table, SentenceCounts]:
    """Return the translations of the documents of a table, in its order, and the counts of their sentences.

    name         of the model, for the metadata
    max_missing  share of a document's sentences that may have no translation; a document with more is dropped
    counter      counts every document as input, and as output or dropped
    """
    sentences = SentenceCounts()
    kept: list[dict[str, Any]] = []
    dropped: list[tuple[dict[str, Any], str]] = []
    translated = translate_texts(table["text"].to_pylist(), engine)
    for row, translation in zip(table.to_pylist(), translated, strict=True):
        size, chars = utf8_size(row["text"]), len(row["text"])
        counter.count_input(size, chars)
        reason = translation.reason(max_missing)
        good = translation.sentences - translation.faults.total()
        sentences.input += translation.sentences
        sentences.dropped.update(translation.faults)
        if reason:
            counter.count_dropped(reason, size, chars)
            sentences.dropped[LOST_WITH_DOCUMENT] += good
            dropped.append((row, reason))
            continue
        sentences.out += good
        kept.append(_document(row, translation, engine.model, name))
        new_size, new_chars = utf8_size(translation.text), len(translation.text)
        counter.count_removed(TRANSLATED, size - new_size, chars - new_chars)
        source, language, category = (kept[-1][label] for label in LABELS)
        counter.count_outputs(source, language, category, 1, new_size, new_chars)
    _count_statistics(counter, [*((row, "") for row in kept), *dropped])
    return pyarrow.Table.from_pylist(kept, schema=table.schema), sentences


def _document(row: dict[str, Any], translation: TranslatedText, model: TranslationModel, name: str) -> dict[str, Any]:
    """Return the row of a translated document."""
    metadata = json.loads(row["metadata"])
    if "book" not in metadata:
        metadata.setdefault("cluster", row["id"])
    metadata["translation"] = {
        "model": name,
        "digest": model.digest,
        "language": row["language"],
        "text": row["text"],
        **({"missing": dict(sorted(translation.faults.items()))} if translation.faults else {}),
    }
    return row | {
        "id": f"{row['id']}@{model.target}",
        "text": translation.text,
        "language": model.target,
        "category": "math" if row["category"] == "math" else category_by_language(model.target),
        "metadata": json.dumps(metadata, ensure_ascii=False, sort_keys=True),
    }


def _count_statistics(counter: DocumentCounter, rows: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Count rows with the reasons why they are dropped, "" for kept ones."""
    if rows:
        texts = pyarrow.chunked_array([pyarrow.array([row["text"] for row, _ in rows], pyarrow.large_string())])
        labels = [tuple(row[label] for label in LABELS) for row, _ in rows]
        counter.statistics.add([row["id"] for row, _ in rows], texts, labels, [reason for _, reason in rows])
