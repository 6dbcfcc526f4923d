"""The direction and font of a text follow from its letters, and only then from its label."""

import pytest

from pipelines.html.elements import passage, token_spans

ARABIC = "ذهب الولد إلى المدرسة"


@pytest.mark.parametrize(
    "label", ["arb_Arab", "ar", "Arabic", "ar-EG", "und", "eng_Latn", "klingonish", "", None, "fra_Latn"]
)
def test_arabic_text_is_set_right_to_left_in_an_arabic_font_whatever_its_label(label: str | None) -> None:
    shown = passage([ARABIC], label)
    assert 'dir="rtl"' in shown
    assert 'lang="ar"' in shown
    assert "code" not in shown
    if label is not None:
        spans, _ = token_spans([("ذهب ", 1), ("الولد", 2)], label)
        assert 'dir="rtl"' in spans


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("fas_Arab", "پسر به مدرسه رفت", 'dir="rtl" lang="fas"'),
        ("urd_Arab", "123", 'dir="rtl" lang="urd"'),
        ("arb_Arab", "12:30", 'dir="rtl" lang="ar"'),
        ("eng_Latn", "A long book about the city", 'dir="auto" lang="en"'),
        ("arb_Arab", "A long book about the city", 'dir="auto"'),
        ("heb_Hebr", "שלום עולם", 'dir="rtl"'),
        ("Python", "x = 1  # عدد", 'dir="ltr"'),
        ("und", "A long book about the city", 'dir="auto"'),
    ],
)
def test_other_text_has_the_direction_of_its_letters_and_the_language_of_its_label(
    label: str, text: str, expected: str
) -> None:
    shown = passage([text], label)
    assert expected in shown
    assert ("code" in shown) == (label == "Python")
