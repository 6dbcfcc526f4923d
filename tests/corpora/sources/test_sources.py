"""Every source reads real files with exact counts, and has a description of all its facts."""

import csv
import datetime
import decimal
import io
import json
import math
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.document_counts import DocumentCounter
from corpora.documents import write_documents
from corpora.errors import BadInput
from corpora.reading import Lines, Lost, Record, Slice, find_files
from corpora.sources import FACTS, SOURCES, describe, find_source, page, recognise

# source, folder, options, documents by language
REAL: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    ("fineweb-2", "fineweb-2", {}, {"arb_Arab": 2397 + 1199, "arz_Arab": 1200, "ars_Arab": 161}),
    ("fineweb-2", "fineweb-2", {"language": "apc_Arab", "relabel": True}, {"apc_Arab": 4957}),
    ("oscar", "oscar/OSCAR-2301", {}, {"arb_Arab": 1239}),
    ("oscar", "oscar/OSCAR-2201", {}, {"arb_Arab": 200}),
    ("openiti", "openiti", {}, {"arb_Arab": 13}),
    ("wikipedia", "wikipedia/20170120.ar", {}, {"arb_Arab": 743}),
    ("wikipedia", "wikipedia/20170120.arz", {}, {"arz_Arab": 2639}),
    ("wikipedia", "wikipedia/wikiextractor", {}, {"arb_Arab": 120, "arz_Arab": 120}),
    ("the-stack-v2", "code/the-stack-v2-dedup", {"everything": True}, {"Python": 49, "JavaScript": 198}),
    ("starcoderdata", "code/starcoderdata", {}, {"Python": 49, "JavaScript": 198}),
    ("open-web-math", "math/open-web-math", {}, {"eng_Latn": 70}),
    ("fineweb-edu", "english/fineweb-edu", {}, {"eng_Latn": 45}),
    ("climbmix", "english/climbmix", {}, {"eng_Latn": 45}),
    ("gsm8k", "math/gsm8k", {}, {"eng_Latn": 1319}),
    ("arastories", "arastories", {}, {"arb_Arab": 597, "arz_Arab": 600, "ary_Arab": 600}),
    ("quran", "quran", {}, {"arb_Arab": 114}),
    ("cc100", "cc100", {}, {"arb_Arab": 900}),
    ("tashkeela", "tashkeela", {}, {"arb_Arab": 2500}),
    ("saudinewsnet", "saudinewsnet", {}, {"arb_Arab": 1316}),  # of 1,318 two are empty
    ("hadith-json", "hadith/hadith-json", {}, {"arb_Arab": 42 + 402}),
    ("shamela", "shamela", {}, {"arb_Arab": 3}),
    ("text", "english/gutenberg", {"language": "eng_Latn", "category": "english"}, {"eng_Latn": 1}),
    ("text", "dialect/shami", {"split": "lines", "language": "apc_Arab"}, {"apc_Arab": 7017}),
    ("json", "hadith/hadith-json", {"records": "hadiths", "text_field": "arabic"}, {"und": 42 + 402}),
    ("jsonl", "bulk/dialect.jsonl.zst", {"id_field": "id"}, {"und": 9100}),
    ("parquet", "fineweb-2/data/ars_Arab", {"id_field": "id"}, {"ars_Arab": 161}),
    ("csv", "dialect/ArSarcasm-v2", {"text_field": "tweet"}, {"und": 12548}),
]

MADE = """
arabic-words-101b arabicweb24 arc arrow aya-dataset chat cidar culturax fineweb gsm8k-chat hadith-api hplt instar-500k
lk-hadith mc4 moscar multiple-choice quran-json smoltalk tafsir-api tinystories
"""
"""Sources without a sample. They are tested with files written to the letter of the format."""


@pytest.mark.parametrize(("name", "folder", "options", "expected"), REAL, ids=lambda value: str(value)[:30])
def test_real_files_have_exactly_the_expected_documents(
    samples: Path, ingest: Any, name: str, folder: str, options: dict[str, Any], expected: dict[str, int]
) -> None:
    documents, counter = ingest(name, samples / "data" / folder, **options)
    assert Counter(document.metadata["language"] for document in documents) == expected
    assert counter.balanced
    assert len({document.id for document in documents}) == len(documents)
    for document in documents:
        columns = document.metadata
        assert document.id.startswith(f"{name}/")
        assert document.text.strip()
        assert columns["source"] == name
        assert all(isinstance(columns[key], str) for key in ("category", "language", "license", "url", "date"))
        json.dumps(columns["metadata"], allow_nan=False)


DEEP: list[Any] = []
for _ in range(2_000):
    DEEP = [DEEP]


class FixedRecords(Lines):
    """A format with given records instead of those of a file."""

    def __init__(self, rows: list[Record]) -> None:
        self.fixed = rows

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        yield from self.fixed


OTHERS = (None, 5, -1.5, math.nan, 1e300, 2**70, True, "x", b"x", [], {}, [[1]], {"a": [1]}, DEEP)
OTHERS += (decimal.Decimal("1.5"), uuid.UUID(int=5), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1))  # Arrow


def changed(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (field, variant) of a record in which one field, possibly nested, is missing or has another type."""
    for name, field in value.items():
        yield name, {key: other for key, other in value.items() if key != name}
        for other in OTHERS:
            yield name, {**value, name: other}
        if isinstance(field, dict):
            yield from ((f"{name}.{path}", {**value, name: inner}) for path, inner in changed(field))


TEXTS = ("openiti", "cc100", "tashkeela", "text")
"""Sources whose records are texts without fields."""

BUILT = ("quran", "shamela", "hadith-json")
"""Sources whose records or ids are made of several fields."""

NO_TEXT = ("no text", "text is not a string", "empty text", "no id")
"""Reasons that are about the text or the id as a whole."""


@pytest.mark.parametrize(
    ("name", "folder", "options"),
    [real[:3] for real in REAL if real[0] not in TEXTS],
    ids=lambda value: str(value)[:30],
)
def test_a_missing_field_or_one_of_another_type_drops_at_most_its_record_and_is_named(
    samples: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str, options: dict[str, Any]
) -> None:
    source = find_source(name)(**options)
    unit = source.units([str(samples / "data" / folder)])[0]
    part = unit.slices[0]
    row = next(row for row in source.format_of(part).rows(part) if isinstance(row, Record))
    rows: list[Record] = []
    monkeypatch.setattr(type(source), "format_of", lambda *_: FixedRecords(rows))
    for path, value in [*changed(row.value), ("", row.value)]:
        rows[:] = [replace(row, value=value, text=None)]
        counter = DocumentCounter()
        write_documents(source.documents(replace(unit, slices=(part,), limit=None), counter), io.BytesIO(), counter)
        assert counter.balanced
        reasons = [*counter.dropped["documents"]]
        assert counter.out["documents"] == 1 - len(reasons)
        for reason in reasons if name not in BUILT else []:
            named = any(field in reason for field in path.split("."))
            assert named or reason in NO_TEXT or reason.startswith("metadata "), (path, reason)
    assert counter.out["documents"] == 1


def test_every_source_that_has_a_sample_is_tested() -> None:
    assert set(SOURCES) - {name for name, *_ in REAL} == set(MADE.split())


def test_fineweb_2_has_one_document_per_row(samples: Path, ingest: Any) -> None:
    files = sorted((samples / "data" / "fineweb-2").rglob("*.parquet"))
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    documents, _ = ingest("fineweb-2", samples / "data" / "fineweb-2")
    texts = [text for file in files for text in pq.read_table(file, columns=["text"])["text"].to_pylist()]
    assert len(documents) == rows
    assert [document.text for document in documents] == texts


def test_the_quran_is_verbatim_and_has_its_notice(samples: Path, ingest: Any) -> None:
    documents, _ = ingest("quran", samples / "data" / "quran")
    lines = (samples / "data" / "quran" / "quran-simple.txt").read_text("utf-8").splitlines()
    assert "\n".join(document.text for document in documents).split("\n") == [
        line.split("|", 2)[2] for line in lines if "|" in line and not line.startswith("#")
    ]
    assert sum(document.metadata["metadata"]["ayas"] for document in documents) == 6236
    assert "a link is made to tanzil.net" in documents[0].metadata["license"]


def test_the_three_forms_of_oscar_give_the_same_document(tmp_path: Path, ingest: Any) -> None:
    meta = {"identification": {"label": "arz", "prob": 0.9}, "harmful_pp": 12.5}
    headers = {"warc-record-id": "<urn:uuid:1>", "warc-target-uri": "https://a", "warc-date": "2020-01-01T00:00:00Z"}
    forms = [
        {"content": "نص", "warc_headers": headers, "metadata": {**meta, "quality_warnings": ["tiny"]}},
        {"content": "نص", "warc_headers": headers, "metadata": {**meta, "annotation": ["tiny"]}},
        {"id": 1, "text": "نص", "meta": {**meta, "warc_headers": headers, "quality_warnings": ["tiny"]}},
    ]
    documents = []
    for form in forms:
        (tmp_path / "a.jsonl").write_text(json.dumps(form))
        documents += ingest("oscar", tmp_path)[0]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0].metadata["language"] == "arz_Arab"
    assert ingest("oscar", tmp_path, without=("tiny",))[1].dropped["documents"] == {"quality warning tiny": 1}
    assert ingest("oscar", tmp_path, min_harmful_pp=20)[1].dropped["documents"] == {"harmful_pp": 1}


def test_the_stack_reads_blobs_beside_its_files_or_in_the_given_folder(
    samples: Path, tmp_path: Path, ingest: Any
) -> None:
    stack = samples / "data" / "code" / "the-stack-v2-dedup"
    documents, counter = ingest("the-stack-v2", stack)
    assert counter.dropped["documents"] == {"generated": 1}

    shutil.copytree(stack / "data" / "Python", tmp_path / "rows")
    with pytest.raises(BadInput, match=r"rows.*\.parquet: .*give the folder or address .* option `content`"):
        ingest("the-stack-v2", tmp_path / "rows")
    given, _ = ingest("the-stack-v2", tmp_path / "rows", content=str(stack / "content"))
    assert [document.text for document in given] == [
        document.text for document in documents if document.metadata["language"] == "Python"
    ]

    shutil.copytree(stack / "content", tmp_path / "content")
    (tmp_path / "content" / given[0].id.split("/")[1]).unlink()
    assert ingest("the-stack-v2", tmp_path / "rows")[1].dropped["documents"] == {"no blob": 1}


def test_the_stack_is_split_by_the_length_of_its_blobs(samples: Path, tmp_path: Path) -> None:
    stack = samples / "data" / "code" / "the-stack-v2-dedup"
    rows = pq.read_table(stack / "data" / "Python").drop_columns("length_bytes").slice(0, 10)
    pq.write_table(rows.append_column("length_bytes", [[20 << 20] * 10]), tmp_path / "rows.parquet")
    units = find_source("the-stack-v2")(content=str(stack / "content")).units([tmp_path])
    assert [(part.start, part.stop) for unit in units for part in unit.slices] == [(n, n + 1) for n in range(10)]


def test_the_stack_of_repositories_has_a_document_for_each_file(samples: Path, tmp_path: Path, ingest: Any) -> None:
    stack = samples / "data" / "code" / "the-stack-v2-dedup"
    rows = [row for file in sorted((stack / "data").rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    kept = ("blob_id", "path", "language", "length_bytes", "detected_licenses", "license_type", "src_encoding")
    files = [{name: row[name] for name in (*kept, "is_vendor", "is_generated")} for row in rows]
    repositories = [
        {"repo_name": f"a/{n}", "repo_url": "https://a", "files": files[20 * n : 20 * n + 20], "num_files": 20}
        for n in range(13)
    ]
    pq.write_table(
        pa.Table.from_pylist([*repositories, {"repo_name": "a/none", "files": None}]), tmp_path / "a.parquet"
    )
    documents, counter = ingest("the-stack-v2", tmp_path, content=str(stack / "content"))
    plain, _ = ingest("the-stack-v2", stack)
    assert [(document.id, document.text) for document in documents] == [(other.id, other.text) for other in plain]
    assert counter.balanced
    assert counter.dropped["documents"] == {"generated": 1, "not an object": 1}
    assert documents[25].metadata["metadata"]["repo"] == "a/1"

    with_contents = [{**file, "content": "x = 1\n"} for file in files[:3]]
    pq.write_table(pa.Table.from_pylist([{"repo_name": "a/b", "files": with_contents}]), tmp_path / "a.parquet")
    assert [document.text for document in ingest("the-stack-v2", tmp_path)[0]] == ["x = 1\n"] * 3
    assert recognise(find_files([tmp_path], ["*"])[0]).source == "the-stack-v2"


def test_labels_have_no_spaces(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "%matplotlib", "language": "Jupyter Notebook"}\n{"text": "?"}')
    documents, _ = ingest("jsonl", tmp_path)
    assert [document.metadata["language"] for document in documents] == ["Jupyter-Notebook", "und"]


def test_the_category_follows_the_language_unless_it_is_given(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "language": "eng_Latn"}\n{"text": "ا", "language": "arz_Arab"}')
    for given, expected in ((None, ["english", "arabic"]), ("math", ["math", "math"])):
        documents, _ = ingest("jsonl", tmp_path, category=given)
        assert [document.metadata["category"] for document in documents] == expected


def test_stories_end_at_their_separator(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "valid.txt").write_text("One day.\n\nThe end.\n<|endoftext|>\n\nTwo.\n<|endoftext|>\n")
    documents, _ = ingest("tinystories", tmp_path)
    assert [document.text.strip() for document in documents] == ["One day.\n\nThe end.", "Two."]


def test_lk_hadith_reads_the_whole_hadith_or_its_two_parts(tmp_path: Path, ingest: Any) -> None:
    names = [f"{part}_{what}" for part in ("Chapter", "Section") for what in ("Number", "English", "Arabic")]
    names += ["Hadith_number", *(f"English_{part}" for part in ("Hadith", "Isnad", "Matn"))]
    names += ["Arabic_Hadith", "Arabic_Isnad", "Arabic_Matn", "Arabic_Comment", "English_Grade", "Arabic_Grade"]
    rows = []
    for number, texts in enumerate(
        (("كله", "سند", "متن"), ("nan", "سند", "متن"), ("nan", "nan", "متن"), ("nan",) * 3)
    ):
        start = ["1.0", "Purification", "كتاب الطهارة", "nan", "nan", "nan", f"{number}.0", "e", "e", "e"]
        rows.append([*start, *texts, "nan", "Sahih", "صحيح"])
    (tmp_path / "AbuDaud").mkdir()
    with (tmp_path / "AbuDaud" / "Chapter1.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    documents, counter = ingest("lk-hadith", tmp_path)
    assert [document.text for document in documents] == ["كله", "سند\nمتن", "متن"]
    assert documents[1].id == "lk-hadith/AbuDaud/Chapter1#1"
    assert documents[1].metadata["metadata"] == {
        "book": "lk-hadith/AbuDaud",
        "chapter": "كتاب الطهارة",
        "number": "1",
        "grade": "صحيح",
    }
    assert counter.dropped["documents"] == {"empty text": 1}


# -- pages ------------------------------------------------------------------------------------------------


def test_every_source_documents_all_facts() -> None:
    for name in SOURCES:
        facts = describe(name)
        assert set(FACTS) == set(facts) - {"title"}, name
        assert facts["title"].endswith("."), name


def test_the_sources_page_is_up_to_date() -> None:
    written = Path(__file__).parents[3] / "docs" / "sources.md"
    assert written.read_text("utf-8") == page(), "run `python -m corpora.sources > docs/sources.md`"
