"""Corpora of web text, in files as their publishers write them: fields, labels, and which source a file is of."""

import datetime
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from corpora.reading import find_files
from corpora.sources import recognise

TEXTS = ["ذهب الولد إلى المدرسة.", "قرأت كتابا عن تاريخ الأندلس.", "نزل المطر على القرية."]
ENGLISH = "The quick brown fox jumps over the lazy dog."
CRAWLED = datetime.datetime(2020, 1, 1, 10, 30)


def written(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows in the format that the name ends in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    if path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return
    lines = "".join(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows).encode()
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
    path.write_bytes(pack.get(path.suffix, bytes)(lines))


def culturax(n: int) -> dict[str, Any]:
    return {
        "text": TEXTS[n],
        "timestamp": "2021/01/05 10:00:00",
        "url": f"https://a/{n}",
        "source": ["mC4", "OSCAR-2301", "mC4"][n],
    }


def mc4(n: int) -> dict[str, Any]:
    return {"text": TEXTS[n], "timestamp": "2019-04-25T12:57:54Z", "url": f"https://a/{n}"}


def c4(n: int) -> dict[str, Any]:
    return {**mc4(n), "text": ENGLISH}


def words(n: int) -> dict[str, Any]:
    return {"date": "2021-05-08T04:44:54Z", "text": TEXTS[n], "url": f"https://a/{n}"}


def fineweb(n: int) -> dict[str, Any]:
    return {
        "text": ENGLISH,
        "id": f"<urn:uuid:{n}>",
        "dump": "CC-MAIN-2024-10",
        "url": f"https://a/{n}",
        "date": "2024-01-01T00:00:00Z",
        "file_path": "s3://x",
        "language": "en",
        "language_score": 0.9,
        "token_count": 10,
    }


def hplt_2(n: int) -> dict[str, Any]:
    return {
        "f": "./a.warc.gz",
        "o": 1,
        "s": 1,
        "rs": 1,
        "u": f"https://a/{n}",
        "c": "text/html",
        "ts": CRAWLED,
        "collection": "wide00016",
        "lang": ["ara_Arab", "arz_Arab"],
        "prob": [0.9, 0.1],
        "text": TEXTS[n],
        "seg_langs": ["ara_Arab"],
        "robotstxt": "allowed",
        "id": f"h{n}",
        "filter": "keep",
        "pii": [[0, 3]],
        "doc_scores": [8.4],
    }


def hplt_3(n: int) -> dict[str, Any]:
    return {
        **{key: value for key, value in hplt_2(n).items() if key not in ("collection", "robotstxt")},
        "crawl_id": "CC-MAIN-2024-10",
        "lang": ["arz_Arab"],
        "html_lang": ["ar"],
        "cluster_size": 3,
        "web-register": {"IN": 0.8, "NA": 0.1},
    }


def moscar(n: int) -> dict[str, Any]:
    return {
        "images": [{"img_idx": "#000002", "sha512": "65", "url": "https://a/i.jpg"}],
        "metadata": [{"node_order": "img_#000002|txt_#000000|txt_#000001", "url": f"https://a/{n}"}],
        "text": [{"text": TEXTS[n], "text_idx": "#000000"}, {"text": "تمت.", "text_idx": "#000001"}],
    }


def arabicweb24(n: int) -> dict[str, Any]:
    metadata = {"url": f"https://a/{n}", "date": "2024-02-01", "token_count": 9}
    return {"text": TEXTS[n], "metadata": {**metadata, "labels": {"language": "ar", "language_score": 0.99}}}


def wikiextractor(n: int) -> dict[str, Any]:
    url = f"https://ar.wikipedia.org/wiki?curid={n}"
    return {"id": str(n), "revid": "9", "url": url, "title": "عنوان", "text": f"عنوان\n\n{TEXTS[n]}"}


CRAWL = "Common Crawl terms of use (content)"
SOURCES: list[tuple[str, str, Callable[[int], dict[str, Any]], dict[str, Any], dict[str, Any]]] = [
    # source, file, row, columns of the second document, its metadata
    (
        "culturax",
        "ar/ar_part_00000.parquet",
        culturax,
        {"language": "arb_Arab", "license": f"CC0-1.0 (metadata); {CRAWL}", "date": "2021/01/05 10:00:00"},
        {"origin": "OSCAR-2301"},
    ),
    (
        "mc4",
        "multilingual/c4-ar.tfrecord-00000-of-01024.json.gz",
        mc4,
        {"language": "arb_Arab", "license": "ODC-By-1.0", "date": "2019-04-25T12:57:54Z"},
        {},
    ),
    ("mc4", "en/c4-train.00000-of-01024.json.gz", c4, {"language": "eng_Latn", "category": "english"}, {}),
    ("mc4", "data.jsonl", mc4, {"language": "und"}, {}),
    (
        "arabic-words-101b",
        "data/train-00000-of-00474.parquet",
        words,
        {"language": "arb_Arab", "license": "Apache-2.0", "date": "2021-05-08T04:44:54Z"},
        {},
    ),
    ("arabic-words-101b", "a.jsonl", words, {"language": "arb_Arab"}, {}),
    (
        "arabicweb24",
        "ArabicWeb24/0/data-00000-of-00396.arrow",
        arabicweb24,
        {"language": "arb_Arab", "license": "ODC-By-1.0", "date": "2024-02-01"},
        {"language_score": 0.99},
    ),
    (
        "fineweb",
        "sample/10BT/000_00000.parquet",
        fineweb,
        {"language": "eng_Latn", "license": "ODC-By-1.0", "category": "english", "date": "2024-01-01T00:00:00Z"},
        {"dump": "CC-MAIN-2024-10"},
    ),
    (
        "hplt",
        "ara_Arab/train-00000-of-00006.parquet",
        hplt_2,
        {"language": "arb_Arab", "license": "CC0-1.0", "date": "2020-01-01T10:30:00"},
        {"collection": "wide00016"},
    ),
    (
        "hplt",
        "1.jsonl.zst",
        hplt_2,
        {"language": "arb_Arab", "date": "2020-01-01 10:30:00"},
        {"collection": "wide00016"},
    ),
    (
        "hplt",
        "arz_Arab/10_1.jsonl.zst",
        hplt_3,
        {"language": "arz_Arab"},
        {"crawl_id": "CC-MAIN-2024-10", "cluster_size": 3, "web-register": {"IN": 0.8, "NA": 0.1}},
    ),
    (
        "hplt",
        "arz_Arab/train-0.parquet",
        hplt_3,
        {"language": "arz_Arab"},
        {"crawl_id": "CC-MAIN-2024-10", "cluster_size": 3, "web-register": {"IN": 0.8, "NA": 0.1}},
    ),
    ("moscar", "arz_Arab/000.jsonl.zst", moscar, {"language": "arz_Arab", "license": "CC-BY-4.0"}, {}),
    ("moscar", "arb_Arab/000.parquet", moscar, {"language": "arb_Arab"}, {}),
    (
        "wikipedia",
        "AA/wiki_00",
        wikiextractor,
        {"language": "arb_Arab", "license": "CC-BY-SA-4.0"},
        {"title": "عنوان"},
    ),
]
IDS = [f"{name}-{file}" for name, file, *_ in SOURCES]


@pytest.mark.parametrize(("name", "file", "row", "columns", "metadata"), SOURCES, ids=IDS)
def test_every_record_of_the_publishers_files_is_a_document_with_its_labels(
    tmp_path: Path, ingest: Any, name: str, file: str, row: Any, columns: dict[str, Any], metadata: dict[str, Any]
) -> None:
    written(tmp_path / file, [row(n) for n in range(3)])
    documents, counter = ingest(name, tmp_path)
    assert counter.balanced
    assert not counter.dropped["documents"]
    assert len({document.id for document in documents}) == 3
    endings = {"moscar": "\nتمت."}
    texts = [ENGLISH] * 3 if columns.get("language") == "eng_Latn" else TEXTS
    assert [document.text for document in documents] == [text + endings.get(name, "") for text in texts]
    second = documents[1].metadata
    assert second["url"].endswith("1")
    assert {key: second[key] for key in columns} == columns
    assert second["metadata"] == metadata
    json.dumps(second, allow_nan=False)


@pytest.mark.parametrize(("name", "file", "row"), [source[:3] for source in SOURCES], ids=IDS)
def test_a_file_is_recognised_as_its_own_source_and_as_no_other(
    tmp_path: Path, name: str, file: str, row: Any
) -> None:
    written(tmp_path / file, [row(n) for n in range(3)])
    (file_,) = find_files([tmp_path], ["*"])
    assert recognise(file_).source == name


@pytest.mark.parametrize(
    "row",
    [
        {"text": "نص"},
        {"text": "نص", "timestamp": "2020", "url": "https://a", "source": "x", "author": "فلان"},
        {"text": "نص", "timestamp": "2020", "url": "https://a", "page": 1},
        {"text": "نص", "date": "2020", "url": "https://a", "title": "عنوان"},
        {"text": "نص", "meta": {"page": 1}},
        {"question": "س", "answer": "ج", "text": "نص"},
        {"id": 1, "url": "https://a", "title": "عنوان", "text": "نص", "author": "فلان"},
        {**fineweb(0), "score": 4.0},
    ],
    ids=lambda row: ",".join(row),
)
@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_records_of_a_user_are_not_taken_for_a_corpus_with_some_of_their_fields(
    tmp_path: Path, ending: str, row: dict[str, Any]
) -> None:
    written(tmp_path / f"train-00000.{ending}", [row])
    (file_,) = find_files([tmp_path], ["*"])
    assert recognise(file_).source == ending


def changed(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield variants of a record in which one field is missing or has another type."""
    for name in value:
        yield {key: other for key, other in value.items() if key != name}
        for other in (None, 5, -1.5, True, "x", "", [], {}, [[1]], ["a"], {"a": [1]}, [None]):
            yield {**value, name: other}


@pytest.mark.parametrize(
    ("name", "file", "row"), [source[:3] for source in SOURCES if ".jsonl" in source[1] or "wiki" in source[1]]
)
def test_a_value_of_another_type_drops_at_most_its_record(
    tmp_path: Path, ingest: Any, name: str, file: str, row: Any
) -> None:
    odd = list(changed(row(1)))
    written(tmp_path / file, [row(0), *odd, row(2)])
    documents, counter = ingest(name, tmp_path)
    assert counter.balanced
    assert counter.input["documents"] == len(odd) + 2
    assert documents[0].metadata["url"].endswith("0")
    assert documents[-1].metadata["url"].endswith("2")
    for document in documents:
        assert all(isinstance(document.metadata[key], str) for key in ("language", "license", "url", "date"))
        json.dumps(document.metadata, allow_nan=False)


def test_nodes_of_moscar_are_objects_texts_or_an_object_of_lists(tmp_path: Path, ingest: Any) -> None:
    page = moscar(0)
    texts = [node["text"] for node in page["text"]]
    turned = {"text": {"text": texts, "text_idx": ["0", "1"]}, "metadata": {"url": ["https://a/0"]}, "images": {}}
    written(tmp_path / "arz_Arab" / "0.jsonl", [page, {**page, "text": texts}, turned])
    documents, counter = ingest("moscar", tmp_path)
    assert not counter.dropped["documents"]
    assert {document.text for document in documents} == {"\n".join(texts)}
    assert {document.metadata["url"] for document in documents} == {"https://a/0"}


def test_a_file_of_doc_blocks_is_read_as_before_although_a_line_begins_with_a_brace(
    tmp_path: Path, ingest: Any
) -> None:
    (tmp_path / "wiki_00").write_text(
        '<doc id="1" url="https://ar.wikipedia.org/wiki?curid=1" title="م">\nم\n\n{"text": "كود"}\n</doc>\n'
    )
    (document,) = ingest("wikipedia", tmp_path)[0]
    assert document.text == '{"text": "كود"}'
