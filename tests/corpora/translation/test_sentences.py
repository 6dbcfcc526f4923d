"""Sentences and what stands between them are the text; a translation keeps its lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sentencex", reason="sentencex is not installed: pip install 'arcorp[translate]'")

from corpora.translation import split

TEXTS = st.text(st.sampled_from("ab A.!?؟،ق\n\r\t \u2028…«»1-。漢"), max_size=60) | st.text(max_size=40)


@given(TEXTS, st.sampled_from(["eng_Latn", "arb_Arab", "arz_Arab", "cmn_Hani", "und"]))
def test_sentences_and_what_is_between_are_the_text(text: str, language: str) -> None:
    divided = split(text, language)
    assert len(divided.between) == len(divided.sentences) + 1
    pieces = [divided.between[0]]
    for sentence, after in zip(divided.sentences, divided.between[1:], strict=True):
        assert sentence == sentence.strip()
        assert any(map(str.isalpha, sentence))
        pieces += [sentence, after]
    assert "".join(pieces) == text


@given(TEXTS, st.randoms(use_true_random=False))
def test_a_translation_has_the_lines_of_its_text(text: str, random: object) -> None:
    divided = split(text, "eng_Latn")
    choose = random.choice  # type: ignore[attr-defined]
    translations = [choose(["ترجمة", None]) for _ in divided.sentences]
    joined = divided.join(translations)
    assert joined.count("\n") == text.count("\n")
    assert joined.count("ترجمة") == sum(each is not None for each in translations)


def test_english_and_arabic_are_divided_at_the_ends_of_sentences() -> None:
    text = 'Mr. Smith paid $3.50 at 5 p.m. yesterday. "Yes!" she answered.\n\n1.\n  Is it? No.'
    assert split(text, "eng_Latn").sentences == [
        "Mr. Smith paid $3.50 at 5 p.m. yesterday.",
        '"Yes!" she answered.',
        "Is it?",
        "No.",
    ]
    assert split("ذهب إلى المدرسة. هل رأيته؟ نعم! بلغ 3.5 بالمئة.", "arz_Arab").sentences == [
        "ذهب إلى المدرسة.",
        "هل رأيته؟",
        "نعم!",
        "بلغ 3.5 بالمئة.",
    ]


def test_a_missing_sentence_takes_its_space_with_it() -> None:
    divided = split("One. Two. Three.\n\nFour. Five.", "eng_Latn")
    assert divided.join(["A", None, "C", "D", None]) == "A C\n\nD"
    assert divided.join(["A", "B", None, None, "E"]) == "A B \n\nE"
