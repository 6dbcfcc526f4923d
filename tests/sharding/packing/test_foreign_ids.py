"""Imported ids: every id is kept, BOS and EOS separate documents, and invalid files are refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import InputError
from sharding.packing import INDEX, IdRange, foreign_ids, import_ids

LABELS = {"source": "old", "language": "und", "category": "unknown"}


def vocabulary(size: int = 1000, bos: int | None = None, eos: int | None = None) -> IdRange:
    sizes = np.arange(size, dtype=np.int32) % 7
    return IdRange(size, bos, eos, sizes, sizes // 2)


def imported(
    path: Path, id_range: IdRange, column: str | None = None
) -> tuple[list[list[int]], pa.Table, dict[str, int]]:
    """Return the documents of a file, its index, and the numbers of removed BOS and EOS."""
    sink = io.BytesIO()
    result = import_ids(path, id_range, LABELS, sink, column=column)
    ids = np.frombuffer(sink.getvalue(), "<u2" if id_range.size <= 65_536 else "<u4")
    assert result.tokens == len(ids)
    assert result.index.schema == INDEX
    pairs = zip(result.index["offset"].to_pylist(), result.index["tokens"].to_pylist(), strict=True)
    return [ids[offset : offset + tokens].tolist() for offset, tokens in pairs], result.index, result.specials


def split_by_hand(lists: list[list[int]], id_range: IdRange) -> list[list[int]]:
    """Split lists into documents at BOS and EOS, without numpy."""
    documents = []
    for ids_of_list in lists:
        pieces: list[list[int]] = [[]]
        for number in ids_of_list:
            if number in (id_range.bos, id_range.eos):
                pieces.append([])
            else:
                pieces[-1].append(number)
        documents += [piece for piece in pieces if piece] or [[]]
    return documents


ids = st.lists(st.integers(0, 20), max_size=30)


@given(lists=st.lists(ids, min_size=1, max_size=8), bos=st.sampled_from([None, 1]), eos=st.sampled_from([None, 2]))
def test_lists_are_split_at_bos_and_eos(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], bos: int | None, eos: int | None
) -> None:
    path = tmp_path_factory.mktemp("ids") / "one.parquet"
    pq.write_table(pa.table({"input_ids": pa.array(lists, pa.list_(pa.int32()))}), path, row_group_size=3)
    id_range = vocabulary(bos=bos, eos=eos)
    documents, index, specials = imported(path, id_range)
    assert documents == split_by_hand(lists, id_range)
    assert specials == {
        name: sum(values.count(special) for values in lists)
        for name, special in (("bos", bos), ("eos", eos))
        if special is not None
    }
    assert index["bytes"].to_pylist() == [
        sum(int(id_range.token_bytes[i]) for i in document) for document in documents
    ]
    assert index["chars"].to_pylist() == [
        sum(int(id_range.token_chars[i]) for i in document) for document in documents
    ]
    assert len(set(index["id"].to_pylist())) == len(documents)


@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=200), chunk=st.integers(1, 50))
def test_a_long_list_does_not_depend_on_the_size_of_chunks(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("ids") / "one.npy"
    np.save(path, np.array(values, np.uint32))
    id_range = vocabulary(bos=1, eos=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_ids, "CHUNK_IDS", chunk)
        documents, _, _ = imported(path, id_range)
    expected = split_by_hand([values], id_range)
    assert [document for document in documents if document] == [document for document in expected if document]


def test_other_columns_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    columns = {
        "tokens": pa.array([[1, 5, 6, 2, 7, 2], [8, 9]], pa.large_list(pa.uint16())),
        "id": ["web/a", None],
        "language": ["arb_Arab", "arz_Arab"],
        "url": ["https://example.org/a", None],
        "cluster": ["c1", None],
        "loss": [0.5, 0.25],
    }
    pq.write_table(pa.table(columns), path)
    documents, index, _ = imported(path, vocabulary(bos=1, eos=2))
    assert documents == [[5, 6], [7], [8, 9]]
    assert index["id"].to_pylist() == ["web/a", "web/a#1", "old/some.parquet/2"]
    assert index["language"].to_pylist() == ["arb_Arab", "arb_Arab", "arz_Arab"]
    assert index["source"].to_pylist() == ["old"] * 3
    assert index["cluster"].to_pylist() == ["c1", "c1", "old/some.parquet/2"]
    assert index["url"].to_pylist() == ["https://example.org/a"] * 2 + [None]


@pytest.mark.parametrize(("size", "dtype", "header"), [(1000, "<u2", (20240520, 1)), (76_800, "<u4", (20240801, 7))])
def test_files_with_and_without_the_header_of_llmc_give_the_same_ids(
    tmp_path: Path, size: int, dtype: str, header: tuple[int, int]
) -> None:
    expected = np.random.default_rng(0).integers(0, size, 600).astype(dtype)
    expected.tofile(tmp_path / "bare.bin")
    words = np.zeros(256, "<i4")
    words[:3] = (*header, len(expected))
    (tmp_path / "headed.bin").write_bytes(words.tobytes() + expected.tobytes())
    for name in ("bare", "headed"):
        assert imported(tmp_path / f"{name}.bin", vocabulary(size))[0] == [expected.tolist()]


def test_rows_of_a_two_dimensional_array_are_lists(tmp_path: Path) -> None:
    rows = np.arange(60).reshape(6, 10)
    np.save(tmp_path / "rows.npy", rows)
    assert imported(tmp_path / "rows.npy", vocabulary())[0] == rows.tolist()


def refusal(path: Path, id_range: IdRange | None = None, column: str | None = None) -> str:
    """Return the message of the InputError, which must name the file."""
    with pytest.raises(InputError) as error:
        imported(path, id_range or vocabulary(), column)
    assert path.name in str(error.value)
    return str(error.value)


@pytest.mark.fault(22)
def test_ids_outside_of_the_vocabulary_are_refused_with_list_and_id(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ids": [[1, 2], [3, 70_000]]}), tmp_path / "a.parquet")
    assert "list 1: id 70000 is not in the vocabulary of 1000" in refusal(tmp_path / "a.parquet")
    np.save(tmp_path / "b.npy", np.array([[1, 2], [3, -1]]))
    assert "list 1: id -1 is not" in refusal(tmp_path / "b.npy")


def test_files_that_are_not_ids_are_refused(tmp_path: Path) -> None:
    np.arange(5000, dtype="<u4").tofile(tmp_path / "wide.bin")
    assert "every second id is 0" in refusal(tmp_path / "wide.bin", vocabulary(6000))
    (tmp_path / "odd.bin").write_bytes(b"abc")
    assert "not a whole number of 2-byte ids: fetch it again" in refusal(tmp_path / "odd.bin")
    words = np.zeros(300, "<i4")
    words[:3] = (20240520, 1, 9999)
    words.tofile(tmp_path / "cut.bin")
    assert "its header describes 9999 ids: fetch it again" in refusal(tmp_path / "cut.bin")
    np.save(tmp_path / "floats.npy", np.zeros(3))
    assert "float64 in 1 dimensions" in refusal(tmp_path / "floats.npy")
    np.save(tmp_path / "objects.npy", np.array([[1], [2, 3]], object))
    assert "cannot be read as .npy" in refusal(tmp_path / "objects.npy")
    np.save(tmp_path / "good.npy", np.arange(1000))
    (tmp_path / "short.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:-8])
    assert "cannot be read as .npy" in refusal(tmp_path / "short.npy")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no PAR1")
    assert "cannot be read as Parquet" in refusal(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "b.parquet")
    assert "has no column 'input_ids or tokens" in refusal(tmp_path / "b.parquet")
    assert "holds string; it must hold lists of integer ids" in refusal(tmp_path / "b.parquet", column="text")
    for lists in ([[1], None], [[1, None]]):
        pq.write_table(pa.table({"ids": pa.array(lists, pa.list_(pa.int64()))}), tmp_path / "c.parquet")
        assert "lines 0 to" in refusal(tmp_path / "c.parquet")


@pytest.mark.fault(14)
def test_an_empty_file_gives_no_document(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert imported(tmp_path / "empty.bin", vocabulary())[0] == []
