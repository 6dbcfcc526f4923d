"""Masking of personal data: e-mail addresses, public IPv4 addresses and telephone numbers.

The replacements belong to no person: an address at example.com (RFC 2606), an address of TEST-NET-1 (RFC 5737), and
zeros. Masking a masked text changes nothing.

Telephone numbers are those of the 22 states of the Arab League. Two forms are masked: international numbers with + or
00 and the country code, and national mobile numbers with their leading zero (05..., 010..., 07..., ten or eleven
digits), of the states that write one; not the ten digits 01... of Sudan, since 0123456789 is one. National numbers of
seven to nine digits without a zero (Kuwait, Qatar, Bahrain, Oman, Lebanon, Tunisia, Mauritania, Yemen) cannot be
distinguished from other numbers; they stay. Arabic-Indic and Persian digits are digits too. A pattern finds the
candidates; libphonenumber (the package phonenumbers) decides: a number with + must have a possible length, every other
must be a valid mobile or fixed-line number.

Four numbers separated by dots (for example the version 1.2.3.4) are masked if they form a public address. Private and
reserved addresses stay.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.cleaning.turns import pieces_of, replace_pieces
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

_CODES = (20, 212, 213, 216, 218, 222, 249, 252, 253, 269, *range(961, 969), 970, 971, 972, 973, 974)
"""Country codes. Telephones in Palestine have 970 and 972; numbers of 972 are checked as numbers of 970."""

_TERRITORIES = ("SA", "EG", "AE", "JO", "IQ", "SY", "PS", "SD", "LY", "DZ", "MA", "YE")
"""Territories whose mobile numbers are written with a leading zero, and have at least nine digits after it."""

_CANDIDATE = re.compile(
    r"(?<![0-9+])(?<![0-9][.,/-])(?:"
    rf"(?:\+|00)[ (]?(?:{'|'.join(map(str, _CODES))})(?:[-. ()]{{0,2}}[0-9]){{5,10}}[0-9]"
    r"|0[15679](?:[- ]?[0-9]){7,8}[0-9])"
)
_FIRST_TEST = re.compile(r"[+0][ (]?[0-9](?:[-. ()]{0,2}[0-9]){7}")
"""Ten times as fast as `_CANDIDATE`. Every text with a candidate matches."""

_CONTINUES = re.compile(r"[0-9A-Za-z@_]|[.,/-][0-9]")
_FEWEST = 9
"""Characters of the shortest candidate, a plus sign and its digits."""


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
                pieces = [mask(text) for text in pieces_of(document)]
                for kind, chars in (item for _, masked in pieces for item in masked.items()):
                    self.counter.count_changed(kind, chars)
                if any(masked for _, masked in pieces):
                    replace_pieces(document, [text for text, _ in pieces])
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
        text = _replace(text, [match.span() for match in _EMAIL.finditer(text)], EMAIL, "e-mail", masked)
    plain = _plain(text)
    addresses = [match.span() for match in _ADDRESS.finditer(plain) if _public(match[0])]
    if addresses:
        text = _replace(text, addresses, ADDRESS, "IP address", masked)
        plain = _plain(text)
    # A replacement may shorten a neighbouring run of digits that was too long to be a number: repeat.
    while numbers := list(_telephones(plain)):
        text = _replace(text, numbers, PHONE, "telephone", masked)
        plain = _plain(text)
    return text, masked


def _plain(text: str) -> str:
    """Return `text` with ASCII digits; its length does not change."""
    return text.translate(_DIGITS) if _OTHER_DIGIT.search(text) else text


def _replace(text: str, spans: list[tuple[int, int]], mask: str, kind: str, masked: dict[str, int]) -> str:
    """Replace `spans` (start, stop) of `text` by `mask`; add their characters to `masked[kind]`."""
    pieces, end = [], 0
    for start, stop in spans:
        if text[start:stop] != mask:
            masked[kind] = masked.get(kind, 0) + stop - start
        pieces += [text[end:start], mask]
        end = stop
    return "".join([*pieces, text[end:]])


def _telephones(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each telephone number in a text with ASCII digits. The longest valid number is taken."""
    if not _FIRST_TEST.search(text):
        return
    position = 0
    while candidate := _CANDIDATE.search(text, position):
        start, position = candidate.start(), candidate.start() + 1
        for stop in range(candidate.end(), start + _FEWEST - 1, -1):
            ends = text[stop - 1].isdigit() and not _CONTINUES.match(text, stop)
            if ends and _is_telephone(text[start:stop]):
                yield start, stop
                position = stop
                break


def _is_telephone(number: str) -> bool:
    """Return True for a number with a country code, or a national mobile number."""
    import phonenumbers  # here: it takes 0.1 s to load, and most texts have no candidate
    from phonenumbers import PhoneNumberType, ValidationResult

    digits = "".join(filter(str.isdigit, number))
    kinds = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    spellings = [(digits, territory) for territory in _TERRITORIES]
    if number[0] == "+" or digits.startswith("00"):
        kinds.add(PhoneNumberType.FIXED_LINE)
        spellings = [("+" + re.sub("^972", "970", digits.removeprefix("00")), "ZZ")]
    elif digits.startswith("01") and len(digits) < 11:
        return False
    for spelling, territory in spellings:
        try:
            parsed = phonenumbers.parse(spelling, territory)
        except phonenumbers.NumberParseException:
            continue
        possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
        if phonenumbers.number_type(parsed) in kinds or (number[0] == "+" and possible):
            return True
    return False


def _public(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_global
    except ipaddress.AddressValueError:
        return False
