"""The lexicon: the files in `lexicon/` as tables of lexemes, with all forms that a grammar may use.

A file is a list of sections: a line `[kind class]`, then entries separated by white space, with `_` for a space:

    noun   قاضii/قضاة (ends in a weak i)  طبيب/أطباء  شركة/ات  مدرس/ون  شمس/شموس^f  كتب:fi3aal/fu3ul (root, patterns)
    adj    كبير/كبار  وطني (sound plural)  أحمر/حمراء/حمر  كبر:fa3iil/fi3aal
    verb   قول1au  قدم2  خدمX (root, form, and the two vowels of form I)
    dverb  شاف/شف/شوف (a dialect's past, past before a consonant, present)
    word   القاهرة  بين (not inflected)
    enoun  box/boxes  city      everb  go/goes/went/going/gone  walk

Entries are in order of frequency; the grammar draws them by Zipf's law. `noun person h` marks persons, whose plurals
have plural agreement. The derived forms of a verb class `x` also give nouns `x.masdar` and adjectives `x.doer`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from corpora.demo import nominals, verbs
from corpora.demo.spelling import MARK, fit, spell

DIALECT_CELLS = tuple(f"{tense}.{person}" for tense in ("past", "pastp", "pres") for person in verbs.PERSONS)
ENGLISH_VERB_CELLS = ("base", "s", "past", "ing", "part")

CELLS: dict[str, tuple[str, ...]] = {
    "noun": nominals.NOUN_CELLS,
    "adj": nominals.ADJECTIVE_CELLS,
    "verb": verbs.VERB_CELLS,
    "dverb": DIALECT_CELLS,
    "word": ("",),
    "enoun": ("s", "p"),
    "everb": ENGLISH_VERB_CELLS,
}
_UNSEGMENTED = frozenset(
    [
        "الله",
        "الذي",
        "التي",
        "الذين",
        "اللذان",
        "اللتان",
        "اللاتي",
        "اللي",
        "إلا",
        "ألا",
        "إلى",
        "التقى",
        "التقت",
        "التفت",
        "الى",
        "الين",
    ]
)


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One entry.

    agreements: index in `nominals.AGREEMENTS` for singular, dual and plural. form: returns the spelling of a cell.
    """

    agreements: tuple[int, int, int]
    form: Callable[[str], str]


@dataclass(slots=True)
class Table:
    """A class of lexemes, most frequent first. `kind`: a key of CELLS."""

    kind: str
    lexemes: list[Lexeme]


def mark(word: str) -> str:
    """Return a word of running text with `MARK` at its boundaries: at each `+`, after the article, and before ة."""
    head, tail = re.fullmatch(r"(.*?)([^\w+\u064b-\u0652]*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
    pieces = head.split("+")
    for index, piece in enumerate(pieces):
        if piece.startswith("ال") and piece not in _UNSEGMENTED and len(piece) > 3:
            pieces[index] = "ال+" + piece[2:]
        if len(piece) > 2 and piece.endswith("ة"):
            pieces[index] = pieces[index][:-1] + "+ة"
    return "+".join(pieces).replace("+", MARK) + tail


def _stem(text: str, root: str = "") -> str:
    """Return the sounds of a stem: a pattern with a root, or literal letters without one."""
    if root:
        return fit(root, text)
    text = re.sub(r"([ء-ي])(?=\1)", r"\1a", text)  # literal text has no vowels: separate doubled letters
    if re.fullmatch("[^أ].*..ات|.*....ات", text):
        return text[:-2] + "+aat"
    return text[:-1] + "+aT" if text.endswith("ة") else text


def _noun(entry: str, human: bool) -> Lexeme:
    entry, _, gender = entry.partition("^")
    root, _colon, rest = entry.rpartition(":")
    singular, _, plural = rest.partition("/")
    stem = _stem(singular, root)
    many = plural if plural in ("ون", "ات") else _stem(plural, root if plural.isascii() else "") if plural else "ات"
    noun = nominals.Noun(stem, many, gender == "f" or stem.endswith("T"), human)
    agreements = (noun.agreement("s"), noun.agreement("d"), noun.agreement("p"))
    return Lexeme(agreements, lambda cell: spell(nominals.noun_cell(noun, cell)))


def _adjective(entry: str, _: bool) -> Lexeme:
    root, _colon, rest = entry.rpartition(":")
    parts = rest.split("/")
    masculine = _stem(parts[0], root)
    plural = parts[-1] if len(parts) > 1 else "ون"
    plural = plural if plural == "ون" else _stem(plural, root if plural.isascii() else "")
    feminine = _stem(parts[1], root if parts[1].isascii() else "") if len(parts) == 3 else masculine + "+aT"
    adjective = nominals.Adjective(masculine, feminine, plural)
    return Lexeme((0, 0, 0), lambda cell: spell(nominals.adjective_cell(adjective, cell)))


def _verb_of(entry: str) -> verbs.Verb:
    match = re.fullmatch(r"([ء-ي]{3})([1-8X])([aiu]{2})?", entry)
    if not match:
        raise ValueError(f"lexicon: {entry!r} is not a verb; give root, form and, for form I, the vowels: كتب1au")
    return verbs.derive(match[1], match[2], match[3] or "")


def _verb(entry: str, _: bool) -> Lexeme:
    verb = _verb_of(entry)
    return Lexeme((0, 0, 0), lambda cell: spell(verbs.verb_cell(verb, cell)))


def _dialect_verb(entry: str, _: bool) -> Lexeme:
    parts = entry.split("/")
    past, before, present = (parts * 3)[:3]
    endings = {"3ms": "", "3fs": "+ت", "1s": "+ت", "2ms": "+ت", "1p": "+نا", "2fs": "+تي", "2mp": "+توا"}

    def form(cell: str) -> str:
        tense, person = cell.split(".")
        many = person in ("3md", "3fd", "3mp", "3fp", "2mp")
        if tense.startswith("past"):
            bound, weak = tense == "pastp", past[-1] == "ى"
            stem = before if person[0] in "12" else past[:-1] if weak and (person != "3ms" or bound) else past
            tail = endings.get(person, "+و" if bound else "+وا")
            return (stem + ("ا" if weak and bound and person == "3ms" else "") + tail).replace("+", MARK)
        prefix = {"1s": "أ", "1p": "ن", "3fs": "ت", "2ms": "ت", "2fs": "ت", "2mp": "ت"}.get(person, "ي")
        stem = present[:-1] if present[-1] in "ىي" and (many or person == "2fs") else present
        if person == "1s" and stem.startswith("ا"):
            return "آ" + stem[1:]
        return (prefix + stem + ("+وا" if many else "+ي" if person == "2fs" else "")).replace("+", MARK)

    return Lexeme((0, 0, 0), form)


def _word(entry: str, _: bool) -> Lexeme:
    text = " ".join(mark(word) for word in entry.split("_"))
    vowel = entry[:1].lower() in tuple("aeiou")
    return Lexeme((vowel, vowel, vowel), lambda _: text)


def _english_noun(entry: str, _: bool) -> Lexeme:
    singular, _slash, plural = entry.replace("_", " ").partition("/")
    if re.search("[^aeiou]y$", singular):
        regular = singular[:-1] + "ies"
    else:
        regular = singular + ("es" if re.search("(s|x|ch|sh)$", singular) else "s")
    forms = {"s": singular, "p": plural or regular}
    vowel = singular[0] in "aeiou"
    return Lexeme((vowel, vowel, vowel), forms.__getitem__)


def _english_verb(entry: str, _: bool) -> Lexeme:
    parts = entry.replace("_", " ").split("/")
    if len(parts) == 1:
        base = parts[0]
        soft = base.removesuffix("e")
        third = (
            base[:-1] + "ies"
            if re.search("[^aeiou]y$", base)
            else base + ("es" if re.search("(s|x|ch|sh|o)$", base) else "s")
        )
        past = base[:-1] + "ied" if re.search("[^aeiou]y$", base) else soft + "ed"
        parts = [base, third, past, soft + "ing", past]
    return Lexeme((0, 0, 0), dict(zip(ENGLISH_VERB_CELLS, parts, strict=True)).__getitem__)


_READERS: dict[str, Callable[[str, bool], Lexeme]] = {
    "noun": _noun,
    "adj": _adjective,
    "verb": _verb,
    "dverb": _dialect_verb,
    "word": _word,
    "enoun": _english_noun,
    "everb": _english_verb,
}


def _derived(entries: list[str]) -> tuple[list[Lexeme], list[Lexeme]]:
    """Return the verbal nouns and the active participles of the derived forms (II to X) in `entries`."""
    masdars, doers = [], []
    for verb in (_verb_of(entry) for entry in entries if entry[3] != "1"):
        noun = nominals.Noun(verb.masdar, "ات", verb.masdar.endswith("T"), False)
        masdars.append(
            Lexeme((noun.feminine, 2 + noun.feminine, 1), lambda cell, n=noun: spell(nominals.noun_cell(n, cell)))  # type: ignore[misc]
        )
        if not verb.last:
            doer = nominals.Adjective(verb.participle, verb.participle + "+aT", "ون")
            doers.append(Lexeme((0, 0, 0), lambda cell, a=doer: spell(nominals.adjective_cell(a, cell))))  # type: ignore[misc]
    return masdars, doers


def load(names: tuple[str, ...]) -> dict[str, Table]:
    """Load files of `lexicon/`, given by name. Returns the tables by class; sections of one class are merged.

    Raises ValueError for an invalid entry.
    """
    tables: dict[str, Table] = {}

    def add(kind: str, name: str, lexemes: list[Lexeme]) -> None:
        if lexemes:
            tables.setdefault(name, Table(kind, [])).lexemes.extend(lexemes)

    for name in names:
        text = resources.files("corpora.demo").joinpath(f"lexicon/{name}.txt").read_text("utf-8")
        text = re.sub("^#.*$", "", text, flags=re.MULTILINE)
        for header, body in re.findall(r"^\[([^\]]+)\]\n([^\[]*)", text, flags=re.MULTILINE):
            kind, label, *flags = header.split()
            entries = body.split()
            add(kind, label, [_READERS[kind](entry, "h" in flags) for entry in entries])
            if kind == "verb":
                masdars, doers = _derived(entries)
                add("noun", f"{label}.masdar", masdars)
                add("adj", f"{label}.doer", doers)
    return tables
