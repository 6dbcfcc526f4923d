"""Normalisation: the compiled passes, NFC and the definition agree; normalised text does not change."""

import unicodedata
from collections import Counter
from typing import Literal

import pytest
from camel_tools.utils.dediac import dediac_ar
from camel_tools.utils.normalize import normalize_unicode
from datatrove.data import Document
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corpora.cleaning import Clean, Normalisation, normalise
from corpora.cleaning.definition import normalised
from corpora.cleaning.normalisation import STEPS
from corpora.document_counts import DocumentCounter
from corpora.sources import find_source
from corpora.utf8 import utf8_size

# Characters that a step may change, letters that carry marks, and marks that compose with them.
_RANGES = [(0x600, 0x700), (0x8D0, 0x900), (0xFB50, 0xFF00), (0, 0x120), (0x300, 0x370), (0x2000, 0x2070)]
ALPHABET = [chr(point) for start, stop in _RANGES for point in range(start, stop)]
ALPHABET += "\u3000\ufeff\u1e69\u0958\u212b\u1100\u1161\u11a8\U0001d15e\U0001f600ابجد abc"
texts = st.text(st.sampled_from(ALPHABET), max_size=30) | st.text(max_size=20)
options = st.sampled_from([Normalisation(), Normalisation(tashkeel="drop")])


@given(texts, options, st.booleans())
def test_normalising_twice_is_normalising_once(text: str, chosen: Normalisation, arabic: bool) -> None:
    once = normalise(text, arabic=arabic, options=chosen).text
    assert normalise(once, arabic=arabic, options=chosen).text == once
    assert unicodedata.is_normalized("NFC", once)


@given(
    texts | st.text(st.sampled_from("\r\n\x0cا")),
    options,
    st.booleans(),
    st.sampled_from(["prose", "code", "verbatim"]),
)
def test_the_compiled_passes_agree_with_the_definition(
    text: str, chosen: Normalisation, arabic: bool, profile: Literal["prose", "code", "verbatim"]
) -> None:
    defined = normalised(text, arabic=arabic, tashkeel_marks=chosen.tashkeel, profile=profile)
    assert normalise(text, arabic=arabic, options=chosen, profile=profile).text == defined


@given(st.text(st.sampled_from([*map(chr, range(0x610, 0x660)), *"اويبtse\u0323\u0307\u0301\u0670 "]), max_size=25))
def test_text_without_code_points_of_the_table_becomes_its_nfc(text: str) -> None:
    text = text.replace("\u0640", "").replace("\u061c", "")
    assert normalise(text).text == unicodedata.normalize("NFC", text)


@pytest.mark.fault(12)
@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("محـــمد", "محمد", "tatweel"),
        ("\ufeffنص\u200b\u200f\u202a\u2066\u00ad", "نص", "invisible"),
        ("a\u00a0b\u3000c\u2009d", "a b c d", "spaces"),
        ("a\r\nb\rc\u2028d\u0085e", "a\nb\nc\nd\ne", "line ends"),
        ("a\u2029b", "a\n\nb", "line ends"),
        ("ﻻ ﻣﺤﻤﺪ ﺷﺊ", "لا محمد شئ", "presentation forms"),
        ("\ufe77\ufcf2", "\u064e\u064e\u0651", "presentation forms"),
        ("کتابی", "كتابي", "persian letters"),
        ("a\x00b\x1bc\x7f\x9d", "abc", "controls"),
        (
            "\u0623\u0648\u0644\x0b\u062b\u0627\u0646\x0ca\x1cb\x1dc\x1ed",
            "\u0623\u0648\u0644\n\u062b\u0627\u0646\na\nb\nc\nd",
            "separators",
        ),
        ("a\x1fb 1990\x961991\x97c\x95d", "a b 1990 1991 c d", "separators"),
        ("a\u200bb\u200b\u200b\u0627\u064b\u200b\u200e1\u200b", "a b \u0627\u064b 1", "invisible"),
        ("(\u200ba \u200bb\u200b.", "(a b.", "invisible"),
        ("a\u2063b", "a b", "spaces"),
        ("شدّة \u0651\u064e", "شدّة \u064e\u0651", "nfc"),
        ("ا\u0654", "أ", "nfc"),
    ],
)
def test_each_step_makes_its_change_and_is_counted(before: str, after: str, step: str) -> None:
    result = normalise(before)
    assert result.text == after
    assert set(result.touched) == {step}
    assert step in STEPS


PARTING = [chr(point) for point in (*range(0x20), *range(0x7F, 0x100), *range(0x2000, 0x2070), 0x3000)]


@pytest.mark.parametrize("profile", ["prose", "code"])
def test_no_separator_joins_the_words_beside_it(profile: Literal["prose", "code"]) -> None:
    for char in PARTING:
        if len(f"\u0628{char}\u062a".split()) == 2 or f"\u0628{char}\u062a".splitlines()[0] == "\u0628":
            text = normalise(f"\u0628{char}\u062a", profile=profile).text
            assert len(text.split()) == 2, hex(ord(char))


RUNS = {
    "fatha and shadda": "\u0645" + "\u064e\u0651" * 500_000,
    "shadda and fatha": "\u0645" + "\u0651\u064e" * 500_000,
    "Latin": "e" + "\u0301\u0323" * 500_000,
    "marks of two marks": "\u0627" + "\u0344" * 500_000,
    "Tibetan": "\u0f73" * 500_000,
    "no letter before": "\u0651\u064e" * 500_000,
    "hidden by dropped characters": "\u0645" + "\u0651\u0640\u200b\u064e\u200f" * 200_000,
}


@pytest.mark.parametrize("marks", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("tashkeel", ["keep", "drop"])
def test_a_run_of_a_million_marks_is_cut_and_what_is_cut_is_counted(
    marks: str, tashkeel: Literal["keep", "drop"]
) -> None:
    text = f"\u0642\u0628\u0644 {marks} \u0628\u0639\u062f"
    chosen = Normalisation(tashkeel=tashkeel)
    result = normalise(text, options=chosen)
    assert result.text == normalised(text, tashkeel_marks=tashkeel)
    assert normalise(result.text, options=chosen).text == result.text
    assert len(result.text) < 50
    assert result.touched["excess marks"] > 300_000


@given(st.text(st.sampled_from("\u0645\u064e\u0651\u0344\u1e69\u0958e\u0301\u0f73 \u00e9\u200b"), max_size=200))
@example("\u1e69" + "\u0344" * 15)
@example("\u0958" + "\u064e" * 30)
@example("\u00e9" + "\u064e" * 30)
def test_a_cut_run_has_at_most_thirty_marks_and_stays(text: str) -> None:
    once = normalise(text).text
    assert once == normalised(text) == normalise(once).text
    decomposed = unicodedata.normalize("NFD", once)
    starters = [index for index, char in enumerate(decomposed) if not unicodedata.combining(char)]
    gaps = zip([-1, *starters], [*starters, len(decomposed)], strict=True)
    assert all(stop - start - 1 <= 30 for start, stop in gaps)


def test_runs_of_thirty_marks_and_text_of_any_language_are_not_cut() -> None:
    text = "\u0645" + "\u0651\u064e" * 15 + " \u0642\u064f\u0644\u0652 Vi\u1ec7t \u0e01\u0e34\u0e48\u0e07"
    assert "excess marks" not in normalise(text).touched
    assert normalise(text).text == unicodedata.normalize("NFC", text)


def test_letters_stay_as_they_are_written() -> None:
    text = "أإآٱا ة ه ى ي ؤ ئ ء ﷺ ﷲ مَدْرَسَةٌ ک\u200cی"
    assert normalise(text, arabic=False).text == text
    assert normalise(text, arabic=False).touched == {}


def test_persian_letters_stay_in_persian() -> None:
    assert normalise("کتابی", arabic=False).text == "کتابی"


def test_tashkeel_is_dropped_after_composition_so_that_no_hamza_is_lost() -> None:
    drop = Normalisation(tashkeel="drop")
    assert normalise("مُحَمَّدٌ ا\u0654َنَا الرَّحْمَـٰنِ", options=drop).text == "محمد أنا الرحمن"


def test_source_code_keeps_everything_but_controls_and_line_ends() -> None:
    code = "\ufeff# ـ ﻻ \u00a0\x00\r\n\x0cdef e\u0301():\r\n"
    assert normalise(code, profile="code").text == "# ـ ﻻ \u00a0\n\x0cdef e\u0301():\n"
    assert normalise(code, profile="verbatim").text == code


MARKS = st.text(st.sampled_from([*map(chr, range(0x621, 0x653)), "\u0670", " "]), max_size=30)


@given(MARKS)
def test_dropping_tashkeel_agrees_with_camel_tools(text: str) -> None:
    text = text.replace("\u0640", "")
    assert normalise(text, options=Normalisation(tashkeel="drop")).text == dediac_ar(text)


@given(st.text(st.sampled_from([*map(chr, range(0xFE80, 0xFEFD)), "ا", " "]), max_size=20))
def test_letter_forms_agree_with_camel_tools(text: str) -> None:
    assert normalise(text).text == normalize_unicode(text)


def test_a_text_that_grows_by_the_largest_factor_is_normalised_completely() -> None:
    assert normalise("\ufdfc" * 10_000).text == "ريال" * 10_000
    assert normalise("\ufdfc" * 10_000, arabic=False).text == "ریال" * 10_000


@given(st.lists(st.tuples(texts, st.booleans()), max_size=12), options)
def test_cleaning_many_documents_is_normalising_each(inputs: list[tuple[str, bool]], chosen: Normalisation) -> None:
    documents = [
        Document(text=text, id=str(n), metadata={"language": "arz_Arab" if arabic else "fra_Latn"})
        for n, (text, arabic) in enumerate(inputs)
    ]
    counter = DocumentCounter()
    for document in documents:
        counter.count_input(utf8_size(document.text), len(document.text))
    cleaned = list(Clean(find_source("text")(), chosen, counter).run(iter(documents)))
    results = [normalise(text, arabic=arabic, options=chosen) for text, arabic in inputs]
    kept = [result for result in results if not result.touched or result.text.strip()]
    assert [document.text for document in cleaned] == [result.text for result in kept]
    for document in cleaned:
        counter.count_outputs("text", "", "", 1, utf8_size(document.text), len(document.text))
    assert counter.balanced
    assert counter.changed == dict(sum((Counter(result.touched) for result in results), Counter()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts | st.sampled_from(["\r", "\n\u064b", "\u2029"]), max_size=12).map("\n".join), options)
@example("س\r\n" * 40 + "\u0651\u064e", Normalisation())
@example("س \u0651\u064e" * 40, Normalisation())
def test_a_long_text_normalised_in_blocks_is_the_same_as_normalised_whole(
    monkeypatch: pytest.MonkeyPatch, text: str, chosen: Normalisation
) -> None:
    whole = normalise(text, options=chosen)
    with monkeypatch.context() as shorter:
        shorter.setattr("corpora.cleaning.normalisation.LONG", 16)
        blocks = normalise(text, options=chosen)
    assert (blocks.text, blocks.size) == (whole.text, whole.size)
    assert blocks.touched.keys() == whole.touched.keys()  # a block whose marks are reordered counts as at least one
