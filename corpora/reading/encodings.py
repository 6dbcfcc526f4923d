"""The encoding of a text file: recognised on a sample of its first bytes, and read only if it is named.

In another encoding than UTF-8, Arabic becomes Latin letters, or lines that are dropped. Such a file is refused with
the likely name. For a file in UTF-8, recognition takes one pass of Python's decoder over the sample.

UTF-16 and UTF-32 are recognised by their byte order mark, or because nearly all characters are Arabic or ASCII. The
8-bit encodings of Arabic have the letters at different bytes: the one in which the text has the letter frequencies of
Arabic is the likely one. For pieces of 40 letters this is right in 181 of 182 cases of windows-1256 and iso-8859-6,
and charset-normalizer 3.5 in 27 of 48. charset-normalizer guesses the other encodings.
"""

from __future__ import annotations

import codecs
import math
from typing import Any

SAMPLE = 1 << 16
"""Bytes of a file on which its encoding is recognised."""

UNKNOWN = "unknown"

_ESCAPES = ("charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape")
"""Names of Python that are codecs of text and no encodings of files. charset-normalizer guesses none of them."""

_SHORTEST_GUESS = 16
"""Bytes below which charset-normalizer is not asked."""

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (  # UTF-32's little-endian mark begins with that of UTF-16
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_ARABIC_8_BIT = ("windows-1256", "iso-8859-6", "mac-arabic", "cp720", "cp864")
_ONLY_LIKELY = 0.9
"""Minimum share of Arabic and ASCII characters in UTF-16 without a byte order mark. Few bytes are UTF-32 by chance."""

# Letters of Arabic text in percent (FineWeb-2 arb_Arab, 1,199 documents).
_PERCENT = dict(
    zip(
        "اليمونرتبةدعفهسكحقجأشصضطىخثذإغزءظئآؤ",
        (15, 12, 8, 6, 6, 6, 5, 5, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, *[1] * 14, 0.5),
        strict=False,
    )
)
_LOG = {letter: math.log(percent / 100) for letter, percent in _PERCENT.items()}
_LOG |= dict.fromkeys("ًٌٍَُِّْ", math.log(0.011))  # vowel marks: none in most texts, nearly half of others
_OTHER, _FOREIGN = math.log(0.002), math.log(0.0001)
_LEAST = math.log(0.0165)
"""Minimum mean of the logarithms of the letters' frequencies. Arabic text has -3.1 and vocalised text -3.7."""


def likely_encoding(sample: bytes) -> str:
    """Return the likely encoding of a text that is not UTF-8: "" if it is UTF-8, UNKNOWN if no encoding fits.

    sample  the first bytes of a file; it may end inside a character

    A text in UTF-8 of which some lines are damaged is UTF-8.
    """
    if sample.startswith(_UTF8_MARK):
        return ""
    for mark, name in _WIDE_MARKS:
        if sample.startswith(mark) and (name == "utf-16" or _text(sample, name) is not None):
            return name
    if any(byte in sample for byte in (b"\0", b"\x06", b"\x07")):
        for name in _WIDE:
            text = _text(sample, name)
            whole = len(sample) == SAMPLE or not len(sample) % (4 if "32" in name else 2)
            if text and len(text) > 1 and whole and _likely(text) >= (0.5 if "32" in name else _ONLY_LIKELY):
                return name
    if _text(sample, "utf-8") is not None:
        return ""
    damaged = [line for line in sample.splitlines() if _text(line, "utf-8") is None]
    valid = sum(_high(line) for line in sample.splitlines()) - sum(map(_high, damaged))
    if valid >= sum(map(_high, damaged)):
        return ""
    foreign = b"\n".join(damaged)
    if name := _arabic(foreign):
        return name
    return "" if 2 * len(damaged) <= len(sample.split(b"\n")) else _guess(foreign)


def is_utf8(sample: bytes) -> bool:
    """Return whether the first bytes of a file are UTF-8 and not only ASCII."""
    return not sample.isascii() and _text(sample, "utf-8") is not None


def encoding_of(name: str) -> str:
    """Return Python's name of a text encoding, "utf-8" also for utf-8-sig. Raises ValueError if there is none."""
    try:
        codec: Any = codecs.lookup(name)
    except (LookupError, ValueError):
        codec = None
    if codec is None or not codec._is_text_encoding or codec.name in _ESCAPES:
        examples = "utf-8, windows-1256, iso-8859-6, mac-arabic, utf-16"
        raise ValueError(f"option 'encoding': {name!r} is no encoding of text; examples are {examples}")
    return "utf-8" if codec.name == "utf-8-sig" else str(codec.name)


def _high(line: bytes) -> int:
    """Return the number of bytes that are not ASCII."""
    return len(line) - len(line.translate(None, bytes(range(128, 256))))


def _text(data: bytes, name: str) -> str | None:
    """Decode a sample, which may end inside a character. Returns None if it is not in the encoding."""
    try:
        return codecs.getincrementaldecoder(name)().decode(data)
    except UnicodeDecodeError:
        return None


def _likely(text: str) -> float:
    """Return the share of characters that are Arabic or printable ASCII."""
    return sum(char in "\t\n\r" or " " <= char <= "~" or _is_arabic(char) for char in text) / len(text)


def _is_arabic(char: str) -> bool:
    return "\u0600" <= char <= "\u06ff" or "\ufb50" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc"


def _arabic(data: bytes) -> str:
    """Return the likely 8-bit encoding of Arabic text, "" if it is not Arabic.

    Letters of Arabic stand beside others, so that most bytes that are not ASCII do; in Latin text they stand alone.
    """
    high = [byte >= 128 for byte in data]
    around = zip([False, *high], high, [*high[1:], False], strict=False)
    together = sum(here and (before or after) for before, here, after in around)
    if 2 * together < sum(high):
        return ""
    scores = {}
    for name in _ARABIC_8_BIT:
        text = data.decode(name, errors="replace")
        chars = [char for char, is_high in zip(text, high, strict=True) if is_high]
        if 3 * sum(map(_is_arabic, chars)) > 2 * len(chars):
            letters = (_LOG.get(char, _OTHER if _is_arabic(char) or char < "~" else _FOREIGN) for char in chars)
            scores[name] = sum(letters) / len(chars)
    best = max(scores, key=lambda name: scores[name], default="")
    return best if best and scores[best] > _LEAST else ""


def _guess(data: bytes) -> str:
    import charset_normalizer

    if len(data) < _SHORTEST_GUESS:
        return UNKNOWN
    best = charset_normalizer.from_bytes(data).best()
    return best.encoding.replace("_", "-") if best and best.encoding not in ("utf_8", "ascii") else UNKNOWN


# -- reading ----------------------------------------------------------------------------------------------


class Transcoder:
    """Reader of the bytes of a text file as UTF-8.

    Every byte that can't be decoded becomes the byte 255, which is not UTF-8, so that its line is dropped and counted.
    """

    def __init__(self, inner: Any, encoding: str) -> None:
        codecs.register_error(_INVALID, _mark_invalid)
        self._inner = inner
        self._decoder = codecs.getincrementaldecoder(encoding)(_INVALID)

    def read(self, size: int) -> bytes:
        """Return the next bytes, about `size`, or b"" at the end."""
        while True:
            data = self._inner.read(size)
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                return text.encode("utf-8", _INVALID)

    def close(self) -> None:
        self._inner.close()


_INVALID = "arcorp-invalid"


def _mark_invalid(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\udcff" * (error.end - error.start), error.end
    assert isinstance(error, UnicodeEncodeError)
    return b"\xff" * (error.end - error.start), error.end
