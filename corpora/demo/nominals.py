"""Every form of a noun and of an adjective, as sounds with morpheme boundaries.

A cell is one form of a lexeme: number (`s d p`) by state and case for nouns, agreement by state and case for
adjectives. The boundaries are those of Farasa's scheme: the article, ة, ات, ان, ون, ين and the alif of the
accusative stand apart. Facts: W. Wright, A Grammar of the Arabic Language, 3rd ed., vol. I, sections 299-317.
"""

import re
from dataclasses import dataclass

from corpora.demo.spelling import CONSONANTS, SUN

AGREEMENTS = ("ms", "fs", "md", "fd", "mp", "fp")
"""What a verb, an adjective or a pronoun agrees with: number and gender, in the order that the grammar counts them."""

STATES = ("in", "ig", "ia", "dn", "dg", "da", "dl", "cn", "cg", "ca", "pn", "pg", "pa")
"""Indefinite, definite (`dl`: after ل), construct, and before a pronoun; nominative, genitive, accusative each."""

NOUN_CELLS = tuple(number + state for number in "sdp" for state in STATES)
ADJECTIVE_CELLS = tuple(f"{agreement}.{state}" for agreement in AGREEMENTS for state in STATES[:7])

_CASE = {"n": "u", "g": "i", "a": "a", "l": "i"}
_MASCULINE, _FEMININE = "ون", "ات"


@dataclass(frozen=True, slots=True)
class Noun:
    """Singular and plural as sounds (plural `ون` or `ات` where it is sound), and how the noun is agreed with."""

    singular: str
    plural: str
    feminine: bool
    human: bool

    def agreement(self, number: str) -> int:
        """The index in `AGREEMENTS` that the noun demands: plurals of things are feminine singular."""
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
    """Whether a stem takes no nunation: the broken plurals with a long a after the second letter, and those in -āʾ."""
    skeleton = re.sub("[aiu+]", "", stem.replace("aa", "ا").replace("ii", "ي").replace("uu", "و"))
    return skeleton.endswith(("اء", "ا'")) or bool(re.fullmatch(r"[^اT][^اT]ا[^اT][يو]?[^اTي]", skeleton))


def _begun(stem: str, state: str) -> str:
    """The stem behind its article, if it has one; a sun letter doubles."""
    if state[0] != "d":
        return stem
    first = stem[0].translate(CONSONANTS)
    if state == "dl":  # after ل: one more ل, unless the stem has it already (للجان)
        return ("" if first == "ل" else "ل+") + (first + stem if first in SUN else stem)
    return "ال+" + (first + stem if first in SUN else stem)


def _declined(stem: str, state: str, *, diptote: bool) -> str:
    begun = _begun(stem, state)
    if stem.endswith(("Y", "ى", "ا")):
        return begun
    if stem.endswith("ii"):  # قاض, القاضي
        if state[1] == "a":
            return begun[:-1] + "ya" + ("N" if state[0] == "i" and not diptote else "")
        return begun[:-1] + "N" if state[0] == "i" else begun
    if state[0] == "p" and stem.endswith("aT"):
        begun = begun[:-1] + "ت"
    if state[0] != "i":
        return begun + _CASE[state[1]]
    if stem.endswith("aat") and state == "ia":
        return begun + "iN"
    if diptote:
        return begun + ("u" if state == "in" else "a")
    return begun + _CASE[state[1]] + "N"


def _extended(stem: str, ending: str, state: str) -> str:
    """A dual (`ان`) or a sound plural (`ون`, `ات`): the ending carries the case."""
    bound, oblique = state[0] in "cp", state[1] != "n"
    if ending == _FEMININE:
        base = stem.removesuffix("T").removesuffix("a").removesuffix("+")
        return f"{_begun(base, state)}+aat{'i' if oblique else 'u'}{'N' if state[0] == 'i' else ''}"
    if ending == _MASCULINE:
        return _begun(stem.removesuffix("ii"), state) + ("+ii" if oblique else "+uu") + ("" if bound else "na")
    base = stem[:-1] + "ت" if stem.endswith("aT") else re.sub("(Y|ى)$", "y", re.sub("ii$", "iy", stem))
    return _begun(base, state) + ("+ay" if oblique else "+aa") + ("" if bound else "ni")


def noun_cell(noun: Noun, cell: str) -> str:
    """The sounds of one cell of `NOUN_CELLS`."""
    number, state = cell[0], cell[1:]
    if number == "d":
        return _extended(noun.singular, "ان", state)
    if number == "p" and noun.plural in (_MASCULINE, _FEMININE):
        return _extended(noun.singular, noun.plural, state)
    stem = noun.plural if number == "p" else noun.singular
    return _declined(stem, state, diptote=is_diptote(stem) and (number == "p" or stem.endswith(("aa'", "اء"))))


def adjective_cell(adjective: Adjective, cell: str) -> str:
    """The sounds of one cell of `ADJECTIVE_CELLS`."""
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
