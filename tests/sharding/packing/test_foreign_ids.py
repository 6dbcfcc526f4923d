"""Imported ids: every id is kept, BOS and EOS separate documents, and invalid files are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sharding.errors import InputError
from sharding.packing import IdRange, id_files
from tests.sharding.packing.foreign import imported, refusal, vocabulary


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
    assume(not any(values[k : k + 16] == [values[k]] * 16 for k in range(len(values))))  # as in padding
    path = tmp_path_factory.mktemp("ids") / "one.npy"
    np.save(path, np.array(values, np.uint32))
    id_range = vocabulary(bos=1, eos=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_files, "CHUNK_IDS", chunk)
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


@pytest.mark.fault(22)
def test_ids_outside_of_the_vocabulary_are_refused_with_list_and_id(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ids": [[1, 2], [3, 70_000]]}), tmp_path / "a.parquet")
    assert "list 1: id 70000 is not in the vocabulary of 1000" in refusal(tmp_path / "a.parquet")
    np.save(tmp_path / "b.npy", np.array([[1, 2], [3, -1]]))
    assert "list 1: id -1 is not" in refusal(tmp_path / "b.npy")


def test_files_that_are_not_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.bin").write_bytes(b"abc")
    assert "it has 3 bytes" in refusal(tmp_path / "odd.bin")
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
    for lists, line in (([[1], None], 1), ([[1, None]], 0), ([[5], [], [6, 7], [1, None], [2]], 3)):
        pq.write_table(pa.table({"ids": pa.array(lists, pa.list_(pa.int64()))}), tmp_path / "c.parquet")
        assert f"line {line}: 'ids'" in refusal(tmp_path / "c.parquet")
    pq.write_table(pa.table({"ids": [[1]], "language": [["arb_Arab"]]}), tmp_path / "d.parquet")
    assert "column 'language' holds list" in refusal(tmp_path / "d.parquet")
    (tmp_path / "e.arrow").write_bytes(b"ARROW1 no ARROW1")
    assert "cannot be read as Arrow" in refusal(tmp_path / "e.arrow")


# -- widths of files without a header ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<u2", "<u4", "<i4", "<u8", "<i8"])
@pytest.mark.parametrize("size", [300, 6_000, 65_536, 100_000])
def test_the_width_of_ids_follows_from_the_ids(tmp_path: Path, size: int, dtype: str) -> None:
    ids = np.random.default_rng(size).integers(0, size, 997).astype(dtype)
    ids.tofile(tmp_path / "ids.bin")
    if dtype == "<u2" and size > 65_536:
        assert "save them as .npy" in refusal(tmp_path / "ids.bin", vocabulary(size))
    else:
        assert imported(tmp_path / "ids.bin", vocabulary(size))[0] == [ids.tolist()]


@pytest.mark.parametrize(
    "data",
    [
        np.array([5, 0, 7, 0], "<u2").tobytes(),  # or 5 and 7
        np.zeros(600, "<u2").tobytes(),
        np.arange(600, dtype="<u4").tobytes()[:-2],
        np.arange(600, dtype="<u8").tobytes()[:-4],
        np.arange(60_000, 60_600).astype("<u2").tobytes(),
        np.arange(600).astype(">u2").tobytes(),
    ],
)
def test_a_width_that_the_ids_do_not_determine_is_asked_for(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ids.bin").write_bytes(data)
    assert ".npy" in refusal(tmp_path / "ids.bin", vocabulary(6_000))


# -- indexes beside a .bin --------------------------------------------------------------------------------


def megatron(path: Path, documents: list[list[list[int]]], dtype: str, code: int) -> Path:
    """Write documents of sequences as Megatron-LM's IndexedDataset does."""
    sequences = [sequence for document in documents for sequence in document]
    np.array([token for sequence in sequences for token in sequence], dtype).tofile(path)
    bounds = np.cumsum([0, *map(len, documents)]).astype("<i8")
    lengths = np.array([*map(len, sequences)], "<i4")
    pointers = (np.cumsum([0, *lengths])[:-1] * np.dtype(dtype).itemsize).astype("<i8")
    head = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(lengths), len(bounds))
    index = path.with_suffix(".idx")
    index.write_bytes(head + lengths.tobytes() + pointers.tobytes() + bounds.tobytes())
    return index


@pytest.mark.parametrize(("dtype", "code"), [("<u2", 8), ("<i4", 4), ("<i8", 5)])
@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_a_file_with_the_index_of_megatron_gives_its_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, code: int, chunk: int
) -> None:
    monkeypatch.setattr(id_files, "CHUNK_IDS", chunk)
    documents = [[[1, 2], [3]], [[4]], [[5, 6, 7, 8], [], [9]]]
    megatron(tmp_path / "text.bin", documents, dtype, code)
    expected = [[token for sequence in document for token in sequence] for document in documents]
    assert imported(tmp_path / "text.bin", vocabulary())[0] == expected


def test_an_index_that_cannot_be_read_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "text.bin"
    index = megatron(path, [[[1, 2], [3]]], "<u2", 8)
    sound = index.read_bytes()
    for damaged in (b"TNTIDX\x00\x00" + sound[8:], sound[:-9], sound[:40], b"", sound[:17] + b"\x07" + sound[18:]):
        index.write_bytes(damaged)
        with pytest.raises(InputError, match=r"text\.idx is no index of Megatron-LM of text\.bin"):
            imported(path, vocabulary())
    index.unlink()
    for other in ("text.seg", "index.json", "text.bin.index"):
        (tmp_path / other).write_bytes(b"{}")
        assert other in refusal(path)
        (tmp_path / other).unlink()


@pytest.mark.fault(14)
def test_an_empty_file_gives_no_document(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert imported(tmp_path / "empty.bin", vocabulary())[0] == []
