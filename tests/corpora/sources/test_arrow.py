"""The user's own Arrow files, and the folders that Hugging Face datasets saves."""

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from corpora.errors import BadInput
from corpora.sources import find_source

TEXTS = [f"نص رقم {number}" for number in range(10)]
COLUMNS = {"text": TEXTS, "id": list(range(10)), "language": ["arz_Arab"] * 10}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder that `save_to_disk` has written, of two files."""
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(COLUMNS).save_to_disk(tmp_path / "saved", num_shards=2)
    return tmp_path / "saved"


def test_arrow_and_parquet_files_of_the_same_rows_give_the_same_documents(tmp_path: Path, ingest: Any) -> None:
    table = pa.table(COLUMNS)
    pyarrow.feather.write_feather(table, str(tmp_path / "a.feather"), compression="lz4", chunksize=3)
    pq.write_table(table, tmp_path / "a.parquet")
    for options in ({}, {"id_field": "id"}):
        arrow, counter = ingest("arrow", tmp_path, **options)
        parquet, expected = ingest("parquet", tmp_path, **options)
        assert [document.text for document in arrow] == [document.text for document in parquet] == TEXTS
        assert len({document.id for document in arrow}) == 10
        assert counter.counts() == expected.counts()
        assert {document.metadata["language"] for document in arrow} == {"arz_Arab"}


def test_a_saved_folder_is_read_without_what_lies_beside_it(saved: Path, ingest: Any) -> None:
    shutil.copy(saved / "data-00000-of-00002.arrow", saved / "cache-1f2e.arrow")
    assert [document.text for document in ingest("arrow", saved)[0]] == TEXTS
    assert len(ingest("arrow", saved / "data-00000-of-00002.arrow")[0]) == 5
    assert len(ingest("arrow", f"{saved}/*")[0]) == 10


def test_every_split_of_a_saved_folder_is_read(tmp_path: Path, ingest: Any) -> None:
    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict(COLUMNS)
    datasets.DatasetDict(train=rows, test=rows.select(range(3))).save_to_disk(tmp_path / "dict")
    documents, _ = ingest("arrow", tmp_path / "dict")
    assert [document.id.split("/")[1:3] for document in documents].count(["dict", "test"]) == 3
    assert len(documents) == 13
    shutil.rmtree(tmp_path / "dict" / "test")
    with pytest.raises(BadInput, match=r"dataset_dict\.json: .*test.*; copy it"):
        ingest("arrow", tmp_path / "dict")


def test_a_saved_folder_that_lacks_a_file_or_selects_rows_is_refused(saved: Path) -> None:
    source = find_source("arrow")()
    state = json.loads((saved / "state.json").read_text())
    (saved / "state.json").write_text(json.dumps({**state, "_indices_files": [{"filename": "i.arrow"}]}))
    with pytest.raises(BadInput, match=r"state\.json: .*indices.*; save it again, after flatten_indices"):
        source.files([saved])
    for text in ("[]", "{", '{"_data_files": [1]}'):
        (saved / "state.json").write_text(text)
        with pytest.raises(BadInput, match=r"state\.json: .*_data_files"):
            source.files([saved])
    (saved / "state.json").write_text(json.dumps(state))
    (saved / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(BadInput, match=r"state\.json: .*data-00001-of-00002\.arrow.*; copy it"):
        source.files([saved])
