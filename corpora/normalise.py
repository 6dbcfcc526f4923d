"""Arabic text as a language model should see it: one spelling for what looks and means the same, letters as written.

In this order, over the UTF-8 bytes, in one pass of a table from code point to replacement:

    controls            C0 and C1 controls but tab and line feed: dropped
    line ends           CR LF, CR, U+0085, U+2028 -> LF; U+2029 -> two LF
    tatweel             U+0640: dropped
    invisible           soft hyphen, BOM, U+200B, direction marks and embeddings (U+200E/F, 202A-E, 2066-F, 061C),
                        U+2060-2064: dropped. ZWNJ and ZWJ, which are spelling in some languages, stay
    spaces              U+00A0, 2000-200A, 202F, 3000 -> space
    presentation forms  FB50-FDCF, FDF0-FDFF, FE70-FEFC -> their letters; spacing harakat -> the bare mark. The word
                        ligatures FDF0-FDFB and those whose letters hold a space stay: NFKC would explode U+FDFA
                        into 18 letters
    persian letters     U+06A9 -> kaf, U+06CC -> yeh, in Arabic text only
    nfc                 Unicode normalisation form C: marks in canonical order (shadda after haraka), composed
    tashkeel            if asked: the marks of vocalisation dropped, after composition so that no hamza is lost

Alef, hamza, ta marbuta and alef maqsura stay as written: folding them (camel-tools, openiti) is for search, not for
text to be generated. Source code gets its line ends, controls and byte order marks cleaned and nothing else.

NFC by the quick-check rule of UAX #15: a text with no code point whose quick check is No or Maybe, and with marks in
canonical order, is in NFC; ordering marks is done here, anything else is left to `unicodedata`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.languages import is_arabic
from corpora.normal_passes import nfc, rewrite
from corpora.normal_tables import STEPS, UNORDERED, table
from corpora.sources.base import Profile, Source
from corpora.tally import NORMALISED, Tally, utf8_size

_ASCII_DIRT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Options of cleaning. `tashkeel`: keep the marks of vocalisation as they are, or drop them."""

    tashkeel: Literal["keep", "drop"] = "keep"


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text, its bytes in UTF-8 before and now, and how many characters each step touched (names in STEPS)."""

    text: str
    came: int
    size: int
    touched: dict[str, int]


class Clean(PipelineStep):  # type: ignore[misc]
    """Normalise the text of every document, as its source's profile says; what comes out empty is dropped."""

    type = "FORMAT"
    name = "arcorp clean"

    def __init__(self, source: Source, options: Normalisation, tally: Tally) -> None:
        super().__init__()
        self.source, self.options, self.tally = source, options, tally

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents, cleaned in place."""
        for document in data:
            before = document.text
            arabic = is_arabic(document.metadata["language"])
            result = normalise(before, arabic=arabic, options=self.options, profile=self.source.profile)
            if result.touched:
                document.text = result.text
                for step, chars in result.touched.items():
                    self.tally.change(step, chars)
                self.tally.cut(NORMALISED, result.came - result.size, len(before) - len(result.text))
                if not result.text or result.text.isspace():
                    self.tally.drop("empty after cleaning", result.size, len(result.text))
                    continue
            yield document


def normalise(
    text: str, *, arabic: bool = True, options: Normalisation = Normalisation(), profile: Profile = "prose"
) -> Normalised:
    """One text, normalised. `text` must have no lone surrogates (UnicodeEncodeError)."""
    if profile == "verbatim" or (text.isascii() and not _ASCII_DIRT.search(text)):
        size = utf8_size(text)
        return Normalised(text, size, size, {})
    source = np.frombuffer(text.encode(), np.uint8)
    touched = np.zeros(len(STEPS), np.int64)
    if profile == "code":
        data, _ = rewrite(source, table("code", False), touched)
    else:
        data, seen = rewrite(source, table("prose", arabic), touched)
        if seen & UNORDERED:
            data = nfc(data, touched)
        if seen and options.tashkeel == "drop":
            data, seen = rewrite(data, table("tashkeel", False), touched)
            # Marks that go may have stood between a letter and a mark that now compose.
            data = nfc(data, touched) if seen else data
    if not touched.any():
        return Normalised(text, source.size, source.size, {})
    named = {step: int(count) for step, count in zip(STEPS, touched, strict=True) if count}
    return Normalised(data.tobytes().decode(), source.size, data.size, named)
