"""Morpheme boundaries of the demo corpus: segments cover the words exactly, and follow Arabic grammar."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import demo
from corpora.demo.lexemes import load, mark
from corpora.demo.nominals import NOUN_CELLS
from corpora.demo.spelling import MARK, bare, fit, spell
from corpora.demo.verbs import VERB_CELLS, derive, verb_cell

ARABIC = [name for name, register in demo.REGISTERS.items() if register.arabic]
WORD = re.compile("[ء-ي\u064b-\u0652\u0670]+")


@pytest.mark.parametrize("register", ARABIC)
def test_segments_tile_exactly_the_words_of_the_documents(register: str) -> None:
    words = [word for document in demo.documents(register, 150) for word in WORD.findall(document.text)]
    parts = list(demo.segments(register, 150))
    assert ["".join(part) for part in parts] == words
    assert all(all(part) for part in parts)


@pytest.mark.parametrize("register", ARABIC)
def test_the_gold_lexicon_joins_to_its_words_and_covers_most_of_the_text(register: str) -> None:
    gold = demo.gold(register)
    assert len(gold) > 1000
    assert all("".join(parts) == word for word, parts in gold.items())
    stems = {part for parts in gold.values() for part in parts}
    written = [tuple(map(bare, parts)) for parts in demo.segments(register, 100)]
    assert sum(any(part in stems for part in parts) for parts in written) > 0.5 * len(written)


def test_the_article_and_the_feminine_ending_are_segments_of_their_own() -> None:
    words = list(demo.segments("msa", 300))
    assert ("ال", "مدين", "ة") in words
    articles = [parts for parts in words if re.match("ال(?!ل|ذي|تي)[ء-ي]{4}", "".join(parts))]
    assert sum(parts[0] == "ال" for parts in articles) > 0.97 * len(articles)


@pytest.mark.parametrize(
    ("root", "form", "vowels", "cell", "written"),
    [
        ("كتب", "1", "au", "past.3mp", "كتب+وا"),
        ("كتب", "1", "au", "pres.3mp", "يكتب+ون"),
        ("كتب", "1", "au", "pastp.3mp", "كتب+و"),
        ("قول", "1", "au", "past.1s", "قل+ت"),
        ("قول", "1", "au", "juss.3ms", "يقل"),
        ("خوف", "1", "ia", "pres.3ms", "يخاف"),
        ("بيع", "1", "ai", "ppast.3ms", "بيع"),
        ("دعو", "1", "au", "past.3fs", "دع+ت"),
        ("رمي", "1", "ai", "juss.3ms", "يرم"),
        ("نسي", "1", "ia", "past.3mp", "نس+وا"),
        ("مرر", "1", "au", "past.1s", "مرر+ت"),
        ("وصل", "1", "ai", "pres.3ms", "يصل"),
        ("قرء", "1", "aa", "pres.3mp", "يقرؤ+ون"),
        ("جيء", "1", "ai", "past.1s", "جئ+ت"),
        ("ءمن", "4", "", "past.3ms", "آمن"),
        ("رود", "4", "", "past.1s", "أرد+ت"),
        ("لقي", "5", "", "pres.3ms", "يتلقى"),
        ("وصل", "8", "", "past.3ms", "اتصل"),
        ("زهر", "8", "", "past.3ms", "ازدهر"),
        ("صدم", "8", "", "past.3ms", "اصطدم"),
        ("طوع", "X", "", "pres.3ms", "يستطيع"),
        ("خدم", "X", "", "ppres.3fs", "تستخدم"),
    ],
)
def test_sound_and_weak_verbs_are_conjugated(root: str, form: str, vowels: str, cell: str, written: str) -> None:
    assert bare(spell(verb_cell(derive(root, form, vowels), cell))).replace(MARK, "+") == written


@pytest.mark.parametrize(
    ("root", "form", "masdar"),
    [("طور", "2", "تطوير"), ("شرك", "3", "مشاركة"), ("رود", "4", "إرادة"), ("وضح", "4", "إيضاح"), ("لقي", "5", "تلقي"),
     ("خور", "8", "اختيار"), ("شري", "8", "اشتراء"), ("فود", "X", "استفادة"), ("مرر", "X", "استمرار")],
)  # fmt: skip
def test_verbal_nouns_of_derived_forms_are_spelled(root: str, form: str, masdar: str) -> None:
    assert bare(spell(derive(root, form).masdar)).replace(MARK, "") == masdar


@pytest.mark.parametrize(
    ("sounds", "written"),
    [
        ("سuءaaلuN", "سُؤَالٌ"),
        (fit("رءس", "fa3iil") + "uN", "رَئِيسٌ"),
        ("قuرءaanuN", "قُرْآنٌ"),
        ("بiنaaءaN", "بِنَاءً"),
        ("جuزءaN", "جُزْءًا"),
        ("شaيءaN", "شَيْئًا"),
        ("ءaaخaر", "آخَرْ"),
        ("مaدiinaTuN", "مَدِينَةٌ"),
        ("كaتaبuuA", "كَتَبُوا"),
    ],
)
def test_sounds_are_spelled_with_the_right_seat_of_hamza(sounds: str, written: str) -> None:
    assert spell(sounds).replace(MARK, "") == unicodedata.normalize("NFC", written)


@pytest.mark.parametrize(
    ("name", "cell", "written"),
    [
        ("place", "sdg", "ال+مدين+ة"),
        ("place", "sdl", "ل+مدين+ة"),
        ("place", "spg", "مدين+ت"),
        ("place", "din", "مدين+ت+ان"),
        ("place", "pia", "مدن+ا"),
        ("official", "sia", "وزير+ا"),
        ("official", "pdn", "ال+وزراء"),
        ("institution", "pdg", "ال+شرك+ات"),
    ],
)
def test_nouns_take_article_endings_and_the_alif_of_the_accusative(name: str, cell: str, written: str) -> None:
    first = load(("arabic",))[name].lexemes[0]
    assert cell in NOUN_CELLS
    assert bare(first.form(cell)).replace(MARK, "+") == written


@given(st.sampled_from(sorted(load(("arabic", "classical")))), st.data())
def test_every_form_of_the_lexicon_has_only_arabic_letters_and_inner_boundaries(
    name: str, data: st.DataObject
) -> None:
    table = load(("arabic", "classical"))[name]
    lexeme = data.draw(st.sampled_from(table.lexemes))
    cells = {"noun": NOUN_CELLS, "verb": VERB_CELLS}.get(table.kind)
    if cells:
        form = lexeme.form(data.draw(st.sampled_from(cells)))
        assert re.fullmatch(f"[ء-ي\u064b-\u0652{MARK}]+", form)
        assert not re.search(f"^{MARK}|{MARK}$|{MARK}{MARK}", form)


def test_words_of_running_text_are_marked_at_article_and_feminine_ending() -> None:
    assert mark("المدرسة،").replace(MARK, "+") == "ال+مدرس+ة،"
    assert mark("و+الذي").replace(MARK, "+") == "و+الذي"
