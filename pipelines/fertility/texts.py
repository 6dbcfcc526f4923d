"""The texts that tokenizers are measured on: a bounded, even sample of folders of documents.

Of each stratum (folder, source, language, category) about a million characters: of evenly spaced parts, of evenly
spaced documents, of each its beginning. It is a function of the sealed documents; every tokenizer sees the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora.languages import is_arabic
from pipelines.errors import InputError
from pipelines.report.fit import beginnings
from pipelines.stages.documents import all_strata, open_documents

CHARS = 1_000_000  # of each stratum
DOCUMENT_CHARS = 2_000  # of each document: one book doesn't speak for its whole source
PARTS = 8
TASHKEEL = re.compile("[\u064b-\u0652\u0670]")
LETTERS = re.compile("[\u0620-\u064a\u0671-\u06d3]")
VOCALISED = 0.25  # marks to a letter, from which on a text counts as vocalised
ONE_IN = 10  # documents kept aside for the curve


@dataclass(frozen=True, slots=True)
class Stratum:
    """Texts of one kind. `folder` is the name of the folder they came from."""

    folder: str
    source: str
    language: str
    category: str
    texts: list[str]

    @property
    def arabic(self) -> bool:
        return is_arabic(self.language)


def read_texts(docs: Sequence[Path]) -> list[Stratum]:
    """The sample. Raises UsageError for folders that hold no documents, InputError if there isn't a word in them."""
    strata = []
    for path, sealed in zip(docs, open_documents(docs), strict=True):
        names = [" ".join((line["source"], line["language"], line["category"])) for line in all_strata([sealed])]
        found = beginnings([sealed], str, names, CHARS, DOCUMENT_CHARS, PARTS)
        for name, texts in found.items():
            source, language, category = name.split(" ")
            strata.append(Stratum(path.resolve().name, source, language, category, texts))
    if not strata:
        raise InputError(f"{docs[0] if docs else '--docs'}: there isn't a word in these documents")
    return strata


def vocalised(strata: Sequence[Stratum]) -> list[str]:
    """The Arabic texts that are written with their vowels."""
    return [
        text
        for stratum in strata
        if stratum.arabic
        for text in stratum.texts
        if len(TASHKEEL.findall(text)) > VOCALISED * len(LETTERS.findall(text))
    ]


def bare(text: str) -> str:
    """A text without tashkeel."""
    return TASHKEEL.sub("", text)


def kept_aside(strata: Sequence[Stratum]) -> tuple[list[str], dict[str, list[str]]]:
    """Texts to learn from, and texts to measure on, by language: every tenth document, or the last one of a few."""
    learn: list[str] = []
    aside: dict[str, list[str]] = {}
    for stratum in strata:
        for number, text in enumerate(stratum.texts, 1):
            if number % ONE_IN == 0 or (number == len(stratum.texts) > 1 and number < ONE_IN):
                aside.setdefault(stratum.language, []).append(text)
            else:
                learn.append(text)
    return learn, aside
