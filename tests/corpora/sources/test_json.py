"""The user's own JSON: arrays, records under a key and lines, in any of the forms that people have."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import BadInput

TEXTS = ["ذهب الولد إلى المدرسة.", "قرأت كتابا عن تاريخ الأندلس."]
RECORDS = [{"text": text, "id": number} for number, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (json.dumps(RECORDS), {}),
        (json.dumps(RECORDS, indent=2), {}),
        (json.dumps({"name": "a", "data": {"hadiths": RECORDS}}, indent=1), {"records": "data.hadiths"}),
        ("\n".join(map(json.dumps, RECORDS)), {}),
    ],
    ids=["one line", "many lines", "under a key", "lines"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_of_a_json_file_gives_the_same_documents(
    tmp_path: Path, ingest: Any, data: str, options: dict[str, str], packed: bool
) -> None:
    name, encoded = ("a.json.gz", gzip.compress(data.encode())) if packed else ("a.json", data.encode())
    (tmp_path / name).write_bytes(encoded)
    documents, counter = ingest("json", tmp_path, id_field="id", **options)
    assert [(document.id, document.text) for document in documents] == list(
        zip(["json/0", "json/1"], TEXTS, strict=True)
    )
    assert counter.balanced
    without = ingest("json", tmp_path, **options)[0]
    assert len({document.id for document in without}) == 2
    assert all(document.id.startswith(f"json/{tmp_path.name}/{name}#") for document in without)


def test_the_key_of_the_records_is_named_when_it_is_missing(tmp_path: Path, ingest: Any) -> None:
    for data in ({"hadiths": RECORDS}, {"n": 1, "data": {"hadiths": RECORDS, "other": [1]}}):
        for indent in (None, 1):
            (tmp_path / "a.json").write_text(json.dumps(data, indent=indent))
            with pytest.raises(BadInput, match=r"a\.json: .*field text.*; .*records: '(data\.)?hadiths'"):
                ingest("json", tmp_path)


def test_one_object_in_a_file_is_one_document(tmp_path: Path, ingest: Any) -> None:
    for number, record in enumerate(RECORDS):
        (tmp_path / f"{number}.json").write_text(json.dumps(record, indent=1))
    assert [document.text for document in ingest("json", tmp_path)[0]] == TEXTS
