"""Boundaries are projected to gold of clitics, and errors are counted by the segment they set apart."""

import pytest

from tokenization.morphology import convention_of, error_kinds, to_clitics
from tokenization.morphology.segmenter import segments

SPLIT = [("البيت", (2,)), ("المدرسة", (2, 6)), ("الكتاب", (2,))] * 10
WHOLE = [("البيت", ()), ("المدرسة", ()), ("والكتاب", (1,)), ("الكتاب", ())] * 10


def test_the_convention_is_that_of_the_article() -> None:
    assert convention_of(SPLIT) == "farasa"
    assert convention_of(WHOLE) == "clitics"
    assert convention_of(WHOLE[:4]) == "farasa"  # too few words to see


@pytest.mark.parametrize(
    ("farasa", "clitics"),
    [
        ("و+ب+ال+مدرس+ة", "و+ب+المدرسة"),
        ("ال+كتاب", "الكتاب"),
        ("كتاب+هم", "كتاب+هم"),
        ("مدرس+ت+هم", "مدرست+هم"),
        ("ل+ل+بيت", "ل+لبيت"),
        ("و+ل+ل+بيت", "و+ل+لبيت"),
        ("س+يكتب+ون+ها", "س+يكتبون+ها"),
        ("كتب+و+ا", "كتبوا"),
        ("كتاب", "كتاب"),
        ("ل+نا", "ل+نا"),
    ],
)
def test_an_article_and_endings_belong_to_the_stem(farasa: str, clitics: str) -> None:
    word = farasa.replace("+", "")
    parts = farasa.split("+")
    boundaries = tuple(sum(map(len, parts[:number])) for number in range(1, len(parts)))
    assert "+".join(segments(word, to_clitics(word, boundaries))) == clitics


def test_errors_are_counted_by_kind_over_tokens() -> None:
    gold = [("وكتابهم", (1, 5)), ("وكتابهم", (1, 5)), ("لما", ()), ("مدرسة", (4,)), ("سعودي", ())]
    kinds = error_kinds(gold, {"وكتابهم": (), "لما": (1,), "مدرسة": (), "سعودي": (4,)})
    assert kinds == {
        "proclitic": {"missed": 2, "false": 0},
        "pronoun": {"missed": 2, "false": 1},
        "ending": {"missed": 1, "false": 0},
        "short word": {"missed": 0, "false": 1},
        "stem": {"missed": 0, "false": 0},
    }
