"""The user's own records: options name the fields of text, id, address, date, language, licence and metadata."""

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.documents import write_documents
from corpora.errors import BadInput

NAMED = {
    "text_field": "نص",
    "id_field": "doc",
    "url_field": "meta.url",
    "date_field": "ts",
    "language_field": "lang",
    "license_field": "meta.rights.name",
    "metadata_fields": ("book", "meta.register"),
}
ROWS = [
    {
        "نص": f"نص {number}",
        "doc": number,
        "ts": datetime.datetime(2024, 5, number + 1, 10, 30),
        "lang": "arz_Arab",
        "book": {"title": "كتاب", "parts": [1, 2]},
        "meta": {"url": f"https://a/{number}", "rights": {"name": "CC0-1.0"}, "register": "IN", "other": 1},
    }
    for number in range(3)
]


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> None:
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    else:
        lines = [json.dumps(row, default=datetime.datetime.isoformat, ensure_ascii=False) for row in rows]
        (folder / "a.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_named_fields_are_read_also_from_objects_inside_the_record(tmp_path: Path, ingest: Any, kind: str) -> None:
    write(tmp_path, kind, ROWS)
    documents, counter = ingest(kind, tmp_path, **NAMED)
    assert counter.balanced
    assert [(document.id, document.text) for document in documents] == [(f"{kind}/{n}", f"نص {n}") for n in range(3)]
    columns = documents[1].metadata
    assert columns["url"] == "https://a/1"
    assert columns["date"] == "2024-05-02T10:30:00"
    assert columns["language"] == "arz_Arab"
    assert columns["license"] == "CC0-1.0"
    assert columns["metadata"] == {"book": {"title": "كتاب", "parts": [1, 2]}, "meta.register": "IN"}


def test_columns_of_csv_are_named_alike(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.csv").write_text("نص,رابط,سنة,كتاب\nأول,https://a,1999,س\n")
    options = {"text_field": "نص", "url_field": "رابط", "date_field": "سنة", "metadata_fields": ("كتاب",)}
    documents, _ = ingest("csv", tmp_path, **options)
    columns = documents[0].metadata
    assert (columns["url"], columns["date"], columns["metadata"]) == ("https://a", "1999", {"كتاب": "س"})


def test_a_name_with_a_dot_is_the_field_itself_if_there_is_one(tmp_path: Path, ingest: Any) -> None:
    for kind in ("parquet", "jsonl"):
        write(tmp_path, kind, [{"text": "نص", "meta.url": "flat", "meta": {"url": "nested"}}])
        (document,) = ingest(kind, tmp_path / f"a.{kind}", url_field="meta.url")[0]
        assert document.metadata["url"] == "flat"


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
@pytest.mark.parametrize(
    ("option", "name", "closest"),
    [
        ("text_field", "نصص", "نص"),
        ("id_field", "docs", "doc"),
        ("url_field", "meta.ulr", "meta.url"),
        ("date_field", "tss", "ts"),
        ("language_field", "langs", "lang"),
        ("license_field", "meta.rights.nam", "meta.rights.name"),
        ("metadata_fields", ("book", "meta.registre"), "meta.register"),
    ],
)
def test_a_named_field_that_does_not_exist_is_refused_with_the_closest(
    tmp_path: Path, ingest: Any, kind: str, option: str, name: Any, closest: str
) -> None:
    write(tmp_path, kind, ROWS)
    with pytest.raises(BadInput) as refused:
        ingest(kind, tmp_path, **{"text_field": "نص", option: name})
    message = str(refused.value)
    assert f"a.{kind}" in message
    assert option in message
    assert f"did you mean {closest}" in message


def test_a_field_that_only_some_records_have_is_accepted(tmp_path: Path, ingest: Any) -> None:
    write(
        tmp_path,
        "jsonl",
        [{"text": "أول"}, {"text": "ثان", "u": "https://a", "meta": {"book": "س"}}, {"text": "ثالث"}],
    )
    documents, _ = ingest("jsonl", tmp_path, url_field="u", metadata_fields=("meta.book",))
    assert [document.metadata["url"] for document in documents] == ["", "https://a", ""]
    assert [document.metadata["metadata"] for document in documents] == [{}, {"meta.book": "س"}, {}]


def test_a_named_label_that_is_not_a_text_drops_its_record_and_names_the_field(tmp_path: Path, ingest: Any) -> None:
    write(tmp_path, "jsonl", [{"text": "أول", "u": "https://a"}, {"text": "ثان", "u": ["https://a"]}])
    documents, counter = ingest("jsonl", tmp_path, url_field="u")
    assert [document.text for document in documents] == ["أول"]
    assert counter.dropped["documents"] == {"field u is not a string": 1}


def test_every_value_of_a_table_is_kept_in_the_metadata(tmp_path: Path, ingest: Any) -> None:
    values = {
        "day": datetime.date(2024, 5, 1),
        "time": datetime.time(10, 30),
        "price": Decimal("1.50"),
        "nan": float("nan"),
        "raw": b"\xff\x00",
        "list": [datetime.datetime(2024, 5, 1)],
        "flag": True,
        "none": None,
    }
    table = pa.Table.from_pylist([{"text": "نص", **values}])
    pq.write_table(table, tmp_path / "a.parquet")
    documents, counter = ingest("parquet", tmp_path, metadata_fields=tuple(values))
    assert documents[0].metadata["metadata"] == {
        "day": "2024-05-01",
        "time": "10:30:00",
        "price": "1.50",
        "raw": "\\xff\x00",
        "list": ["2024-05-01T00:00:00"],
        "flag": True,
    }
    with (tmp_path / "part").open("wb") as file:
        write_documents(documents, file, counter)
    assert not counter.dropped["documents"]
