"""A file is recognised by its content: the source, the options, the language; or the reason why nothing reads it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput
from corpora.reading import File, find_files
from corpora.sources import SOURCES, recognise
from corpora.sources.guesses import guess_delimiter, guess_fields, guess_language

SENTENCE = "ذهب الولد إلى المدرسة في الصباح الباكر وكان الجو جميلا"
ENGLISH = "The boy is at the school in the morning, and it was a day of sun."

REAL = {
    "fineweb-2/data/arz_Arab/train/000_00000.parquet": "fineweb-2",
    "oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst": "oscar",
    "oscar/OSCAR-2201/ar_meta/ar_meta_part_1.jsonl.gz": "oscar",
    "openiti/OpenITI_metadata_2019_1_1.subset.csv": "openiti",
    "wikipedia/wikiextractor/arz/wiki_00": "wikipedia",
    "wikipedia/20170120.ar/train-00000-of-00001.parquet": "wikipedia",
    "english/climbmix/shard_00000.parquet": "climbmix",
    "english/gutenberg/1661.txt": "text",
    "math/gsm8k/test.jsonl": "gsm8k",
    "arastories/Formatted-MSA-prompts-stories-for-fine-tuning.csv": "arastories",
    "quran/quran-simple.txt": "quran",
    "cc100/ar.txt.xz": "cc100",
    "tashkeela/val.txt": "tashkeela",
    "saudinewsnet/2015-07-23.zip": "saudinewsnet",
    "hadith/hadith-json/forties/nawawi40.json": "hadith-json",
    "shamela/bok/0001.bok": "shamela",
    "shamela/json/1024.bok.json": "shamela",
    "bulk/dialect.jsonl.zst": "jsonl",
    "dialect/ArSarcasm-v2/training_data.csv": "csv",
}


def file(path: Path) -> File:
    return find_files([path], ["*"])[0]


@pytest.mark.parametrize(("name", "source"), REAL.items())
def test_a_real_file_is_of_its_source_whatever_its_name(samples: Path, tmp_path: Path, name: str, source: str) -> None:
    given = samples / "data" / name
    assert recognise(file(given)).source == source
    renamed = tmp_path / "بيانات [1]"
    renamed.symlink_to(given)
    named = ("climbmix", "cc100", "tashkeela", "openiti")  # known by name, since their fields are those of any text
    if source not in named and given.suffix not in (".txt", ".bok"):
        assert recognise(file(renamed)).source == source


def table(rows: list[dict[str, Any]], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".TSV", ".txt", ".dat"])
def test_a_table_is_recognised_with_its_delimiter_and_fields(tmp_path: Path, delimiter: str, ending: str) -> None:
    rows = [
        {"رقم": f"س{number}", "العنوان": f"عنوان {number}", "النص": f'{SENTENCE}{delimiter} "{number}"\nسطر'}
        for number in range(5)
    ]
    path = tmp_path / f"a{ending}"
    path.write_text(table(rows, delimiter), encoding="utf-8", newline="")
    recognised = recognise(file(path))
    options = {} if delimiter == "," else {"delimiter": delimiter}
    assert recognised.source == "csv"
    assert recognised.options == {**options, "text_field": "النص", "id_field": "رقم"}
    assert recognised.language == "arb_Arab"
    assert not recognised.labelled


@pytest.mark.parametrize("text", [f"{SENTENCE}\n{SENTENCE}", f"{ENGLISH}\n{ENGLISH}\n{ENGLISH}", f"{SENTENCE}"])
def test_prose_is_no_table(text: str) -> None:
    assert guess_delimiter(text, table=False) == ""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"text": SENTENCE, "timestamp": "2020-01-01", "url": "https://a/b"}, {"text": "text", "date": "timestamp"}),
        ({"title": "عنوان", "ما كتب": SENTENCE}, {"text": "ما كتب"}),
        ({"text": "x", "body": SENTENCE * 9}, {"text": "body"}),
        ({"english": ENGLISH * 3, "arabic": SENTENCE}, {"text": "arabic"}),
        ({"link": "https://a.b/c", "Content": SENTENCE, "lang": "arz"}, {"text": "Content", "language": "lang"}),
        ({"label": "sarcasm", "score": 5}, {}),
    ],
)
def test_fields_are_chosen_by_name_and_by_their_values(record: dict[str, Any], expected: dict[str, str]) -> None:
    names = guess_fields([record, dict(record)]).names
    assert {value: name for value, name in names.items() if value in expected} == expected
    assert ("text" in names) == bool(expected)


def test_a_field_of_ids_that_repeat_is_no_id() -> None:
    assert guess_fields([{"id": 1, "text": SENTENCE}, {"id": 2, "text": SENTENCE}]).names["id"] == "id"
    assert "id" not in guess_fields([{"id": 1, "text": SENTENCE}, {"id": 1, "text": SENTENCE}]).names
    assert "id" not in guess_fields([{"id": 1, "text": SENTENCE}, {"id": None, "text": SENTENCE}]).names


def test_a_field_in_an_object_is_recognised_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"data": {"body": SENTENCE, "lang": "arz_Arab"}}) + "\n")
    recognised = recognise(file(path))
    assert recognised.options["text_field"] == "data.body"


RECORDS = [{"id": number, "النص": f"{SENTENCE} {number}"} for number in range(4)]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (RECORDS, ""),
        ({"hadiths": RECORDS, "metadata": {"name": "x"}}, "hadiths"),
        ({"data": {"items": RECORDS}, "other": [{"name": "x"}]}, "data.items"),
        ({"1": RECORDS[0], "2": RECORDS[1]}, "*"),
        ([{"name": "الفاتحة", "verses": RECORDS}, {"name": "البقرة", "verses": RECORDS}], "verses"),
        (RECORDS[0], ""),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_records_of_json_are_recognised_under_any_key(
    tmp_path: Path, value: Any, path: str, indent: int | None
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value, indent=indent), encoding="utf-8")
    recognised = recognise(file(tmp_path / "a.json"))
    assert recognised.source == "json"
    assert recognised.options.get("records", "") == path
    assert recognised.options["text_field"] == "النص"
    assert recognised.language == "arb_Arab"


TEXTS = [f"{SENTENCE} {number}" for number in range(4)]


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("a.json", json.dumps(TEXTS), ""),
        ("a.json", json.dumps({"name": "الكتاب", "pages": TEXTS}, indent=1), "pages"),
        ("a.json", json.dumps({"data": {"texts": TEXTS}, "n": 1}), "data.texts"),
        ("a.jsonl", "\n".join(map(json.dumps, TEXTS)), ""),
    ],
)
def test_strings_of_json_are_records_of_text(tmp_path: Path, name: str, data: str, path: str) -> None:
    (tmp_path / name).write_text(data, encoding="utf-8")
    recognised = recognise(file(tmp_path / name))
    assert (recognised.source, recognised.options.get("records", "")) == (name[2:], path)
    source = SOURCES[recognised.source](**recognised.options)
    (unit,) = source.units([tmp_path / name])
    assert [document.text for document in source.documents(unit, DocumentCounter())] == TEXTS


def test_the_language_is_that_of_the_letters_and_of_the_words() -> None:
    assert guess_language(SENTENCE) == "arb_Arab"
    assert guess_language(ENGLISH) == "eng_Latn"
    assert guess_language("پسر صبح زود به مدرسه رفت و هوا خوب بود چون گرم بود") == ""
    assert guess_language("Le garçon est parti à l'école ce matin") == ""


def test_labels_of_the_data_are_not_guessed(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"text": [SENTENCE, ENGLISH], "language": ["arz_Arab", "eng_Latn"]}), tmp_path / "a.parquet"
    )
    recognised = recognise(file(tmp_path / "a.parquet"))
    assert (recognised.source, recognised.language, recognised.labelled) == ("parquet", "", True)


def test_arabic_text_in_a_single_column_is_not_of_an_english_corpus(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [SENTENCE] * 3}), tmp_path / "shard_00000.parquet")
    assert recognise(file(tmp_path / "shard_00000.parquet")).source == "parquet"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "is empty"),
        ("a.pdf", b"%PDF-1.7\n", "PDF"),
        ("a.txt", b"\0\1\2\3" * 99, "binary"),
        ("a.html", f"<html><p>{SENTENCE}</p></html>".encode(), "HTML"),
        ("a.py", b"print('hello')\n" * 9, "Arabic"),
        ("config.json", b'{"a": 1, "b": [1, 2]}', ""),
        ("a.csv", b"id,score\n1,5\n2,6\n", ""),
        ("a.jsonl", b'{"text": ""}\n{"text": null}\n', ""),
    ],
)
def test_what_no_source_reads_is_refused_with_the_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput) as refused:
        recognise(file(tmp_path / name))
    assert name in str(refused.value)
    assert reason in refused.value.reason


def test_a_table_of_token_ids_is_pointed_to_pack(tmp_path: Path) -> None:
    pq.write_table(pa.table({"input_ids": [[1, 2, 3]], "n": [3]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"tokens": [5, 6]}\n')
    for name in ("a.parquet", "b.jsonl"):
        with pytest.raises(BadInput, match=r"token ids.*arcorp pack"):
            recognise(file(tmp_path / name))


def test_a_wrong_field_is_refused_with_the_options_that_read_the_file(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"النص": SENTENCE}), encoding="utf-8")
    (tmp_path / "a.csv").write_text("id;النص\nx;" + SENTENCE, encoding="utf-8")
    for name, mend in (("jsonl", "write text_field: النص"), ("csv", "text_field: النص.*options: {delimiter: ';'}")):
        with pytest.raises(BadInput, match=mend):
            ingest(name, tmp_path)
