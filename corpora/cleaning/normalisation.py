"""Arabic text as a language model should see it: one spelling for what looks and means the same, letters as written.

In this order, over the code points, in one pass of a table from code point to replacement:

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
from typing import TYPE_CHECKING, Literal

import numpy as np

from corpora.cleaning.code_points import STEPS, TASHKEEL, table, tashkeel
from corpora.cleaning.passes import StepCounts, Texts, drop, nfc, rewrite
from corpora.utf8 import utf8_size

if TYPE_CHECKING:
    from corpora.sources.base import Profile

LONG = 1 << 20
"""Code points of a document that is cleaned by blocks of words: what is made on the way is several times a text."""

_GAP = re.compile(r"[ \n]")


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


def normalise(
    text: str, *, arabic: bool = True, options: Normalisation = Normalisation(), profile: Profile = "prose"
) -> Normalised:
    """One text, normalised. `text` must have no lone surrogates (UnicodeEncodeError)."""
    (now,), _, touched = normalise_texts([text], arabic, options, profile)
    named = {step: int(count) for step, count in zip(STEPS, touched[0], strict=True) if count}
    return Normalised(now, utf8_size(text), utf8_size(now), named)


def normalise_texts(
    texts: list[str], arabic: bool, options: Normalisation, profile: Profile
) -> tuple[list[str], StepCounts, StepCounts]:
    """Normalise several texts in one pass.

    Returns the texts; the UTF-8 bytes and code points that each lost, int64 (texts, 2), negative for a gain; and the
    characters that each step changed, int64 (texts, len(STEPS)).
    """
    if profile == "verbatim":
        return texts, np.zeros((len(texts), 2), np.int64), np.zeros((len(texts), len(STEPS)), np.int64)
    if len(texts) > 1 or len(texts[0]) <= LONG:
        return _passes(texts, arabic, options, profile)
    lost, touched = np.zeros((1, 2), np.int64), np.zeros((1, len(STEPS)), np.int64)
    now = bytearray()  # UTF-8: a list of blocks would leave holes in memory where they lay
    for block in _blocks(texts[0]):
        (done,), less, more = _passes([block], arabic, options, profile)
        now += done.encode()
        lost, touched = lost + less, touched + more
    return [now.decode()], lost, touched


def _passes(
    texts: list[str], arabic: bool, options: Normalisation, profile: Profile
) -> tuple[list[str], StepCounts, StepCounts]:
    """As `normalise_texts`, of texts that are not long."""
    lost, touched = np.zeros((len(texts), 2), np.int64), np.zeros((len(texts), len(STEPS)), np.int64)
    came = Texts.of(texts)
    if profile == "code":
        done = rewrite(came, table("code", False), touched)
    else:
        done = nfc(rewrite(came, table("prose", arabic), touched), touched)
        if options.tashkeel == "drop":
            # Marks that go may have stood between a letter and a mark that now compose.
            done = nfc(drop(done, tashkeel(), touched, TASHKEEL), touched)
    lost[:, 0], lost[:, 1] = came.sizes() - done.sizes(), np.diff(came.bounds) - np.diff(done.bounds)
    now, joined, bounds = list(texts), done.joined(), done.bounds.tolist()
    for number in np.flatnonzero(touched.any(1)).tolist():
        now[number] = joined[bounds[number] : bounds[number + 1]]
    return now, lost, touched


def _blocks(text: str) -> Iterator[str]:
    """A text in blocks of words: no step looks back across a gap."""
    start = 0
    while len(text) - start > LONG:
        gap = _GAP.search(text, start + LONG // 2)
        if gap is None:
            break
        yield text[start : gap.end()]
        start = gap.end()
    if start < len(text):
        yield text[start:]
