"""Hadiths, tafsirs and the Quran as JSON: each text once, with its book, language and licence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import BadInput
from corpora.groups import groups_of
from corpora.reading import find_files
from corpora.sources import find_source, recognise


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False))


def hadith(number: Any, text: Any = "حدثنا فلان") -> dict[str, Any]:
    return {
        "hadithnumber": number,
        "arabicnumber": number,
        "text": text,
        "grades": [{"name": "Al-Albani", "grade": "Sahih"}],
        "reference": {"book": 1, "hadith": number},
    }


def collection(*hadiths: Any) -> dict[str, Any]:
    sections = {"name": "Sunan Abu Dawud", "sections": {"1": "Purification"}, "section_details": {}}
    return {"metadata": sections, "hadiths": list(hadiths)}


@pytest.fixture
def hadith_api(tmp_path: Path) -> Path:
    """A folder as the repository hadith-api has it: whole editions, their parts and short forms."""
    editions = tmp_path / "editions"
    for name in ("ara-abudawud", "ara-abudawud1", "eng-abudawud", "urd-abudawud-la"):
        whole = collection(*(hadith(number, f"حدثنا فلان عن النبي {name}") for number in (1, 2, 402.2)))
        write(editions / f"{name}.json", whole)
        write(editions / f"{name}.min.json", whole)
        write(editions / name / "1.json", collection(hadith(1)))
        write(editions / name / "sections" / "1.min.json", whole)
    write(editions / "ara-malik" / "sections" / "7.json", collection(hadith(9)))  # one part of an edition
    write(tmp_path / "editions.json", {"abudawud": {"name": "Sunan Abu Dawud", "collection": []}})
    write(tmp_path / "info.json", {"abudawud": {"metadata": {"name": "Sunan Abu Dawud"}}})
    return tmp_path


def test_every_hadith_of_a_copy_of_hadith_api_is_read_once(hadith_api: Path, ingest: Any) -> None:
    documents, counter = ingest("hadith-api", hadith_api)
    assert counter.balanced
    assert not counter.dropped["documents"]
    editions = ("ara-abudawud", "ara-abudawud1", "eng-abudawud", "urd-abudawud-la")
    assert sorted(document.id.partition("/")[2] for document in documents) == sorted(
        ["ara-malik/9", *(f"{name}/{number}" for name in editions for number in (1, 2, 402.2))]
    )
    by_id = {document.id: document.metadata for document in documents}
    labels = {
        name: by_id[f"hadith-api/{name}/{number}"]
        for name, number in (("ara-abudawud", 1), ("eng-abudawud", 2), ("urd-abudawud-la", 402.2), ("ara-malik", 9))
    }
    assert [columns["language"] for columns in labels.values()] == ["arb_Arab", "eng_Latn", "urd_Latn", "arb_Arab"]
    assert [columns["category"] for columns in labels.values()] == ["classical", "english", "arabic", "classical"]
    assert {columns["metadata"]["book"] for columns in labels.values()} == {"hadith-api/abudawud", "hadith-api/malik"}
    assert labels["eng-abudawud"]["metadata"] == {
        "book": "hadith-api/abudawud",
        "number": "2",
        "chapter": 1,
        "grades": [{"name": "Al-Albani", "grade": "Sahih"}],
    }
    assert all("rights of the editions not stated" in document.metadata["license"] for document in documents)


def test_a_hadith_of_unexpected_values_is_dropped_alone(tmp_path: Path, ingest: Any) -> None:
    odd = [
        hadith(None),
        hadith(3, None),
        hadith(4, 5),
        hadith([]),
        {"text": "نص"},
        7,
        None,
        {**hadith(5), "reference": 1},
    ]
    write(tmp_path / "ara-muslim.json", collection(hadith(1), *odd, {**hadith(2), "grades": "x"}))
    documents, counter = ingest("hadith-api", tmp_path)
    assert counter.balanced
    assert counter.input["documents"] == len(odd) + 2
    assert [document.id for document in documents] == [f"hadith-api/ara-muslim/{number}" for number in (1, 5, 2)]


@pytest.fixture
def tafsir(tmp_path: Path) -> Path:
    def ayas(sura: int) -> list[dict[str, Any]]:
        return [{"ayah": aya, "surah": sura, "text": f"تفسير {sura}:{aya}"} for aya in (1, 2, 3)]

    for edition in ("ar-tafsir-muyassar", "en-al-jalalayn", "kurd-tafsir-rebar"):
        for sura in (1, 112):
            write(tmp_path / "tafsir" / edition / f"{sura}.json", {"ayahs": ayas(sura)})
            for aya in ayas(sura):
                write(tmp_path / "tafsir" / edition / str(sura) / f"{aya['ayah']}.json", aya)
            write(tmp_path / "tafsir" / edition / str(sura) / "empty_ayahs.json", [])
    write(tmp_path / "tafsir" / "ru-tafseer-al-saddi" / "1" / "1.json", ayas(1)[0])
    write(tmp_path / "tafsir" / "editions.json", [{"slug": "ar-tafsir-muyassar"}])
    return tmp_path


def test_every_aya_of_a_tafsir_is_read_once_with_its_edition_as_book(tafsir: Path, ingest: Any) -> None:
    documents, counter = ingest("tafsir-api", tafsir)
    assert counter.balanced
    assert not counter.dropped["documents"]
    assert len(documents) == len({document.id for document in documents}) == 3 * 2 * 3 + 1
    languages = {document.metadata["metadata"]["book"]: document.metadata["language"] for document in documents}
    assert languages == {
        "tafsir-api/ar-tafsir-muyassar": "arb_Arab",
        "tafsir-api/en-al-jalalayn": "eng_Latn",
        "tafsir-api/kurd-tafsir-rebar": "ckb_Arab",
        "tafsir-api/ru-tafseer-al-saddi": "rus_Cyrl",
    }
    assert all(document.metadata["license"].startswith("MIT (repository)") for document in documents)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ما عند [ ص: 137 ] الله", "ما عند الله"),
        ("ما عند[ص:7]الله", "ما عند الله"),
        ("[ ص: 1 ] قال [ ص: 2 ]", "قال"),
        ("سورة [ ص ] مكية", "سورة [ ص ] مكية"),
        ("أول\n[ ص: 3 ]\nثان", "أول\n \nثان"),
    ],
)
def test_page_marks_of_a_tafsir_are_removed_and_counted_and_weld_no_words(
    tmp_path: Path, ingest: Any, text: str, expected: str
) -> None:
    write(tmp_path / "ar-tafseer-al-qurtubi" / "1.json", {"ayahs": [{"surah": 1, "ayah": 1, "text": text}]})
    (document,), counter = ingest("tafsir-api", tmp_path)
    assert document.text == expected
    assert counter.balanced
    assert counter.dropped["chars"].get("page marks", 0) == sum(map(len, text_marks(text)))


def text_marks(text: str) -> list[str]:
    return [f"[{part.partition(']')[0]}]" for part in text.split("[")[1:] if ":" in part.partition("]")[0]]


VERSES = ["قُلۡ هُوَ ٱللَّهُ أَحَدٌ", "ٱللَّهُ ٱلصَّمَدُ", "لَمۡ يَلِدۡ وَلَمۡ يُولَدۡ", "وَلَمۡ يَكُن لَّهُۥ كُفُوًا أَحَدُۢ"]
ENGLISH = [
    "Say, He is Allah, One",
    "Allah, the Eternal",
    "He neither begets nor is born",
    "Nor is there any equivalent",
]


def chapter(number: int, *, translated: bool = False) -> dict[str, Any]:
    verses: list[dict[str, Any]] = [{"id": n, "text": text} for n, text in enumerate(VERSES, 1)]
    if translated:
        verses = [{**verse, "translation": text} for verse, text in zip(verses, ENGLISH, strict=True)]
    return {"id": number, "name": "س", "transliteration": "s", "type": "meccan", "total_verses": 4, "verses": verses}


def verse(sura: int, number: int) -> dict[str, Any]:
    return {"chapter": sura, "verse": number, "text": VERSES[number - 1]}


QURAN: list[tuple[str, Any, list[tuple[str, str]]]] = [
    # file, value, (end of the id, language)
    ("dist/quran.json", [chapter(111), chapter(112)], [("#111", "arb_Arab"), ("#112", "arb_Arab")]),
    (
        "dist/quran_en.json",
        [chapter(112, translated=True)],
        [("#112", "arb_Arab"), ("#112-translation", "eng_Latn")],
    ),
    ("dist/chapters/112.json", chapter(112), [("#112", "arb_Arab")]),
    (
        "dist/chapters/en/112.json",
        chapter(112, translated=True),
        [("#112", "arb_Arab"), ("#112-translation", "eng_Latn")],
    ),
    (
        "translations/id-affairs/chapters/112.json",
        {"id": 112, "verses": [{"id": n, "translation": text} for n, text in enumerate(ENGLISH, 1)]},
        [("#112-translation", "ind_Latn")],
    ),
    (
        "editions/ara-quransimple.json",
        {"quran": [verse(sura, n) for sura in (111, 112) for n in (1, 2, 3, 4)]},
        [("#111", "arb_Arab"), ("#112", "arb_Arab")],
    ),
    ("editions/ara-quransimple/112.json", {"chapter": [verse(112, n) for n in (1, 2, 3, 4)]}, [("#112", "arb_Arab")]),
    (
        "editions/ben-muhiuddinkhan-la/112/2.json",
        {"chapter": 112, "verse": 2, "text": ENGLISH[1]},
        [("#112", "ben_Latn")],
    ),
    (
        "quran-uthmani.json",
        {
            "code": 200,
            "status": "OK",
            "data": {
                "surahs": [{"number": 112, "name": "س", "ayahs": [{"number": 1, "text": text} for text in VERSES]}],
                "edition": {"identifier": "quran-uthmani", "language": "ar", "type": "quran"},
            },
        },
        [("#112", "arb_Arab")],
    ),
    (
        "surah-112.json",
        {
            "code": 200,
            "data": {
                "number": 112,
                "ayahs": [{"text": text} for text in ENGLISH],
                "edition": {"identifier": "en.asad", "language": "en", "type": "translation"},
            },
        },
        [("#112", "eng_Latn")],
    ),
]


@pytest.mark.parametrize(("file", "value", "expected"), QURAN, ids=[file for file, *_ in QURAN])
def test_every_sura_of_the_quran_as_json_is_a_verbatim_document(
    tmp_path: Path, ingest: Any, file: str, value: Any, expected: list[tuple[str, str]]
) -> None:
    write(tmp_path / file, value)
    documents, counter = ingest("quran-json", tmp_path)
    assert counter.balanced
    assert not counter.dropped["documents"]
    assert [(document.id, document.metadata["language"]) for document in documents] == [
        (f"quran-json/{file}{end}", language) for end, language in expected
    ]
    for document in documents:
        assert set(document.text.split("\n")) <= {*VERSES, *ENGLISH}
        sura = document.id.rpartition("#")[2].partition("-")[0]
        assert document.metadata["metadata"]["book"] == f"quran/{sura}"
        assert "rights of the edition not stated" in document.metadata["license"]
    assert find_source("quran-json").cleaning == "verbatim"
    assert recognise(find_files([tmp_path], ["*"])[0]).source == "quran-json"


def test_a_copy_of_the_repository_gives_each_edition_once(tmp_path: Path, ingest: Any) -> None:
    write(tmp_path / "quran.json", [chapter(111), chapter(112)])
    write(tmp_path / "quran_en.json", [chapter(112, translated=True)])
    for number in (111, 112):
        write(tmp_path / "chapters" / f"{number}.json", chapter(number))
    write(tmp_path / "chapters" / "index.json", [{"id": 1, "name": "س"}])
    write(tmp_path / "verses" / "1.json", {"id": 1, "number": 1, "text": VERSES[0], "chapter": {"id": 112}})
    documents, _ = ingest("quran-json", tmp_path)
    assert [document.id.partition("/")[2] for document in documents] == [
        *("quran.json#111", "quran.json#112", "quran_en.json#112", "quran_en.json#112-translation")
    ]
    shutil.rmtree(tmp_path / "verses")
    for name in ("quran.json", "quran_en.json"):
        (tmp_path / name).unlink()
    assert len(ingest("quran-json", tmp_path)[0]) == 2


@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, {"id": 1, "text": None}, {"id": 1, "text": 5}])
def test_a_verse_of_another_type_drops_its_sura_alone(tmp_path: Path, ingest: Any, odd: Any) -> None:
    damaged = chapter(112)
    damaged["verses"][1] = odd
    write(tmp_path / "quran.json", [chapter(111), damaged, {"id": 113, "verses": None}, chapter(114)])
    documents, counter = ingest("quran-json", tmp_path)
    assert [document.id for document in documents] == ["quran-json/quran.json#111", "quran-json/quran.json#114"]
    assert counter.balanced
    assert counter.input["documents"] == 4


@pytest.mark.parametrize("value", [{}, [], [1], {"hadiths": []}, {"data": 1}, {"quran": [1]}, {"verses": 1}, "x", 5])
@pytest.mark.parametrize("name", ["quran-json", "tafsir-api"])
def test_json_of_another_kind_is_refused(tmp_path: Path, ingest: Any, name: str, value: Any) -> None:
    write(tmp_path / "quran.json", value)
    with pytest.raises(BadInput, match=r"quran\.json: is not (the Quran|a tafsir)"):
        ingest(name, tmp_path)


def test_files_of_hadiths_and_tafsirs_are_recognised_as_their_own(
    hadith_api: Path, tafsir: Path, samples: Path
) -> None:
    hadith_json = samples / "data" / "hadith" / "hadith-json" / "forties" / "nawawi40.json"
    for name, path in (
        ("hadith-api", hadith_api / "editions" / "ara-abudawud.json"),
        ("hadith-api", hadith_api / "editions" / "ara-abudawud" / "1.json"),
        ("tafsir-api", tafsir / "tafsir" / "ar-tafsir-muyassar" / "112.json"),
        ("tafsir-api", tafsir / "tafsir" / "ar-tafsir-muyassar" / "112" / "1.json"),
        ("hadith-json", hadith_json),
    ):
        assert recognise(find_files([path], ["*"])[0]).source == name


def test_documents_of_one_book_are_one_group_of_validation(hadith_api: Path, tafsir: Path, ingest: Any) -> None:
    import pyarrow as pa

    for name, folder, groups in (("hadith-api", hadith_api / "editions", 2), ("tafsir-api", tafsir / "tafsir", 4)):
        documents, _ = ingest(name, folder)
        rows = [{"id": d.id, "metadata": json.dumps(d.metadata["metadata"])} for d in documents]
        assert len(set(groups_of(pa.Table.from_pylist(rows)).to_pylist())) == groups
