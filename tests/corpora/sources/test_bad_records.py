"""Files of other sources are refused with the name that fits; only bad records of a file are dropped, and counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput, NothingFound
from corpora.sources import find_source


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("name", "folder", "reason"),
    [
        ("fineweb-2", "english/fineweb-edu", "looks like a file for source fineweb-edu"),
        ("fineweb-edu", "fineweb-2/data/ars_Arab", "looks like a file for source fineweb-2"),
        ("oscar", "math/gsm8k/test.jsonl", r"expects the fields .*found \{answer, question\}.*source gsm8k"),
        ("gsm8k", "oscar/OSCAR-2301", "source oscar"),
        ("starcoderdata", "code/the-stack-v2-dedup", "source the-stack-v2"),
        ("oscar", "tashkeela/val.txt", "its first 16 records can't be read as JSON lines"),
        ("openiti", "fineweb-2/data/ars_Arab/train/000_00000.parquet", "is parquet.*source fineweb-2"),
        ("quran", "tashkeela/val.txt", "is not Tanzil's Quran"),
        ("arastories", "dialect/ArSarcasm-v2", r"sentiment, tweet\}; .*csv, with text_field: tweet"),
        ("hadith-json", "shamela/json/1024.bok.json", "source shamela"),
        ("shamela", "hadith/hadith-json/forties/nawawi40.json", "source hadith-json"),
        ("saudinewsnet", "hadith/hadith-json/forties/nawawi40.json", "source hadith-json"),
        ("shamela", "quran/quran-simple.txt", "source quran"),
        ("fineweb-2", "openiti/0350AH/data/0328IbnCabdRabbih", "no file here is called"),
        ("csv", "gsm8k", "no such file or folder"),
        ("wikipedia", "cc100/ar.txt.xz", "outside <doc>"),
        ("climbmix", "wikipedia/wikiextractor/ar/wiki_00", "source wikipedia"),
        ("jsonl", "saudinewsnet/2015-07-23.zip", "can't be read as JSON lines .* source saudinewsnet"),
        ("lk-hadith", "arastories", "source arastories"),
    ],
)
def test_the_wrong_source_is_refused_at_the_first_file_and_the_right_one_is_named(
    samples: Path, name: str, folder: str, reason: str
) -> None:
    with pytest.raises((BadInput, NothingFound), match=reason):
        find_source(name)().units([samples / "data" / folder])


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ('{"text": null}', "no text"),
        ("{}", "no text"),
        ('{"text": 3}', "text is not a string"),
        ('{"text": ["a"]}', "text is not a string"),
        ('{"text": ""}', "empty text"),
        ('{"text": " \\n "}', "empty text"),
        ('{"text": "\\ud800"}', "lone surrogate"),
        ('{"text": "a", "id": "\\udc00"}', "lone surrogate"),
        ('{"text": "a", "id": "3", "url": "\\ud800"}', "lone surrogate"),
        ('{"text": "a", "id": ' + "[" * 100_000, "not JSON"),
        ('{"text": "a", "id": ' + "9" * 5_000 + "}", "not JSON"),
        ('["text"]', "not an object"),
        ('{"text": "again", "id": "1"}', "duplicate id"),
        ('{"text": "a"}', "no id"),
    ],
)
def test_only_a_bad_record_is_dropped_and_it_is_counted(tmp_path: Path, ingest: Any, line: str, reason: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "نص", "id": "1"}\n' + line + '\n{"text": "نص", "id": "2"}\n')
    documents, counter = ingest("jsonl", tmp_path, id_field="id")
    assert [document.id for document in documents] == ["jsonl/1", "jsonl/2"]
    assert counter.dropped["documents"] == {reason: 1}
    assert counter.balanced


@pytest.mark.fault(13)
def test_only_a_hadith_without_a_number_is_dropped(tmp_path: Path, ingest: Any) -> None:
    valid = {"arabic": "نص", "bookId": 1, "id": 1}
    (tmp_path / "a.json").write_text(json.dumps({"hadiths": [valid, {"arabic": "نص", "id": 2}]}))
    documents, counter = ingest("hadith-json", tmp_path)
    assert [document.id for document in documents] == ["hadith-json/1/1"]
    assert counter.dropped["documents"] == {"no id": 1}


@pytest.mark.fault(12)
def test_control_characters_and_other_line_ends_are_kept(tmp_path: Path, ingest: Any) -> None:
    texts = ["a\x00b", "a\r\nb", "a\u2028b"]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(json.dumps({"text": text}).encode() for text in texts))
    assert [document.text for document in ingest("jsonl", tmp_path)[0]] == texts


@pytest.mark.fault(11)
def test_lines_that_are_not_utf8_are_removed_and_counted(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\n\xff\xfe\nthree\n")
    documents, counter = ingest("text", tmp_path)
    assert documents[0].text == "one\nthree\n"
    assert counter.dropped["bytes"] == {"invalid UTF-8": 3}
    assert counter.balanced


@pytest.mark.fault(9)
def test_a_bad_file_raises_or_is_passed_to_the_callback(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "نص"}\n')
    (tmp_path / "b.jsonl").write_bytes(b"\x1f\x8b\x08\x00damaged")
    source = find_source("jsonl")()
    with pytest.raises(BadInput, match=r"b\.jsonl"):
        source.units([tmp_path])
    bad: list[BadInput] = []
    units = source.units([tmp_path], bad.append)
    assert [Path(part.file.path).name for unit in units for part in unit.slices] == ["a.jsonl"]
    assert [Path(error.file).name for error in bad] == ["b.jsonl"]

    (tmp_path / "a.jsonl").unlink()
    list(source.documents(units[0], DocumentCounter(), bad.append))
    assert [Path(error.file).name for error in bad] == ["b.jsonl", "a.jsonl"]


@pytest.mark.fault(14)
def test_no_file_and_no_document_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NothingFound):
        find_source("jsonl")().units([tmp_path])
