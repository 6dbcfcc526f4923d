"""arcorp's own profiles: good text of each kind is kept, bad text is dropped under every profile."""

import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.document_counts import DocumentCounter
from corpora.labels import Quality
from corpora.quality import Filter, Limits
from corpora.quality.furniture import without_furniture
from corpora.sources import find_source

OWN = [profile for profile in get_args(Quality) if profile not in ("none", "web", "code")]


def decision(text: str, profile: Quality, language: str = "arb_Arab") -> str:
    """Return the reason for which a profile drops a text, "" if it keeps it."""
    from datatrove.data import Document

    columns = {"category": "arabic", "language": language, "license": "", "metadata": {}}
    kept = Filter(Limits(), DocumentCounter(), lambda _: profile).filter(Document(text=text, id="1", metadata=columns))
    return kept[1] if isinstance(kept, tuple) else ""


def texts_of(source: str, path: Path) -> list[str]:
    reader, counter = find_source(source)(), DocumentCounter()
    return [document.text for unit in reader.units([path]) for document in reader.documents(unit, counter)]


ENTRIES = {
    "a hadith of two words": "الْحَرْبُ خُدَعَةٌ",
    "an aphorism": "الصبر مفتاح الفرج.",
    "a long phrase, once": "حدثنا عبد الله بن يوسف قال أخبرنا مالك عن نافع عن ابن عمر",
    "a line of tafsir": "{ الرحمن } أي ذو الرحمة الواسعة لجميع الخلق...",
    "a quotation with an ellipsis": "قوله تعالى: {قل هو الله أحد}…",
    "entries with hyphens": "- أبجد: حروف الهجاء.\n- أبد: الدهر، وجمعه آباد.\n- إبر: جمع إبرة، وهي المخيط.",
    "an entry with a hyphen": "- عن أنس رضي الله عنه قال: لا يؤمن أحدكم حتى يحب لأخيه ما يحب لنفسه",
    "an article": "(كتب) الكاف والتاء والباء أصل صحيح واحد يدل على جمع شيء إلى شيء. من ذلك الكتاب والكتابة.",
    "a reference": "رواه أحمد في المسند ( 6 / 440 - 441 ) والبزار في مسنده",
}
SOCIAL = {
    "two words": "ما علينا",
    "hashtags": "يا رب #السعودية #الهلال تعبنا والله",
    "drawn out": "هههههههههههه والله انك تحفه يا زلمه",
    "ellipses": "طيب... شو بدنا نعمل... خلص",
    "with a hyphen": "- شو رأيك نطلع اليوم؟",
}


@pytest.mark.parametrize("text", ENTRIES.values(), ids=ENTRIES)
def test_entries_are_kept_by_reference(text: str) -> None:
    assert decision(text, "reference") == ""


@pytest.mark.parametrize("text", SOCIAL.values(), ids=SOCIAL)
@pytest.mark.parametrize("language", ["apc_Arab", "ajp_Arab", "arz_Arab", "ary_Arab"])
def test_short_text_in_any_dialect_is_kept_by_dialect(text: str, language: str) -> None:
    assert decision(text, "dialect", language) == ""


def test_sentences_tweets_and_forty_hadiths_of_real_corpora_are_kept(samples: Path) -> None:
    cases = samples / "cases/text-in"
    lines = (cases / "jordanian.txt").read_text(errors="ignore").splitlines()
    for sentence in filter(str.strip, lines):
        assert decision(sentence, "dialect", "ajp_Arab") == ""
    for hadith in texts_of("hadith-json", cases / "shahwaliullah40.json"):
        assert decision(hadith, "reference") == ""
    for hadith in texts_of("hadith-json", samples / "data/hadith/hadith-json/forties"):
        assert decision(hadith, "reference") == ""


def test_a_scanned_book_with_page_rules_and_a_book_of_poems_are_kept(samples: Path) -> None:
    (book,) = texts_of("openiti", next((samples / "data/openiti").rglob("*Bukhala*mARkdown")))
    lines = book.splitlines()[:1500]
    pages = [f"{'=' * 20}\n[ص: {number}]\n" + "\n".join(lines[3 * number : 3 * number + 3]) for number in range(500)]
    assert decision("\n".join(pages), "classical") == ""
    assert decision("\n".join(line for page in pages for line in page.split("\n")[:2]), "classical") != ""
    (poems,) = texts_of("openiti", next((samples / "data/openiti").rglob("*IbnCabdRabbih.Diwan*")))
    dotted = "\n".join(line.replace("\t", " ...... ") for line in poems.splitlines()[:400])
    assert decision(poems, "verse") == decision(dotted, "verse") == ""


BAD = {
    "one phrase": "اشترك الان " * 40,
    "one phrase, three times": "اشترك الان اشترك الان اشترك الان",
    "lines of one phrase": "اشترك الان\n" * 40,
    "numbers": " ".join(map(str, range(100, 400))),
    "signs": "* | - = + ~ ^ $ % & @ " * 20,
    "no text": "=====\n[12]\n* * *",
}


@pytest.mark.parametrize("profile", OWN)
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_text_is_dropped_by_every_profile(text: str, profile: Quality) -> None:
    assert decision(text, profile) != ""


@pytest.mark.parametrize("profile", ["web", *OWN])
def test_bad_web_pages_are_dropped_by_every_profile(samples: Path, profile: Quality) -> None:
    for line in (samples / "cases/text-in/web-bad/bad.jsonl").read_text().splitlines():
        assert decision(json.loads(line)["text"], profile) != ""


FURNITURE = [
    "=====",
    "* * *",
    "12",
    "[12]",
    "- 12 -",
    "ص 12",
    "[ص: 67]",
    "صفحة ١٢",
    "ج 1 ص 30",
    "PageV01P030",
    "____",
    "p. 12",
]
TEXT = ["قال", "12 + 3 = 15", "(3) نسخة", "ص", "في ص 12 كلام", "سنة 1445 هـ", "-نعم-", "صفحة من تاريخ 1919", "C3"]


@given(st.lists(st.sampled_from([*FURNITURE, *TEXT, ""]), max_size=12))
def test_furniture_is_removed_and_text_stays(lines: list[str]) -> None:
    rest = without_furniture("\n".join(lines)).split("\n")
    assert [line for line in rest if line] == [line for line in lines if line in TEXT]


def test_a_phrase_that_occurs_once_counts_in_web_alone() -> None:
    phrase = ENTRIES["a long phrase, once"]
    assert decision(phrase, "web").startswith("top_")
    assert decision(phrase, "classical") == ""
