"""Labels of documents: those of the data, then those of the recipe; all in one form, and none silently wrong."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.cleaning import Clean, Normalisation
from corpora.dedup import fingerprints
from corpora.document_counts import DocumentCounter
from corpora.errors import UnknownLanguage
from corpora.label_counts import MOST_NAMES, LabelCounts, merge, sentences
from corpora.quality import Filter, Limits, Profiles
from corpora.scripts import main_script
from corpora.sources import find_source
from examples import EXAMPLES

ARABIC = "ذهب الولد إلى المدرسة في الصباح وعاد إلى البيت بعد الظهر ثم قرأ كتابا طويلا عن تاريخ المدينة. "
ENGLISH = "The library of the old city has many long books about the history of the sea and of the people there. "


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows with equal fields in the format of the file's ending."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(pyarrow.Table.from_pylist(rows), file)
    elif file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return file


def languages(documents: list[Any]) -> list[str]:
    return [document.metadata["language"] for document in documents]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_names_in_records_become_labels_in_every_format(tmp_path: Path, ingest: Any, ending: str) -> None:
    names = ["ar", "Arabic", "ara_Arab", "egyptian", "العربية المصرية", "ar-EG", "ajp_Arab", "en", "English", "fa"]
    file = write(tmp_path / f"a.{ending}", [{"text": ARABIC, "language": name} for name in names])
    documents, counter = ingest(ending, file)
    assert " ".join(languages(documents)) == (
        "arb_Arab arb_Arab arb_Arab arz_Arab arz_Arab arb_Arab apc_Arab eng_Latn eng_Latn fas_Arab"
    )
    assert counter.labels.unknown == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/arz_Arab/train/0.parquet", "arz_Arab"),
        ("language=arz_Arab/0.parquet", "arz_Arab"),
        ("lang=ar/0.jsonl", "arb_Arab"),
        ("ara_Arab.jsonl", "arb_Arab"),
        ("texts/0.jsonl", "apc_Arab"),
    ],
)
def test_the_label_of_a_path_wins_over_the_option(tmp_path: Path, ingest: Any, path: str, expected: str) -> None:
    file = write(tmp_path / path, [{"text": ARABIC}])
    documents, _ = ingest(file.suffix[1:], tmp_path, language="Levantine")
    assert languages(documents) == [expected]


def test_the_record_wins_over_the_path_and_the_option_unless_relabel_is_set(tmp_path: Path, ingest: Any) -> None:
    rows = [{"text": ARABIC, "language": "ary", "license": "MIT"}, {"text": ARABIC, "language": "", "license": ""}]
    write(tmp_path / "arz_Arab" / "a.jsonl", rows)
    options = {"language": "apc_Arab", "license": "CC0-1.0"}
    documents, _ = ingest("jsonl", tmp_path, **options)
    assert languages(documents) == ["ary_Arab", "arz_Arab"]
    assert [document.metadata["license"] for document in documents] == ["MIT", "CC0-1.0"]
    documents, _ = ingest("jsonl", tmp_path, **options, relabel=True)
    assert languages(documents) == ["apc_Arab", "apc_Arab"]
    assert [document.metadata["license"] for document in documents] == ["CC0-1.0", "CC0-1.0"]


def test_a_fineweb_2_tree_keeps_its_labels_when_it_is_read_as_parquet(samples: Path, ingest: Any) -> None:
    documents, _ = ingest("parquet", samples / "data/fineweb-2", language="arb_Arab")
    assert Counter(languages(documents)) == {"arb_Arab": 3596, "arz_Arab": 1200, "ars_Arab": 161}


def test_an_unknown_name_in_a_record_is_counted_and_the_document_has_the_next_label(
    tmp_path: Path, ingest: Any
) -> None:
    names = ["klingonish", "language", "ar", "klingonish", None, "", "nan", "NULL", "und"]
    file = write(tmp_path / "a.jsonl", [{"text": ARABIC, "language": name} for name in names])
    for option, expected in (("", "und"), ("egyptian", "arz_Arab")):
        documents, counter = ingest("jsonl", file, language=option)
        assert languages(documents) == [expected, expected, "arb_Arab", *[expected] * 6]
        assert counter.labels.unknown == {"klingonish": 2, "language": 1}
        (sentence,) = sentences(counter.labels.to_json())
        assert "3 documents" in sentence
        assert "'klingonish' (2)" in sentence
        assert "relabel" in sentence


def test_an_unknown_option_is_refused_before_a_file_is_opened() -> None:
    with pytest.raises(UnknownLanguage, match="Egyptian Arabic"):
        find_source("jsonl")(language="Egiptian Arabic")


def test_source_code_keeps_the_names_of_its_languages(tmp_path: Path, ingest: Any) -> None:
    names = ["Python", "Jupyter Notebook", "C++", "Unheard Of"]
    file = write(tmp_path / "a.jsonl", [{"text": "x = 1", "language": name} for name in names])
    documents, counter = ingest("jsonl", file, category="code")
    assert languages(documents) == ["Python", "Jupyter-Notebook", "C++", "Unheard-Of"]
    assert counter.labels.to_json() == {"unknown": {}, "scripts": {}}
    documents, _ = ingest("jsonl", write(tmp_path / "b.jsonl", [{"text": "x = 1", "language": "Python"}]))
    assert [document.metadata["category"] for document in documents] == ["code"]


@pytest.mark.parametrize(
    ("language", "text", "category"),
    [
        ("en", ENGLISH, "english"),
        ("English", ENGLISH, "english"),
        ("ar", ARABIC, "arabic"),
        ("egyptian", ARABIC, "arabic"),
        ("", ARABIC, "arabic"),
        ("", ENGLISH, "english"),
        ("", "123", "arabic"),
        ("klingonish", ARABIC, "arabic"),
    ],
)
def test_the_category_follows_from_the_label_and_the_text(
    tmp_path: Path, ingest: Any, language: str, text: str, category: str
) -> None:
    documents, _ = ingest("jsonl", write(tmp_path / "a.jsonl", [{"text": text, "language": language}]))
    assert [document.metadata["category"] for document in documents] == [category]


@pytest.mark.parametrize("name", ["ar", "Arabic", "ar-EG", "arb", "ara_Arab", "العربية"])
def test_every_name_of_arabic_is_cleaned_filtered_and_counted_as_arabic(
    tmp_path: Path, ingest: Any, name: str
) -> None:
    """Persian kaf and yeh become Arabic letters, the web's thresholds apply, and copies are found, in one stratum."""
    rows = [{"text": ARABIC.replace("ك", "ک").replace("ي", "ی"), "language": label} for label in (name, "arb_Arab")]
    documents, counter = ingest("jsonl", write(tmp_path / "a.jsonl", rows))
    source = find_source("jsonl")()
    cleaned = list(Clean(source, Normalisation(), DocumentCounter()).run(iter(documents)))
    assert [document.text.strip() for document in cleaned] == [ARABIC.strip()] * 2
    assert list(counter.strata) == ["jsonl arb_Arab arabic"]
    table = pyarrow.table({"id": ["1", "2"], "text": pyarrow.array([document.text for document in cleaned])})
    first, second = fingerprints(table)["text"].tolist()
    assert first == second
    assert list(Filter(Limits(), DocumentCounter(), Profiles(source, "web")).run(iter(cleaned))) == []


def test_a_folder_in_another_script_than_its_label_is_reported(tmp_path: Path, ingest: Any) -> None:
    for number in range(10):
        text = ENGLISH if number < 4 else ARABIC
        (tmp_path / f"{number}.txt").write_text(text * 20, encoding="utf-8")
    _, counter = ingest("text", tmp_path, language="ar")
    assert counter.labels.scripts == {"arb_Arab": {"Arab": 6, "Latn": 4}}
    (sentence,) = sentences(counter.labels.to_json())
    for fact in ("4 of 10", "arb_Arab", "Latn"):
        assert fact in sentence
    _, counter = ingest("text", tmp_path, language="en")
    (sentence,) = sentences(counter.labels.to_json())
    assert "6 of 10 examined documents with label eng_Latn are mostly in Arab script" in sentence


def test_a_few_documents_in_another_script_and_text_without_letters_are_not_reported() -> None:
    counts = LabelCounts()
    for text, times in ((ARABIC, 95), (ENGLISH, 5), ("12:30 — 45", 100)):
        for _ in range(times):
            counts.count_script("arb_Arab", text)
    assert counts.scripts == {"arb_Arab": {"Arab": 95, "Latn": 5, "": 100}}
    assert sentences(counts.to_json()) == []


def test_counts_of_parts_add_up_and_stay_small() -> None:
    parts = []
    for part in range(5):
        counts = LabelCounts()
        for name in range(1000):
            counts.count_unknown(f"{'junk ' * 100}{part} {name}")
        counts.count_script("arb_Arab", ARABIC)
        parts.append(counts.to_json())
    total = merge(parts)
    assert sum(total["unknown"].values()) == 5000
    assert len(total["unknown"]) <= MOST_NAMES + 1
    assert total["scripts"] == {"arb_Arab": {"Arab": 5}}


SCRIPTS = {
    "Arab": [ARABIC, "ﻣﺤﻤﺪ ﻋﻠﻲ", "ہے یہ اردو", "كتاب book كتب أخرى كثيرة"],
    "Latn": [ENGLISH, "Größe über alles", "Tiếng Việt", "İstanbul'da yaşıyor"],
    "Cyrl": ["Привет, мир"],
    "Grek": ["Γειά σου Κόσμε"],
    "Hebr": ["שלום עולם"],
    "other": ["नमस्ते दुनिया", "你好世界", "안녕하세요", "こんにちは", "በሰላም", "ສະບາຍດີ"],
    "": ["", "123 — …", "\ud800", "🙂🙂"],
}


@pytest.mark.parametrize(("script", "text"), [(s, text) for s, texts in SCRIPTS.items() for text in texts])
def test_the_script_of_a_text_is_that_of_most_of_its_letters(script: str, text: str) -> None:
    assert main_script(text) == script
    assert main_script(text * 1000) == script


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text())
def test_any_text_has_a_script_or_none(text: str) -> None:
    assert main_script(text) in SCRIPTS


def test_scripts_of_a_long_part_are_counted_by_a_sample() -> None:
    counts = LabelCounts()
    for number in range(10_000):
        counts.count_script("arb_Arab", ENGLISH if number % 3 else ARABIC)
    assert 800 < sum(counts.scripts["arb_Arab"].values()) < 1000
    (sentence,) = sentences(counts.to_json())
    assert "arb_Arab" in sentence
