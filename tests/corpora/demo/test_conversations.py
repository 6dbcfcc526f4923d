"""Conversations of the demo corpus: a rule gives each answer, and no combination of lexemes is asked for twice."""

import re
from collections import Counter

import pytest

from corpora import demo
from corpora.demo.conversations import SHARES, Conversation, conversations

UNITS = ["واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة"]
TENS = ["عشرون", "ثلاثون", "أربعون", "خمسون", "ستون", "سبعون", "ثمانون", "تسعون"]
HUNDREDS = ["مئة", "مئتان", "ثلاثمئة", "أربعمئة", "خمسمئة", "ستمئة", "سبعمئة", "ثمانمئة", "تسعمئة"]
NUMBERS = {word: n for n, word in enumerate(UNITS, 1)}
NUMBERS |= {word: 10 * n for n, word in enumerate(TENS, 2)}
NUMBERS |= {word: 100 * n for n, word in enumerate(HUNDREDS, 1)}


@pytest.fixture(scope="module")
def made() -> list[Conversation]:
    return conversations(1500)


def test_equal_seeds_give_equal_conversations_and_others_others(made):
    assert conversations(1500) == made
    assert {each.question for each in conversations(100, seed=1)} != {each.question for each in conversations(100)}
    first = Counter(each.kind for each in made)
    assert first == {kind: round(1500 * share) for kind, share in SHARES.items()}


def test_no_question_is_asked_twice_and_each_has_one_answer(made):
    assert len({each.question for each in made}) == len({each.id for each in made}) == len(made)
    assert all(each.messages[0]["role"] == "user" and each.messages[1]["content"] == each.answer for each in made)


def test_answers_follow_the_rule_of_their_kind(made):
    for each in made:
        if each.kind == "recall":
            assert each.question.startswith(f"{each.answer} ")
        elif each.kind == "describe":
            noun, adjective = re.fullmatch(r"صف (\S+) بكلمة (\S+)\.", each.question).groups()
            assert each.answer in (f"{noun} {adjective}.", f"{noun} {adjective}ة.")
            assert noun[-1] != "ة" or each.answer.endswith("ة.")  # a feminine noun has a feminine adjective
        else:
            digits = re.search(r"\d{3}", each.question)[0]
            words = each.answer.rstrip(".").replace(" و", " ").split()
            assert sum(NUMBERS[word] for word in words) == int(digits)


def test_words_of_conversations_are_those_of_the_lexicon(made):
    known = {word for register in ("msa",) for word in demo.gold(register)}
    nouns = {re.search(r"صف (\S+)", each.question)[1] for each in made if each.kind == "describe"}
    assert len(nouns & known) > 0.9 * len(nouns)


def test_more_conversations_than_combinations_are_refused():
    with pytest.raises(ValueError, match="960 questions of kind describe"):
        conversations(100_000)
