"""Minimal pairs: what distinguishes the sentences, and that no register has their words."""

import re
from collections import Counter
from importlib import resources

from corpora.demo import REGISTERS, documents
from corpora.demo.grammar import parse
from corpora.demo.lexemes import CELLS, load
from corpora.demo.minimal_pairs import COUNT, FRAMES, minimal_pairs
from corpora.demo.spelling import MARK, bare

LEXICONS = sorted({name for register in REGISTERS.values() for name in register.lexicons} - {"english", "code"})

ROOT = ("R1", "R2", "R3")


def forms(lexicons: tuple[str, ...]) -> set[str]:
    """Every inflected form of the Arabic words of lexicons, unvocalised."""
    return {
        word
        for table in load(lexicons).values()
        for lexeme in table.lexemes
        for cell in CELLS[table.kind]
        for word in re.findall("[ء-ي]+", bare(lexeme.form(cell)).replace(MARK, ""))
    }


def test_each_phenomenon_has_many_pairs_that_differ_in_one_word() -> None:
    pairs = minimal_pairs()
    counts = Counter(pair.phenomenon for pair in pairs)
    assert counts.keys() == FRAMES.keys()
    assert min(counts.values()) > COUNT / 2
    assert len(set(pairs)) == len(pairs)
    for pair in pairs:
        words = zip(pair.allowed.split(), pair.other.split(), strict=True)
        assert sum(ours != theirs for ours, theirs in words) == 1, pair


def test_no_register_has_a_word_of_the_pairs() -> None:
    held_out = forms(("held_out",))
    assert not held_out & forms(tuple(LEXICONS))
    for grammar in resources.files("corpora.demo").joinpath("grammars").iterdir():
        literal = set(re.findall("[ء-ي]+", bare(grammar.read_text("utf-8")).replace("+", "")))
        assert not held_out & literal, grammar.name
    prefixed = {f"{prefix}{word}" for word in held_out for prefix in ("", "و", "ف", "ب", "ك")}
    for register in ("msa", "egyptian", "najdi", "classical"):
        words = {word for each in documents(register, chars=400_000) for word in re.findall("[ء-ي]+", bare(each.text))}
        assert not prefixed & words, register


def test_no_name_that_is_derived_from_numbers_can_be_a_word_of_the_pairs() -> None:
    """Names are random: only their patterns show that no seed makes such a word."""
    rules = parse(resources.files("corpora.demo").joinpath("grammars/names.txt").read_text("utf-8"))
    letters = {name: f"[{''.join(''.join(each).strip('_') for each in rules[name].alternatives)}]" for name in ROOT}
    roots = (
        "".join(letters.get(token[1:-1], token.strip("_")) for token in each) for each in rules["Root"].alternatives
    )
    name = re.compile(f"(?:[وفبكل]|ال|وال|بال|لل)?(?:{'|'.join(roots)})(?:ة|ي|ية|اني|كو)?")
    assert name.fullmatch("الكاتبي")
    words = {word for pair in minimal_pairs() for word in re.findall("[ء-ي]+", f"{pair.allowed} {pair.other}")}
    assert not [word for word in words & forms(("held_out",)) if name.fullmatch(word)]


def test_the_pairs_are_a_function_of_the_count_alone() -> None:
    assert minimal_pairs(5) == minimal_pairs(5)
    assert set(minimal_pairs(5)) <= set(minimal_pairs())
