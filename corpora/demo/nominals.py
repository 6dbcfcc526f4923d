"""Inflection of nouns and adjectives, as sounds with morpheme boundaries.

A cell is one form of a lexeme: number (`s d p`), state and case of a noun, or agreement, state and case of an
adjective. The boundaries follow Farasa's scheme: the article, ة, ات, ان, ون, ين and the alif of the accusative are
segments. Grammar: W. Wright, A Grammar of the Arabic Language, 3rd ed., vol. I, sections 299-317.
"""

import re
from dataclasses import dataclass

from corpora.demo.spelling import CONSONANTS, SUN

AGREEMENTS = ("ms", "fs", "md", "fd", "mp", "fp")
"""Agreement of verbs, adjectives and pronouns: gender and number. A grammar refers to them by index."""

STATES = ("in", "ig", "ia", "dn", "dg", "da", "dl", "cn", "cg", "ca", "pn", "pg", "pa")
"""State (indefinite, definite, construct, before a pronoun) and case (nominative, genitive, accusative). `dl` is
definite after ل."""

NOUN_CELLS = tuple(number + state for number in "sdp" for state in STATES)
ADJECTIVE_CELLS = tuple(f"{agreement}.{state}" for agreement in AGREEMENTS for state in STATES[:7])

_CASE = {"n": "u", "g": "i", "a": "a", "l": "i"}
_MASCULINE, _FEMININE = "ون", "ات"


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun: singular and plural as sounds (`ون` or `ات` for a sound plural), gender, and whether it is a person."""

    singular: str
    plural: str
    feminine: bool
    human: bool

    def agreement(self, number: str) -> int:
        """Return the index in `AGREEMENTS` for a number (`s`, `d` or `p`). Plurals of things are feminine singular."""
        if number == "p" and not self.human:
            return 1
        return 2 * "sdp".index(number) + self.feminine


@dataclass(frozen=True, slots=True)
class Adjective:
    """Masculine, feminine and masculine plural as sounds."""

    masculine: str
    feminine: str
    plural: str


def is_diptote(stem: str) -> bool:
    """Return whether a stem has no nunation: broken plurals with a long a after the second letter; stems in -āʾ."""
    skeleton = re.sub("[aiu+]", "", stem.replace("aa", "ا").replace("ii", "ي").replace("uu", "و"))
    return skeleton.endswith(("اء", "ا'")) or bool(re.fullmatch(r"[^اT][^اT]ا[^اT][يو]?[^اTي]", skeleton))


def _with_article(stem: str, state: str) -> str:
    """Return the stem, after the article if the state is definite; a sun letter is doubled."""
    if state[0] != "d":
        return stem
    first = stem[0].translate(CONSONANTS)
    if state == "dl":  # after ل: another ل, unless the stem begins with ل (للجان)
        return ("" if first == "ل" else "ل+") + (first + stem if first in SUN else stem)
    return "ال+" + (first + stem if first in SUN else stem)


def _declined(stem: str, state: str, *, diptote: bool) -> str:
    """Return a singular or broken plural in a state and case."""
    start = _with_article(stem, state)
    if stem.endswith(("Y", "ى", "ا")):
        return start
    if stem.endswith("ii"):  # قاض, القاضي
        if state[1] == "a":
            return start[:-1] + "ya" + ("N" if state[0] == "i" and not diptote else "")
        return start[:-1] + "N" if state[0] == "i" else start
    if state[0] == "p" and stem.endswith("aT"):
        start = start[:-1] + "ت"
    if state[0] != "i":
        return start + _CASE[state[1]]
    if stem.endswith("aat") and state == "ia":
        return start + "iN"
    if diptote:
        return start + ("u" if state == "in" else "a")
    return start + _CASE[state[1]] + "N"


def _extended(stem: str, ending: str, state: str) -> str:
    """Return a dual (`ان`) or sound plural (`ون`, `ات`) in a state and case; the ending expresses the case."""
    bound, oblique = state[0] in "cp", state[1] != "n"
    if ending == _FEMININE:
        base = stem.removesuffix("T").removesuffix("a").removesuffix("+")
        return f"{_with_article(base, state)}+aat{'i' if oblique else 'u'}{'N' if state[0] == 'i' else ''}"
    if ending == _MASCULINE:
        return _with_article(stem.removesuffix("ii"), state) + ("+ii" if oblique else "+uu") + ("" if bound else "na")
    base = stem[:-1] + "ت" if stem.endswith("aT") else re.sub("(Y|ى)$", "y", re.sub("ii$", "iy", stem))
    return _with_article(base, state) + ("+ay" if oblique else "+aa") + ("" if bound else "ni")


def noun_cell(noun: Noun, cell: str) -> str:
    """Return the sounds of one cell of `NOUN_CELLS`."""
    number, state = cell[0], cell[1:]
    if number == "d":
        return _extended(noun.singular, "ان", state)
    if number == "p" and noun.plural in (_MASCULINE, _FEMININE):
        return _extended(noun.singular, noun.plural, state)
    stem = noun.plural if number == "p" else noun.singular
    return _declined(stem, state, diptote=is_diptote(stem) and (number == "p" or stem.endswith(("aa'", "اء"))))


def adjective_cell(adjective: Adjective, cell: str) -> str:
    """Return the sounds of one cell of `ADJECTIVE_CELLS`."""
    agreement, state = cell.split(".")
    if agreement == "ms":
        return _declined(adjective.masculine, state, diptote=adjective.feminine.endswith(("aa'", "اء")))
    if agreement == "fs":
        return _declined(adjective.feminine, state, diptote=is_diptote(adjective.feminine))
    if agreement[1] == "d":
        return _extended(adjective.masculine if agreement == "md" else adjective.feminine, "ان", state)
    if agreement == "fp":
        return _extended(adjective.feminine, _FEMININE, state)
    if adjective.plural == _MASCULINE:
        return _extended(adjective.masculine, _MASCULINE, state)
    return _declined(adjective.plural, state, diptote=is_diptote(adjective.plural))
