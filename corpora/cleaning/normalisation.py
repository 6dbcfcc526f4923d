"""Normalisation of Arabic text: one encoding for text that looks and means the same. Letters stay as written.

The steps, in this order. All but the last three are one pass through a table from code point to replacement:

    controls            C0 and C1 controls that part nothing: dropped
    separators          controls that part words: U+000B, U+000C, U+001C-1E -> LF; U+001F -> space; U+0095-97, the
                        bullet and the dashes of Windows code pages read as Latin-1 -> space. Tab and LF stay
    line ends           CR LF, CR, U+0085, U+2028 -> LF; U+2029 -> two LF
    tatweel             U+0640: dropped
    invisible           soft hyphen, BOM, direction marks and embeddings (U+200E/F, 202A-E, 2066-F, 061C), U+2060-2062,
                        2064: dropped. U+200B: a space between two words, else dropped. ZWNJ and ZWJ, which
                        belong to the spelling of some languages, stay
    spaces              U+00A0, 2000-200A, 202F, 2063, 3000 -> space
    presentation forms  FB50-FDCF, FDF0-FDFF, FE70-FEFC -> their letters; spacing harakat -> the bare mark. The word
                        ligatures FDF0-FDFB and those whose letters contain a space stay: NFKC would replace U+FDFA
                        by 18 letters
    persian letters     U+06A9 -> kaf, U+06CC -> yeh, in Arabic text only
    excess marks        combining marks after the first 30 of a run: dropped, because NFC needs the square of the time
                        of a run. 30 is the bound of the Stream-Safe Text Format (UAX #15); no language has so many
    nfc                 Unicode normalisation form C: marks in canonical order (shadda after haraka), composed
    tashkeel            optional: marks of vocalisation are dropped, after composition so that no hamza is lost

Alef, hamza, ta marbuta and alef maqsura stay as written. camel-tools and openiti fold them for search; text that a
model learns to generate must keep them. In source code only line ends, controls and byte order marks change; there a
form feed stays, and the other separators become a space.

NFC follows the quick-check rule of UAX #15: a text is in NFC if no code point has quick check No or Maybe and its
marks are in canonical order. The passes order the marks; `unicodedata` composes the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from corpora.cleaning.code_points import STEPS, TASHKEEL, table, tashkeel
from corpora.cleaning.passes import StepCounts, Texts, cut_marks, drop, nfc, rewrite
from corpora.utf8 import utf8_size

if TYPE_CHECKING:
    from corpora.sources.base import Profile

LONG = 1 << 20
"""Longest text in code points that is normalised as a whole. Longer texts are normalised in blocks, because the
intermediate arrays are several times as large as the text."""

_GAP = re.compile(r"[ \n]")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Options of normalisation. tashkeel: keep or drop the marks of vocalisation."""

    tashkeel: Literal["keep", "drop"] = "keep"


@dataclass(frozen=True, slots=True)
class Normalised:
    """One normalised text.

    text: the text after normalisation. input_size, size: its UTF-8 bytes before and after. touched: number of
    characters changed by each step that changed any; the keys are names in STEPS.
    """

    text: str
    input_size: int
    size: int
    touched: dict[str, int]


def normalise(
    text: str, *, arabic: bool = True, options: Normalisation = Normalisation(), profile: Profile = "prose"
) -> Normalised:
    """Normalise one text.

    arabic: replace Persian kaf and yeh by the Arabic letters. profile: "prose", "code" or "verbatim".
    Raises UnicodeEncodeError if `text` contains a lone surrogate.
    """
    (result,), _, touched = normalise_texts([text], arabic, options, profile)
    named = {step: int(count) for step, count in zip(STEPS, touched[0], strict=True) if count}
    return Normalised(result, utf8_size(text), utf8_size(result), named)


def normalise_texts(
    texts: list[str], arabic: bool, options: Normalisation, profile: Profile
) -> tuple[list[str], StepCounts, StepCounts]:
    """Normalise several texts in one pass.

    texts: at least one; a text longer than LONG must be alone. arabic, options, profile: as in `normalise`, the same
    for all texts.
    Returns the texts; the UTF-8 bytes and code points removed from each, int64 (texts, 2), negative if it grew; and
    the characters changed by each step, int64 (texts, len(STEPS)).
    Raises UnicodeEncodeError if a text contains a lone surrogate.
    """
    if profile == "verbatim":
        return texts, np.zeros((len(texts), 2), np.int64), np.zeros((len(texts), len(STEPS)), np.int64)
    if len(texts) > 1 or len(texts[0]) <= LONG:
        return _passes(texts, arabic, options, profile)
    removed, touched = np.zeros((1, 2), np.int64), np.zeros((1, len(STEPS)), np.int64)
    output = bytearray()  # one buffer of UTF-8: a list of blocks would fragment the memory
    for block in _blocks(texts[0]):
        (normalised,), block_removed, block_touched = _passes([block], arabic, options, profile)
        output += normalised.encode()
        removed, touched = removed + block_removed, touched + block_touched
    return [output.decode()], removed, touched


def _passes(
    texts: list[str], arabic: bool, options: Normalisation, profile: Profile
) -> tuple[list[str], StepCounts, StepCounts]:
    """Do the work of `normalise_texts` for texts of at most LONG code points and any profile except "verbatim"."""
    removed, touched = np.zeros((len(texts), 2), np.int64), np.zeros((len(texts), len(STEPS)), np.int64)
    before = Texts.of(texts)
    if profile == "code":
        after = rewrite(before, table("code", False), touched)
    else:
        after = nfc(cut_marks(rewrite(before, table("prose", arabic), touched), touched), touched)
        if options.tashkeel == "drop":
            # A dropped mark may have separated a letter from a mark that composes with it.
            after = nfc(drop(after, tashkeel(), touched, TASHKEEL), touched)
    removed[:, 0], removed[:, 1] = before.sizes() - after.sizes(), np.diff(before.bounds) - np.diff(after.bounds)
    output, joined, bounds = list(texts), after.joined(), after.bounds.tolist()
    for number in np.flatnonzero(touched.any(1)).tolist():
        output[number] = joined[bounds[number] : bounds[number + 1]]
    return output, removed, touched


def _blocks(text: str) -> Iterator[str]:
    """Split a long text after a space or line feed. No step depends on text before such a gap."""
    start = 0
    while len(text) - start > LONG:
        gap = _GAP.search(text, start + LONG // 2)
        if gap is None:
            break
        yield text[start : gap.end()]
        start = gap.end()
    if start < len(text):
        yield text[start:]
