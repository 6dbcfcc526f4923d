"""Masking of personal data: e-mail addresses, public IPv4 addresses and telephone numbers.

The replacements belong to no person: an address at example.com (RFC 2606), an address of TEST-NET-1 (RFC 5737), and
zeros. Masking a masked text changes nothing.

Telephone numbers are those of the Gulf, Egypt and the Levant. Two forms are masked: international numbers with + or 00
and the country code, and the ten or eleven digits of a national mobile number (05 Saudi Arabia, the Emirates,
Palestine, Syria; 010, 011, 012 and 015 Egypt; 07 Jordan; 09 Syria). The eight digits of Lebanon and the small Gulf
states without a country code cannot be distinguished from other numbers; they stay. Arabic-Indic and Persian digits
are digits too. First digits and lengths follow libphonenumber's metadata (9.0.43, territories SA, AE, KW, QA, BH, OM,
EG, JO, LB, SY, PS) and are slightly wider: every valid mobile and fixed-line number of these territories is masked.

Four numbers separated by dots (for example the version 1.2.3.4) are masked if they form a public address. Private and
reserved addresses stay.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import DocumentCounter
from corpora.sources.base import Source
from corpora.utf8 import utf8_size

EMAIL, ADDRESS, PHONE = "email@example.com", "192.0.2.1", "000 000 0000"
MASKED = "masked"

_DIGITS = {zero + value: ord("0") + value for zero in (0x660, 0x6F0) for value in range(10)}
_OTHER_DIGIT = re.compile("[\u0660-\u0669\u06f0-\u06f9]")

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_ADDRESS = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z@_]|\.[0-9])")

_COUNTRIES = {
    r"966": r"5[0-9]{8}|1[1-7][0-9]{7}",  # Saudi Arabia
    r"971": r"5[02-68][0-9]{7}|[2-4679][0-9]{7}",  # United Arab Emirates
    r"965": r"[24569][0-9]{7}",  # Kuwait
    r"974": r"[3-7][0-9]{7}",  # Qatar
    r"973": r"[1367][0-9]{7}",  # Bahrain
    r"968": r"[279][0-9]{7}|1505[0-9]{4}",  # Oman
    r"20": r"1[0125][0-9]{8}|1[35][0-9]{6,7}|[2-9][0-9]{7,8}",  # Egypt
    r"962": r"7[12789][0-9]{7}|427[0-9]{6}|[2356][0-9]{7}|87[0-9]{6}",  # Jordan
    r"961": r"[13-9][0-9]{6}|7[01689][0-9]{6}|81[0-9]{6}|2[0-9]{7}",  # Lebanon
    r"963": r"9[0-9]{8}|50[0-9]{7}|[1-5][0-9]{6,8}",  # Syria
    r"97[02]": r"5[69][0-9]{7}|[2489][0-9]{7}",  # Palestine
}
_HOME = r"05[0-9]{8}|01[0125][0-9]{8}|07[12789][0-9]{7}|09[03-689][0-9]{7}"

_ITEM = re.compile(r"(\[[0-9-]+\]|[0-9])(\{[0-9,]+\})?")


def _spaced(patterns: str, gap: str) -> str:
    """Return a pattern that allows `gap` between the digits of `patterns`, which are separated by |."""
    numbers = []
    for pattern in patterns.split("|"):
        (first, _), *rest = _ITEM.findall(pattern)
        numbers.append(first + "".join(f"(?:{gap}{digit}){times}" for digit, times in rest))
    return "(?:" + "|".join(numbers) + ")"


_GAP = r"[-. ()]{0,2}"
_PHONE = re.compile(
    r"(?<![0-9+])(?<![0-9][.,/-])(?:(?:\+|00)[ (]?(?:"
    + "|".join(code + _GAP + _spaced(patterns, _GAP) for code, patterns in _COUNTRIES.items())
    + ")|"
    + _spaced(_HOME, r"[- ]?")
    + r")(?![0-9A-Za-z@_])(?![.,/-][0-9])"
)


class MaskPersonalData(PipelineStep):  # type: ignore[misc]
    """Mask personal data in every document. Documents of sources with the profile "verbatim" stay unchanged.

    counter: counts masked characters by kind, and removed bytes and characters.
    """

    type = "FORMAT"
    name = "arcorp personal data"

    def __init__(self, source: Source, counter: DocumentCounter) -> None:
        super().__init__()
        self.source, self.counter = source, counter

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield all documents in order, masked in place.

        `rank` and `world_size` are part of datatrove's interface and are not used.
        """
        for document in data:
            before = document.text
            if self.source.cleaning != "verbatim":
                document.text, masked = mask(before)
                for kind, chars in masked.items():
                    self.counter.count_changed(kind, chars)
                if masked:
                    size = utf8_size(before) - utf8_size(document.text)
                    self.counter.count_removed(MASKED, size, len(before) - len(document.text))
            yield document


def mask(text: str) -> tuple[str, dict[str, int]]:
    """Mask the personal data in a text.

    Returns the masked text, and the number of masked characters by kind ("e-mail", "IP address", "telephone"); kinds
    without a match are absent.
    """
    masked: dict[str, int] = {}
    if "@" in text:
        text = _replace(text, list(_EMAIL.finditer(text)), EMAIL, "e-mail", masked)
    plain = _plain(text)
    addresses = [match for match in _ADDRESS.finditer(plain) if _public(match[0])]
    if addresses:
        text = _replace(text, addresses, ADDRESS, "IP address", masked)
        plain = _plain(text)
    # A replacement may shorten a neighbouring run of digits that was too long to be a number: repeat.
    while numbers := list(_PHONE.finditer(plain)):
        text = _replace(text, numbers, PHONE, "telephone", masked)
        plain = _plain(text)
    return text, masked


def _plain(text: str) -> str:
    """Return `text` with ASCII digits; its length does not change."""
    return text.translate(_DIGITS) if _OTHER_DIGIT.search(text) else text


def _replace(text: str, matches: list[re.Match[str]], mask: str, kind: str, masked: dict[str, int]) -> str:
    """Replace `matches` in `text` by `mask`; add their characters to `masked[kind]`."""
    pieces, end = [], 0
    for match in matches:
        if match[0] != mask:
            masked[kind] = masked.get(kind, 0) + match.end() - match.start()
        pieces += [text[end : match.start()], mask]
        end = match.end()
    return "".join([*pieces, text[end:]])


def _public(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_global
    except ipaddress.AddressValueError:
        return False
