"""Conversations of the demo corpus: questions whose answer a rule gives, in Arabic, one question and answer each.

    describe   صف السيارات بكلمة كبير.              السيارات كبيرة.              agreement in gender and number
    count      اكتب 347 بالحروف.                    ثلاثمئة وسبعة وأربعون.        the words of a number
    recall     عند سالم كتاب. ماذا عند سالم؟         عند سالم كتاب.               what the question has statement

The words are lexemes of the lexicon. A combination of lexemes (noun, number and adjective; a number; person and noun)
is in one conversation at most: a question of the validation split has a combination that no question of training has.
Conversations depend on the seed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from corpora.demo.lexemes import Lexeme, load
from corpora.demo.nominals import AGREEMENTS
from corpora.demo.spelling import MARK, bare

SHARES = {"describe": 0.4, "count": 0.3, "recall": 0.3}
"""Share of each kind of question in a number of conversations."""
NOUNS, PERSONS, ADJECTIVES = 30, 15, 16
"""Lexemes that are used, the most frequent ones: nouns, men and as many women, adjectives."""

_UNITS = ("", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة")
_TENS = ("", "", "عشرون", "ثلاثون", "أربعون", "خمسون", "ستون", "سبعون", "ثمانون", "تسعون")
_HUNDREDS = ("", "مئة", "مئتان", "ثلاثمئة", "أربعمئة", "خمسمئة", "ستمئة", "سبعمئة", "ثمانمئة", "تسعمئة")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One question and its answer. id: `demo-chat-<seed>-<kind>-<number>`."""

    id: str
    kind: str
    question: str
    answer: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation as messages of role and content."""
        return [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]


def conversations(count: int, seed: int = 0) -> list[Conversation]:
    """Return `count` conversations, the kinds of question mixed in their shares.

    Raises ValueError for more than there are combinations of lexemes.
    """
    made = []
    for kind, pairs in _pairs().items():
        number = round(count * SHARES[kind])
        every = sorted(pairs, key=lambda pair: _key(seed, pair[0]))
        if number > len(every):
            raise ValueError(f"there are {len(every)} questions of kind {kind}, and {number} were asked for")
        made += [Conversation(f"demo-chat-{seed}-{kind}-{n}", kind, *pair) for n, pair in enumerate(every[:number])]
    return sorted(made, key=lambda conversation: _key(seed, conversation.id))


def _key(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed}/{text}".encode()).hexdigest()


def _pairs() -> dict[str, Iterator[tuple[str, str]]]:
    """Return every question with its answer, by kind; each combination of lexemes once."""
    tables = load(("names", "arabic"))
    things = tables["thing"].lexemes
    nouns = [noun for noun in things if not _word(noun, "sin").endswith("ا")][:NOUNS]  # كاميرا is feminine
    adjectives = tables["quality"].lexemes[:ADJECTIVES]
    persons = [*tables["male"].lexemes[:PERSONS], *tables["female"].lexemes[:PERSONS]]
    return {"describe": _describe(nouns, adjectives), "count": _count(), "recall": _recall(persons, nouns)}


def _word(lexeme: Lexeme, cell: str = "") -> str:
    """Return a form of a lexeme in letters, without vowel signs and boundaries."""
    return bare(lexeme.form(cell)).replace(MARK, "")


def _describe(nouns: Sequence[Lexeme], adjectives: Sequence[Lexeme]) -> Iterator[tuple[str, str]]:
    for noun, adjective, (number, name) in product(nouns, adjectives, enumerate("sdp")):
        if name != "d":
            subject = _word(noun, f"{name}dn")
            agreement = AGREEMENTS[noun.agreements[number]]
            yield (
                f"صف {subject} بكلمة {_word(adjective, 'ms.in')}.",
                f"{subject} {_word(adjective, f'{agreement}.in')}.",
            )


def _count() -> Iterator[tuple[str, str]]:
    for hundreds, tens, units in product(range(1, 10), range(2, 10), range(1, 10)):
        number = f"{hundreds}{tens}{units}"
        yield f"اكتب {number} بالحروف.", f"{_HUNDREDS[hundreds]} و{_UNITS[units]} و{_TENS[tens]}."


def _recall(persons: Sequence[Lexeme], nouns: Sequence[Lexeme]) -> Iterator[tuple[str, str]]:
    for person, noun in product(persons, nouns):
        statement = f"عند {_word(person)} {_word(noun, 'sin')}."
        yield f"{statement} ماذا عند {_word(person)}؟", statement
