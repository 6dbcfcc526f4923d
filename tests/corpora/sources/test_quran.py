"""The Quran: every edition is verbatim, with its own ids, language and licence, whatever form its file has."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import BadInput
from corpora.reading import find_files
from corpora.sources import recognise
from corpora.sources.quran import AYAS

RULE = "#" + "-" * 68 + "#"


def translation_notice(name: str, language: str, id_: str) -> str:
    lines = [
        "",
        "  Quran Translation",
        f"  Name: {name}",
        "  Translator: فلان",
        f"  Language: {language}",
        f"  ID: {id_}",
    ]
    return "\n".join([RULE, *(f"#{line}" for line in [*lines, "  Source: Tanzil.net", ""]), RULE])


@pytest.fixture
def simple(samples: Path) -> str:
    return (samples / "data" / "quran" / "quran-simple.txt").read_text("utf-8")


@pytest.fixture
def ayas(simple: str) -> list[str]:
    return [line.split("|", 2)[2] for line in simple.split("\n") if "|" in line and not line.startswith("#")]


@pytest.fixture
def notice(simple: str) -> str:
    return "\n".join(line for line in simple.split("\n") if line.startswith("#"))


def xml(lines: list[str], notice: str, basmala: str = "") -> str:
    """Return the XML of an edition, with the notice in a comment, as Tanzil writes it."""
    parts = ['<?xml version="1.0" encoding="utf-8" ?>', f"<!--\n{notice}\n-->", "<quran>"]
    rest = iter(lines)
    for sura, count in enumerate(AYAS, 1):
        parts.append(f'<sura index="{sura}" name="س">')
        for aya in range(1, count + 1):
            text = next(rest)
            apart = basmala and aya == 1 and sura != 1 and text.startswith(f"{basmala} ")
            attribute = f' bismillah="{basmala}"' if apart else ""
            shown = text.removeprefix(f"{basmala} ") if apart else text
            escaped = shown.replace("&", "&amp;").replace('"', "&quot;")
            parts.append(f'<aya index="{aya}" text="{escaped}"{attribute}/>')
        parts.append("</sura>")
    return "\n".join([*parts, "</quran>"])


def verses(documents: list[Any]) -> list[str]:
    return "\n".join(document.text for document in documents).split("\n")


def test_text_without_numbers_and_xml_give_what_text_with_numbers_gives(
    tmp_path: Path, ingest: Any, simple: str, ayas: list[str], notice: str
) -> None:
    forms = {
        "quran-numbers.txt": simple,
        "quran-plain.txt": "\n".join(ayas) + "\n\n" + notice + "\n",
        "quran-crlf.txt": "\ufeff" + "\r\n".join(ayas) + "\r\n" + notice.replace("\n", "\r\n") + "\r\n",
        "quran.xml": xml(ayas, notice),
        "quran-basmala.xml": xml(ayas, notice, ayas[0]),
        "quran-rule.xml": xml(ayas, f"{RULE}\n{notice}\n-- end --"),
    }
    for name, text in forms.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_text(text, encoding="utf-8", newline="")
        documents, counter = ingest("quran", folder)
        assert counter.balanced
        assert verses(documents) == ayas, name
        assert [document.metadata["metadata"]["ayas"] for document in documents] == list(AYAS)
        assert all("CHANGING IT IS NOT ALLOWED" in document.metadata["license"] for document in documents)
        assert recognise(find_files([folder], ["*"])[0]).source == "quran"


def test_several_editions_in_one_folder_lose_nothing(
    tmp_path: Path, ingest: Any, simple: str, ayas: list[str], notice: str
) -> None:
    clean = [re.sub("[\u064b-\u0652\u0670]", "", aya) for aya in ayas]
    english = [f"Verse {number}." for number in range(1, 6237)]
    numbers = [f"{sura}|{aya}" for sura, count in enumerate(AYAS, 1) for aya in range(1, count + 1)]
    (tmp_path / "quran-simple.txt").write_text(simple)
    (tmp_path / "quran-simple-clean.txt").write_text("\n".join([*clean, notice.replace("Simple", "Simple Clean")]))
    (tmp_path / "quran-uthmani.xml").write_text(xml(ayas, notice.replace("Simple", "Uthmani")))
    notices = {
        "en.sahih.txt": ("Saheeh International", "English", "en.sahih"),
        "fa.makarem.txt": ("مکارم شیرازی", "Persian", "fa.makarem"),
        "ar.jalalayn.txt": ("تفسير الجلالين", "Arabic", "ar.jalalayn"),
        "en.transliteration.txt": ("English Transliteration", "English", "en.transliteration"),
    }
    for name, noted in notices.items():
        lines = [f"{number}|{text}" for number, text in zip(numbers, english, strict=True)]
        (tmp_path / name).write_text("\n".join([*lines, translation_notice(*noted)]))
    documents, counter = ingest("quran", tmp_path)
    assert counter.balanced
    assert not counter.dropped["documents"]
    assert len({document.id for document in documents}) == len(documents) == 7 * 114
    languages = Counter(document.metadata["language"] for document in documents)
    assert languages == {"arb_Arab": 4 * 114, "eng_Latn": 114, "fas_Arab": 114, "arb_Latn": 114}
    assert {document.metadata["metadata"]["edition"] for document in documents} == {
        *("Simple", "Simple Clean", "Uthmani", "en.sahih", "fa.makarem", "ar.jalalayn", "en.transliteration")
    }
    for document in documents:
        translation = document.id.split("/")[1][2] == "."
        columns = document.metadata
        assert columns["license"].startswith("Tanzil translations: non-commercial" if translation else "CC-BY-3.0")
        assert ("Source: Tanzil.net" if translation else "CHANGING IT IS NOT ALLOWED") in columns["license"]
        if columns["language"] == "arb_Arab":
            assert columns["category"] == "classical"
        assert columns["metadata"]["book"] == f"quran/{document.id.rpartition('#')[2]}"
    english_documents = [document for document in documents if document.metadata["language"] == "eng_Latn"]
    assert verses(english_documents) == english
    assert {document.metadata["category"] for document in english_documents} == {"english"}


def test_a_translation_without_a_notice_is_not_the_quran(tmp_path: Path, ingest: Any) -> None:
    lines = [f"Verse {number}." for number in range(1, 6237)]
    for name, language in (("de.bubenheim.txt", "deu_Latn"), ("quran-other.txt", "und")):
        (tmp_path / name).write_text("\n".join(lines))
        documents, _ = ingest("quran", tmp_path / name)
        assert {document.metadata["language"] for document in documents} == {language}
        assert all(document.metadata["license"].startswith("Tanzil translations") for document in documents)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("أول\nثان\n", r"line 1 is not sura\|aya\|text, and 2 lines are not 6,236 ayas"),
        ("1|1|أول\nثان\n", r"line 2 is not sura\|aya\|text"),
        ("<quran><sura index='1'><aya index='1'/></sura></quran>", "'text'"),
        ("<quran><sura index='x'><aya text='أ'/></sura></quran>", "'x'"),
        ("<quran>", "no element found"),
    ],
)
def test_a_file_that_is_no_edition_is_refused_with_the_line(
    tmp_path: Path, ingest: Any, text: str, reason: str
) -> None:
    (tmp_path / "quran.txt").write_text(text)
    with pytest.raises(BadInput, match=rf"quran\.txt: is not Tanzil's Quran \(.*{reason}"):
        ingest("quran", tmp_path)
