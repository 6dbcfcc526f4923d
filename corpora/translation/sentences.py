"""Sentences of a text, and what stands between them, so that a translation keeps lines and paragraphs.

A line of a text is divided by sentencex (rules for some 300 languages, reversible; no model). White space, and a
sentence without a letter (a number, a rule of hyphens), are not translated: they stand between sentences, as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from corpora.languages import is_arabic

_LINES = re.compile(r"[^\r\n]+|[\r\n]+")


@dataclass(frozen=True)
class Sentences:
    """A text as sentences and the strings around them: between[0] + sentences[0] + between[1] + ... is the text."""

    sentences: list[str]
    between: list[str]

    def join(self, translations: Sequence[str | None]) -> str:
        """Return the text of translated sentences. One that is None is left out, with the space that follows it.

        Sentences without a space between them, as in Chinese, get one.
        """
        parts = [self.between[0]]
        for translation, after in zip(translations, self.between[1:], strict=True):
            if translation is not None:
                parts += [translation, after or " "]
            elif after.strip(" \t") or "\n" in after:
                parts.append(after)
        text = "".join(parts)
        return text if self.between[-1] else text.rstrip(" ")


def split(text: str, language: str) -> Sentences:
    """Return the sentences of a text. language: its label, such as `eng_Latn`."""
    import sentencex

    code = language_code(language)
    result = Sentences([], [""])
    for line in _LINES.findall(text):
        for segment in sentencex.segment(code, line) if line.strip() else [line]:
            sentence = segment.strip()
            if not any(map(str.isalpha, sentence)):
                result.between[-1] += segment
                continue
            begin = segment.index(sentence)
            result.between[-1] += segment[:begin]
            result.sentences.append(sentence)
            result.between.append(segment[begin + len(sentence) :])
    return result


def language_code(label: str) -> str:
    """Return the shortest code of a label's language, as sentencex names it: `ar` for all varieties of Arabic."""
    from langcodes import standardize_tag

    return "ar" if is_arabic(label) else standardize_tag(label.partition("_")[0])
