"""Text: documents of a source, normalisation, and words in morphemes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from arcorp.failures import failures


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its source has it, before cleaning.

    Attributes:
        id: unique in the source, `<source>/<native id>`.
        text: the text.
        source: name of the source.
        language: label such as arb_Arab.
        category: arabic, classical, english, code, math or chat.
        license: empty where unknown.
        url: empty where unknown.
        date: empty where unknown.
        metadata: JSON values that the source adds.
    """

    id: str
    text: str
    source: str
    language: str
    category: str
    license: str = ""
    url: str = ""
    date: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def read(source: str, paths: str | Path | Sequence[str | Path], **options: Any) -> Iterator[Document]:
    """Yield the documents of files, one by one.

    Records that are not documents are skipped; `arcorp ingest` counts them by reason.

    Args:
        source: name of a source (`arcorp sources` lists them), such as "fineweb-2", "openiti" or "jsonl".
        paths: files, folders, globs or addresses (hf://, s3://, https://).
        options: options of the source: language, license, limit, text_field, ...

    Raises:
        Failure: an unknown source or option, no files, or a file that cannot be read.

    Examples:
        >>> [document.text.strip() for document in arcorp.read("text", "notes.txt", language="arb_Arab")]
        ['السلام عليكم']
    """
    from corpora.document_counts import DocumentCounter
    from pipelines.recipe import source_of

    inputs = [paths] if isinstance(paths, str | Path) else list(paths)
    with failures():
        reader = source_of(source, options)
        for unit in reader.units(inputs):
            for document in reader.documents(unit, DocumentCounter()):
                yield Document(id=document.id, text=document.text, **document.metadata)


def normalise(text: str, *, arabic: bool = True, tashkeel: Literal["keep", "drop"] = "keep") -> str:
    """Return Arabic text in one spelling for what looks and means the same.

    Presentation forms become letters, tatweel and invisible marks are dropped, line ends, spaces and other separators
    of words are unified, a run of combining marks is cut after thirty, the result is in Unicode NFC. Hamza, alef
    maqsura and ta marbuta stay as written.

    Args:
        text: any text without lone surrogates.
        arabic: replace Persian kaf and yeh by the Arabic letters.
        tashkeel: keep or drop the marks of vocalisation.

    Examples:
        >>> arcorp.normalise("ﻣﺤــﻤﺪ")
        'محمد'
        >>> arcorp.normalise("مُحَمَّدٌ", tashkeel="drop")
        'محمد'
    """
    from corpora.cleaning.definition import normalised

    return normalised(text, arabic=arabic, tashkeel_marks=tashkeel)


class Segmenter:
    """Cuts Arabic words into proclitics, stem, endings and enclitics (Farasa's scheme).

    Args:
        name: "learned", "camel" (needs `arcorp[morphology]` and a database) or "rules".
        database: with "camel": name or path of a database of camel-tools.

    Raises:
        Failure: an unknown name, or a database or package that is missing.

    Examples:
        >>> arcorp.Segmenter().segment("وبالمدرسة")
        ['و', 'ب', 'ال', 'مدرس', 'ة']
    """

    def __init__(self, name: str = "learned", *, database: str | None = None) -> None:
        from tokenization.morphology import open_segmenter

        self.name = name
        with failures():
            self._segmenter = open_segmenter(name, database=database)

    def __repr__(self) -> str:
        return f"Segmenter({self.name!r})"

    def segment(self, word: str) -> list[str]:
        """Return the pieces of one word, which join to the word. A word that is not Arabic is one piece."""
        return self.segment_words([word])[0]

    def segment_words(self, words: Sequence[str]) -> list[list[str]]:
        """Return the pieces of each word. Many words in one call are faster than many calls."""
        from tokenization.morphology import segments, word_boundaries

        with failures():
            boundaries = word_boundaries(self._segmenter, words)
        return [segments(word, inner) for word, inner in zip(words, boundaries, strict=True)]
