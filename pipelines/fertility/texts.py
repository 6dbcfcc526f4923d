"""The texts that tokenizers are measured on: a bounded, even sample of folders of documents.

The sample has about a million characters of each group (folder, source, language, category): beginnings of evenly
spaced documents in evenly spaced parts. It is a function of the sealed documents, and the same for every tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora.languages import is_arabic
from pipelines.errors import InputError
from pipelines.stages.document_samples import beginnings
from pipelines.stages.documents import all_strata, open_documents

CHARS = 1_000_000  # of each group
DOCUMENT_CHARS = 2_000  # of each document, so that one book does not stand for its whole source
PARTS = 8  # the most that are read for a group
VOCALISED = 0.25  # a text with more marks than this for each letter is vocalised
HELD_OUT = 10  # one document in so many is held out for the curve of vocabulary sizes

_TASHKEEL = re.compile("[\u064b-\u0652\u0670]")
_LETTERS = re.compile("[\u0620-\u064a\u0671-\u06d3]")


@dataclass(frozen=True, slots=True)
class TextGroup:
    """Texts of one kind. `folder` is the name of the folder of documents that holds them."""

    folder: str
    source: str
    language: str
    category: str
    texts: list[str]

    @property
    def arabic(self) -> bool:
        return is_arabic(self.language)


def read_texts(docs: Sequence[Path]) -> list[TextGroup]:
    """Read the sample of some folders of documents.

    Raises UsageError for folders of another kind, InputError where the documents hold no word.
    """
    groups = []
    for path, sealed in zip(docs, open_documents(docs), strict=True):
        names = [" ".join((line["source"], line["language"], line["category"])) for line in all_strata([sealed])]
        for name, texts in beginnings([sealed], str, names, CHARS, DOCUMENT_CHARS, PARTS).items():
            source, language, category = name.split(" ")
            groups.append(TextGroup(path.resolve().name, source, language, category, texts))
    if not groups:
        raise InputError(f"{docs[0] if docs else '--docs'}: the documents hold no word; choose other documents")
    return groups


def vocalised(groups: Sequence[TextGroup]) -> list[str]:
    """Return the Arabic texts that are written with tashkeel."""
    return [
        text
        for group in groups
        if group.arabic
        for text in group.texts
        if len(_TASHKEEL.findall(text)) > VOCALISED * len(_LETTERS.findall(text))
    ]


def without_tashkeel(text: str) -> str:
    """Remove tashkeel from a text.

    >>> without_tashkeel("كَتَبَ")
    'كتب'
    """
    return _TASHKEEL.sub("", text)


def hold_out(groups: Sequence[TextGroup]) -> tuple[list[str], dict[str, list[str]]]:
    """Return texts to train on, and held-out texts by language: one in ten of each group, the last of two to nine."""
    train: list[str] = []
    held_out: dict[str, list[str]] = {}
    for group in groups:
        for number, text in enumerate(group.texts, 1):
            if number % HELD_OUT == 0 or (number == len(group.texts) > 1 and number < HELD_OUT):
                held_out.setdefault(group.language, []).append(text)
            else:
                train.append(text)
    return train, held_out
