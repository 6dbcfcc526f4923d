"""Records of a user's own files have ids and dates of any type: none is merged with another, none is lost unnamed."""

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from corpora.errors import BadInput
from corpora.sources import find_source

NOON = datetime.datetime(2020, 1, 2, 12, tzinfo=datetime.UTC)
UUIDS = pa.array([bytes([number]) * 16 for number in range(3)], pa.binary(16))
IDS: dict[str, tuple[pa.Array, str]] = {
    "int8": (pa.array([1, 2, 3], pa.int8()), ""),
    "uint64": (pa.array([1, 2**64 - 1, 2**64 - 2], pa.uint64()), ""),
    "decimal": (pa.array([decimal.Decimal(f"{2**70 + n}.5") for n in range(3)]), ""),
    "date32": (pa.array([datetime.date(2020, 1, day) for day in (1, 2, 3)]), ""),
    "timestamp": (pa.array([NOON.replace(second=n) for n in range(3)], pa.timestamp("us", "Asia/Riyadh")), ""),
    "nanoseconds": (pa.array([1_000, 2_000, 3_000], pa.timestamp("ns")), ""),
    "uuid": (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([n]) * 16 for n in range(3)], pa.binary(16))),
        "",
    ),
    "dictionary": (pa.array(["a", "b", "c"]).dictionary_encode(), ""),
    "large_string": (pa.array(["a", "b", "c"], pa.large_string()), ""),
    "float": (pa.array([1.0, 2.0, 3.5]), ""),
    "large float": (pa.array([2.0**53, 2.0**60, 1e300]), "id is a number"),
    "bool": (pa.array([True, False, True]), "id is a boolean"),
    "binary": (pa.array([b"a", b"b", b"c"]), "id is bytes"),
    "list": (pa.array([[1], [2], [3]]), "id is a list"),
    "struct": (pa.array([{"a": 1}, {"a": 2}, {"a": 3}]), "id is an object"),
    "null": (pa.nulls(3), "no id"),
    "far date": (pa.array([2**62] * 3, pa.timestamp("us")), "id is out of range"),
}


def write(path: Path, source: str, table: pa.Table) -> None:
    if source == "parquet":
        pq.write_table(table, path / "a.parquet")
    else:
        with ipc.new_stream(str(path / "a.arrow"), table.schema) as writer:
            writer.write_table(table)


@pytest.mark.parametrize("source", ["parquet", "arrow"])
@pytest.mark.parametrize("kind", IDS)
def test_ids_of_every_type_keep_their_records_apart_or_are_named(
    tmp_path: Path, ingest: Any, source: str, kind: str
) -> None:
    ids, reason = IDS[kind]
    write(tmp_path, source, pa.table({"text": ["أ", "ب", "ج"], "id": ids}))
    documents, counter = ingest(source, tmp_path, id_field="id")
    assert counter.balanced
    assert counter.dropped["documents"] == ({reason: 3} if reason else {})
    assert len({document.id for document in documents}) == (0 if reason else 3)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (pa.array([datetime.date(2020, 1, 2)]), "2020-01-02"),
        (pa.array([NOON], pa.timestamp("us", "UTC")), "2020-01-02T12:00:00+00:00"),
        (pa.array([NOON], pa.timestamp("ns", "UTC")), "2020-01-02T12:00:00+00:00"),
        (pa.array(["2020"]), "2020"),
        (pa.nulls(1), ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", ["parquet", "arrow"])
def test_dates_of_every_type_are_kept(
    tmp_path: Path, ingest: Any, source: str, dates: pa.Array, expected: str
) -> None:
    write(tmp_path, source, pa.table({"text": ["أ"], "date": dates}))
    assert [document.metadata["date"] for document in ingest(source, tmp_path)[0]] == [expected]


@pytest.mark.parametrize("source", ["parquet", "arrow"])
def test_two_columns_of_one_name_are_refused_by_name(tmp_path: Path, ingest: Any, source: str) -> None:
    arrays = [pa.array(["أ"]), pa.array(["ب"]), pa.array([1])]
    write(tmp_path, source, pa.Table.from_arrays(arrays, names=["text", "text", "id"]))
    with pytest.raises(BadInput, match=r"a\.(parquet|arrow): has 2 columns called 'text'"):
        ingest(source, tmp_path)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([1, "1a", 2**63, -(2**62)], {}),
        ([12, 12.5, "12"], {"duplicate id": 1}),
        ([10**25, 10**25 + 1], {"id is a number": 2}),
        ([True, False], {"id is a boolean": 2}),
        ([[1], {"a": 1}], {"id is a list": 1, "id is an object": 1}),
        ([None, ""], {"no id": 2}),
    ],
    ids=str,
)
def test_ids_in_json_are_not_merged(tmp_path: Path, ingest: Any, ids: list[Any], reason: dict[str, int]) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": "أ", "id": id_}) + "\n" for id_ in ids))
    documents, counter = ingest("jsonl", tmp_path, id_field="id")
    assert counter.dropped["documents"] == reason
    assert len({document.id for document in documents}) == len(ids) - sum(reason.values())


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_delimiter_that_is_not_one_character_is_refused(delimiter: str) -> None:
    with pytest.raises(ValueError, match=r"option 'delimiter'.*one character"):
        find_source("csv")(delimiter=delimiter)
