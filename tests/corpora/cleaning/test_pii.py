"""Personal data: masked kinds, text that stays, and balanced counts."""

import random

import phonenumbers
import pytest
from datatrove.data import Document
from datatrove.pipeline.formatters import PIIFormatter
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from corpora.cleaning import MaskPersonalData
from corpora.cleaning.pii import ADDRESS, EMAIL, PHONE, mask
from corpora.document_counts import DocumentCounter
from corpora.sources import find_source


@pytest.mark.parametrize(
    "number",
    [
        "+966 50 123 4567",
        "00966501234567",
        "0501234567",
        "+971-4-123-4567",
        "+965 2212 3456",
        "+974 5512 3456",
        "+973 3912 3456",
        "+968 9212 3456",
        "+20 100 123 4567",
        "01001234567",
        "٠١٠٠١٢٣٤٥٦٧",
        "+962 79 123 4567",
        "0791234567",
        "+961 3 123 456",
        "+961 71 123 456",
        "+963 944 123 456",
        "0944 123 456",
        "+970 59 123 4567",
        "+972 59 123 4567",
        "+964 770 123 4567",
        "07701234567",
        "+967 771 234 567",
        "+249 91 231 2345",
        "0912312345",
        "+218 91 2345678",
        "+216 20 123 456",
        "+213 551 23 45 67",
        "0551234567",
        "+212 612-345678",
        "٠٦١٢٣٤٥٦٧٨",
        "00222 22 12 34 56",
        "+252 7 1123456",
        "+253 77 83 10 01",
        "+269 321 23 45",
        "+966 (0)50 123 4567",
    ],
)
def test_telephone_numbers_of_arab_states_are_masked(number: str) -> None:
    assert mask(f"اتصل على {number}، أو زرنا.") == (f"اتصل على {PHONE}، أو زرنا.", {"telephone": len(number)})


TERRITORIES = [
    *(
        "SA",
        "AE",
        "KW",
        "QA",
        "BH",
        "OM",
        "EG",
        "JO",
        "LB",
        "SY",
        "PS",
        "IQ",
        "YE",
        "SD",
        "LY",
        "TN",
        "DZ",
        "MA",
        "MR",
    ),
    *("SO", "DJ", "KM"),
]
LEADING_ZERO = ("SA", "AE", "EG", "SY", "PS", "IQ", "SD", "DZ", "MA", "JO", "LY", "YE")


@pytest.mark.parametrize("territory", TERRITORIES)
def test_every_number_that_libphonenumber_accepts_for_a_territory_is_masked(territory: str) -> None:
    code = phonenumbers.country_code_for_region(territory)
    chance, valid = random.Random(territory), 0
    telephones = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    for _ in range(6000):
        digits = str(chance.randint(1, 9)) + "".join(chance.choices("0123456789", k=chance.choice([6, 7, 8, 9])))
        number = phonenumbers.PhoneNumber(country_code=code, national_number=int(digits))
        kind = phonenumbers.number_type(number)
        if kind not in telephones or phonenumbers.region_code_for_number(number) != territory:
            continue
        valid += 1
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        for spelling in (written, f"00{code}{digits}", f"+{code}-{digits}"):
            assert mask(f"هاتف {spelling} .")[0] == f"هاتف {PHONE} .", spelling
        if (
            kind == PhoneNumberType.MOBILE
            and territory in LEADING_ZERO
            and not (territory == "SD" and digits[0] == "1")
        ):
            assert mask(f"0{digits}")[0] == PHONE, digits
    assert valid > 20


@pytest.mark.parametrize(
    "text",
    [
        "سنة 1445 هـ الموافق 2023-10-11",
        "السعر 05.12345678 ريال",
        "رقم 30501234567",
        "22123456",
        "ISBN 978-603-02-0123-4",
        "3.0501234567",
        "192.168.1.1 و 127.0.0.1 و 999.1.1.1",
        "@user وبريد @ فارغ",
        "+44 20 7946 0958",
        "1445 1446 1447 1448",
        "سورة البقرة 0255 - 0256",
        "+966 1234",
        "+9665012345678901",
        "0501234567890",
        "05 05 05 05",
        "00966",
        "0123456789",
        "060664614 6",
        "ISBN 0-521-52290-0",
    ],
)
def test_other_numbers_and_private_addresses_stay(text: str) -> None:
    assert mask(text) == (text, {})


def test_a_number_beside_a_telephone_number_stays() -> None:
    assert mask("+966 50 123 4567 2020") == (f"{PHONE} 2020", {"telephone": 16})
    assert mask("سنة 2020 0501234567 1445") == (f"سنة 2020 {PHONE} 1445", {"telephone": 10})


def test_email_and_public_addresses_are_masked_where_datatrove_masks_them() -> None:
    text = "راسلنا: someone.else+1@mail.example.org أو من 8.8.8.8 أو 10.0.0.1."
    theirs = PIIFormatter(email_replacement=EMAIL, ip_replacement=ADDRESS).format(text)
    assert mask(text)[0] == theirs == f"راسلنا: {EMAIL} أو من {ADDRESS} أو 10.0.0.1."


@example(["+966", "٥", "٥", "8.8.8.8", " ", "0501234567"])
@given(st.lists(st.sampled_from(["a@b.co", "8.8.8.8", "0501234567", "+966", "50", "٥", " ", ".", "-", "@", "1", "ب"])))
def test_masking_twice_is_masking_once(pieces: list[str]) -> None:
    once, _ = mask("".join(pieces))
    assert mask(once) == (once, {})


def test_counts_balance_and_verbatim_sources_stay_unchanged() -> None:
    columns = {"source": "text", "language": "arb_Arab", "category": "arabic"}
    text = "هاتف 0501234567 بريد a@b.co"
    for source, expected in (("text", f"هاتف {PHONE} بريد {EMAIL}"), ("quran", text)):
        counter = DocumentCounter()
        counter.count_input(len(text.encode()), len(text))
        (document,) = MaskPersonalData(find_source(source)(), counter).run(
            [Document(text=text, id="1", metadata=columns)]
        )
        counter.count_output(document)
        assert document.text == expected
        assert counter.balanced
