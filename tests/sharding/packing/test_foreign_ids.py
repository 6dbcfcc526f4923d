"""Ids from elsewhere: every id arrives, cut into documents where BOS and EOS stand; what can't be ids is refused."""

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
    path: Path, known: IdRange, column: str | None = None
) -> tuple[list[list[int]], pa.Table, dict[str, int]]:
    """The documents of a file, its index, and the specials that were taken out."""
    sink = io.BytesIO()
    result = import_ids(path, known, LABELS, sink, column=column)
    ids = np.frombuffer(sink.getvalue(), "<u2" if known.size <= 65_536 else "<u4")
    assert result.tokens == len(ids)
    assert result.index.schema == INDEX
    pairs = zip(result.index["offset"].to_pylist(), result.index["tokens"].to_pylist(), strict=True)
    return [ids[offset : offset + tokens].tolist() for offset, tokens in pairs], result.index, result.specials


def by_hand(lists: list[list[int]], known: IdRange) -> list[list[int]]:
    documents = []
    for one in lists:
        pieces: list[list[int]] = [[]]
        for number in one:
            if number in (known.bos, known.eos):
                pieces.append([])
            else:
                pieces[-1].append(number)
        documents += [piece for piece in pieces if piece] or [[]]
    return documents


ids = st.lists(st.integers(0, 20), max_size=30)


@given(lists=st.lists(ids, min_size=1, max_size=8), bos=st.sampled_from([None, 1]), eos=st.sampled_from([None, 2]))
def test_lists_of_ids_are_cut_where_specials_stand(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], bos: int | None, eos: int | None
) -> None:
    path = tmp_path_factory.mktemp("ids") / "one.parquet"
    pq.write_table(pa.table({"input_ids": pa.array(lists, pa.list_(pa.int32()))}), path, row_group_size=3)
    known = vocabulary(bos=bos, eos=eos)
    documents, index, specials = imported(path, known)
    assert documents == by_hand(lists, known)
    assert specials == {
        name: sum(one.count(special) for one in lists)
        for name, special in (("bos", bos), ("eos", eos))
        if special is not None
    }
    assert index["bytes"].to_pylist() == [sum(int(known.token_bytes[i]) for i in one) for one in documents]
    assert index["chars"].to_pylist() == [sum(int(known.token_chars[i]) for i in one) for one in documents]
    assert len(set(index["id"].to_pylist())) == len(documents)


@given(one=st.lists(st.integers(0, 9), min_size=1, max_size=200), chunk=st.integers(1, 50))
def test_one_long_list_is_the_same_however_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, one: list[int], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("ids") / "one.npy"
    np.save(path, np.array(one, np.uint32))
    known = vocabulary(bos=1, eos=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_ids, "CHUNK_IDS", chunk)
        documents, _, _ = imported(path, known)
    assert [one for one in documents if one] == [one for one in by_hand([one], known) if one]


def test_what_stands_beside_the_ids_is_kept(tmp_path: Path) -> None:
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
def test_bare_ids_and_those_with_a_header_of_llmc_are_the_same(
    tmp_path: Path, size: int, dtype: str, header: tuple[int, int]
) -> None:
    right = np.random.default_rng(0).integers(0, size, 600).astype(dtype)
    right.tofile(tmp_path / "bare.bin")
    words = np.zeros(256, "<i4")
    words[:3] = (*header, len(right))
    (tmp_path / "headed.bin").write_bytes(words.tobytes() + right.tobytes())
    for name in ("bare", "headed"):
        assert imported(tmp_path / f"{name}.bin", vocabulary(size))[0] == [right.tolist()]


def test_rows_of_two_dimensions_are_lists(tmp_path: Path) -> None:
    rows = np.arange(60).reshape(6, 10)
    np.save(tmp_path / "rows.npy", rows)
    assert imported(tmp_path / "rows.npy", vocabulary())[0] == rows.tolist()


def refused(path: Path, known: IdRange | None = None, column: str | None = None) -> str:
    with pytest.raises(InputError) as error:
        imported(path, known or vocabulary(), column)
    assert path.name in str(error.value)
    return str(error.value)


@pytest.mark.fault(22)
def test_ids_that_would_be_narrowed_are_refused_by_list_and_id(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ids": [[1, 2], [3, 70_000]]}), tmp_path / "a.parquet")
    assert "list 1: id 70000 is not in the vocabulary of 1000" in refused(tmp_path / "a.parquet")
    np.save(tmp_path / "b.npy", np.array([[1, 2], [3, -1]]))
    assert "list 1: id -1 is not" in refused(tmp_path / "b.npy")


def test_what_is_no_ids_is_refused(tmp_path: Path) -> None:
    np.arange(5000, dtype="<u4").tofile(tmp_path / "wide.bin")
    assert "every second id is 0" in refused(tmp_path / "wide.bin", vocabulary(6000))
    (tmp_path / "odd.bin").write_bytes(b"abc")
    assert "no whole number of 2-byte ids" in refused(tmp_path / "odd.bin")
    words = np.zeros(300, "<i4")
    words[:3] = (20240520, 1, 9999)
    words.tofile(tmp_path / "cut.bin")
    assert "its header speaks of 9999 ids" in refused(tmp_path / "cut.bin")
    np.save(tmp_path / "floats.npy", np.zeros(3))
    assert "float64 in 1 dimensions" in refused(tmp_path / "floats.npy")
    np.save(tmp_path / "objects.npy", np.array([[1], [2, 3]], object))
    assert "can't be read as .npy" in refused(tmp_path / "objects.npy")
    np.save(tmp_path / "good.npy", np.arange(1000))
    (tmp_path / "short.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:-8])
    assert "can't be read as .npy" in refused(tmp_path / "short.npy")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no PAR1")
    assert "can't be read as Parquet" in refused(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "b.parquet")
    assert "has no column 'input_ids or tokens" in refused(tmp_path / "b.parquet")
    assert "holds string; lists of integer ids" in refused(tmp_path / "b.parquet", column="text")
    for lists in ([[1], None], [[1, None]]):
        pq.write_table(pa.table({"ids": pa.array(lists, pa.list_(pa.int64()))}), tmp_path / "c.parquet")
        assert "lines 0 to" in refused(tmp_path / "c.parquet")


@pytest.mark.fault(14)
def test_an_empty_file_gives_no_document(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert imported(tmp_path / "empty.bin", vocabulary())[0] == []
