"""Personal data in passing: e-mail addresses, public IPv4 addresses and telephone numbers, masked on request.

What stands in their place can't be anybody's: an address at example.com (RFC 2606), an address of TEST-NET-1
(RFC 5737), zeros. Masking twice changes no more than masking once.

Telephone numbers are those of the Gulf, Egypt and the Levant: with + or 00 and the country's code; and the ten or
eleven digits of a mobile number as dialled at home (05 Saudi Arabia, the Emirates, Palestine, Syria; 010, 011, 012 and
015 Egypt; 07 Jordan; 09 Syria). The eight digits of the small Gulf states and of Lebanon without their code look like
any number: they stay. Arabic-Indic and Persian digits count too. First digits and lengths are those of
libphonenumber's metadata (9.0.43, territories SA, AE, KW, QA, BH, OM, EG, JO, LB, SY, PS), and a little wider: every
mobile and fixed-line number that is valid there is masked.

Four numbers with dots (a version, 1.2.3.4) can be a public address, and are masked; private and reserved ones stay.
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
    """Patterns of numbers, parted by |, with `gap` allowed between their digits."""
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
    """Mask personal data in every document, but those of sources that are kept verbatim."""

    type = "FORMAT"
    name = "arcorp personal data"

    def __init__(self, source: Source, counter: DocumentCounter) -> None:
        super().__init__()
        self.source, self.counter = source, counter

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents, masked in place."""
        for document in data:
            before = document.text
            if self.source.cleaning != "verbatim":
                document.text, found = mask(before)
                for kind, chars in found.items():
                    self.counter.count_changed(kind, chars)
                if found:
                    size = utf8_size(before) - utf8_size(document.text)
                    self.counter.count_removed(MASKED, size, len(before) - len(document.text))
            yield document


def mask(text: str) -> tuple[str, dict[str, int]]:
    """`text` masked, and how many of its characters were of each kind (e-mail, IP address, telephone)."""
    found: dict[str, int] = {}
    if "@" in text:
        text = _replace(text, list(_EMAIL.finditer(text)), EMAIL, "e-mail", found)
    plain = _plain(text)
    addresses = [match for match in _ADDRESS.finditer(plain) if _public(match[0])]
    if addresses:
        text = _replace(text, addresses, ADDRESS, "IP address", found)
        plain = _plain(text)
    # What is put in the place of one number may end another that was too long to be one.
    while numbers := list(_PHONE.finditer(plain)):
        text = _replace(text, numbers, PHONE, "telephone", found)
        plain = _plain(text)
    return text, found


def _plain(text: str) -> str:
    """`text`, as long as it was, with ASCII digits."""
    return text.translate(_DIGITS) if _OTHER_DIGIT.search(text) else text


def _replace(text: str, matches: list[re.Match[str]], mask: str, kind: str, found: dict[str, int]) -> str:
    pieces, end = [], 0
    for match in matches:
        if match[0] != mask:
            found[kind] = found.get(kind, 0) + match.end() - match.start()
        pieces += [text[end : match.start()], mask]
        end = match.end()
    return "".join([*pieces, text[end:]])


def _public(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_global
    except ipaddress.AddressValueError:
        return False
