"""Imported ids: every id is kept, BOS and EOS separate documents, and invalid files are refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sharding.errors import InputError
from sharding.packing import INDEX, MASKED, IdRange, id_files, import_ids

LABELS = {"source": "old", "language": "und", "category": "unknown"}


def vocabulary(size: int = 1000, bos: int | None = None, eos: int | None = None, pad: int | None = None) -> IdRange:
    sizes = np.arange(size, dtype=np.int32) % 7
    return IdRange(size, bos, eos, sizes, sizes // 2, pad)


def imported(
    path: Path, id_range: IdRange, column: str | None = None
) -> tuple[list[list[int]], pa.Table, dict[str, int]]:
    """Return the documents of a file, its index, and the numbers of removed ids."""
    sink = io.BytesIO()
    result = import_ids(path, id_range, LABELS, sink, column=column)
    ids = np.frombuffer(sink.getvalue(), "<u2" if id_range.size <= 65_536 else "<u4")
    assert result.tokens == len(ids)
    assert result.index.schema == (INDEX if result.mask is None else pa.unify_schemas([INDEX, MASKED]))
    pairs = zip(result.index["offset"].to_pylist(), result.index["tokens"].to_pylist(), strict=True)
    return [ids[offset : offset + tokens].tolist() for offset, tokens in pairs], result.index, result.removed


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


# -- marks ------------------------------------------------------------------------------------------------


def write_table(path: Path, **columns: Any) -> Path:
    """Write columns as Parquet or, by the ending, as Arrow."""
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, 2)
    return path


texts = st.lists(st.lists(st.integers(5, 40), max_size=12), min_size=1, max_size=6)


@given(
    lists=texts,
    side=st.sampled_from(["left", "right"]),
    pad=st.sampled_from([0, 3, 900, -100]),
    suffix=st.sampled_from([".parquet", ".arrow"]),
    labelled=st.booleans(),
)
def test_padded_masked_and_labelled_lists_give_the_real_ids_alone(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], side: str, pad: int, suffix: str, labelled: bool
) -> None:
    longest = max(max(map(len, lists)), 1)

    def filled(values: list[int], value: int) -> list[int]:
        missing = [value] * (longest - len(values))
        return [*missing, *values] if side == "left" else [*values, *missing]

    columns = {
        "input_ids": [filled(values, pad) for values in lists],
        "attention_mask": [filled([1] * len(values), 0) for values in lists],
        "token_type_ids": [[0] * longest for _ in lists],
    }
    if labelled:
        columns["labels"] = [filled(values, -100) for values in lists]
    path = write_table(tmp_path_factory.mktemp("ids") / f"one{suffix}", **columns)
    documents, _, removed = imported(path, vocabulary(bos=1, eos=2, pad=3))
    assert documents == lists
    masked = longest * len(lists) - sum(map(len, lists))
    assert removed == {"bos": 0, "eos": 0, **({"attention_mask": masked} if masked else {})}


@given(lists=texts)
def test_the_pad_token_is_padding_without_a_mask(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]]
) -> None:
    longest = max(map(len, lists)) + 1
    path = tmp_path_factory.mktemp("ids") / "one.npy"
    np.save(path, np.array([[*values, *[3] * (longest - len(values))] for values in lists]))
    documents, _, removed = imported(path, vocabulary(pad=3))
    assert documents == lists
    assert removed == {"pad": longest * len(lists) - sum(map(len, lists))}


def test_packed_batches_are_parted_where_their_marks_say_so(tmp_path: Path) -> None:
    ids = [[5, 6, 7, 8, 9, 0], [10, 11, 12, 13, 0, 0]]
    by_mask = write_table(
        tmp_path / "a.parquet", input_ids=ids, attention_mask=[[1, 1, 2, 2, 3, 0], [1, 2, 2, 2, 0, 0]]
    )
    by_position = write_table(
        tmp_path / "b.parquet",
        input_ids=ids,
        attention_mask=[[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]],
        position_ids=[[0, 1, 0, 1, 0, 1], [0, 0, 1, 2, 0, 0]],
    )
    for path in (by_mask, by_position):
        assert imported(path, vocabulary())[0] == [[5, 6], [7, 8], [9], [10], [11, 12, 13]]


def test_labels_that_train_on_all_text_are_accepted_shifted_or_not(tmp_path: Path) -> None:
    ids = [[5, 6, 2, 3, 3], [1, 7, 8, 9, 2]]
    for labels in (
        [[5, 6, 2, -100, -100], [1, 7, 8, 9, 2]],
        [[5, 6, -100, -100, -100], [-100, 7, 8, 9, -100]],  # where pad is eos, it is not trained on either
        [[6, 2, -100, -100, -100], [7, 8, 9, 2, -100]],
    ):
        path = write_table(tmp_path / "a.parquet", input_ids=ids, labels=labels)
        assert imported(path, vocabulary(bos=1, eos=2, pad=3))[0] == [[5, 6], [7, 8, 9]]
    path = write_table(tmp_path / "b.parquet", input_ids=[[5, 6]], labels=[1])  # the label of the text, not of ids
    assert imported(path, vocabulary())[0] == [[5, 6]]


@pytest.mark.parametrize(
    ("column", "values", "place"),
    [
        ("labels", [[5, 6, 7], [8, 900, 10]], "list 1: label 900 at id 9"),
        ("labels", [[5, 6, 7], [8, 9]], "line 1: 'labels' has 2 values and 'input_ids' has 3"),
        ("labels", [[5, 6, 7], None], "line 1: 'labels' is null"),
        ("attention_mask", [[1, 1], [1, 1, 1]], "line 0: 'attention_mask' has 2 values"),
        ("loss_weights", [[1.0, 0.5, 1.0], [1.0, 1.0, 1.0]], "column 'loss_weights' holds a value for each id"),
    ],
)
def test_marks_that_contradict_the_ids_are_refused_with_their_place(
    tmp_path: Path, column: str, values: Any, place: str
) -> None:
    path = write_table(tmp_path / "a.parquet", input_ids=[[5, 6, 7], [8, 9, 10]], **{column: values})
    assert place in refusal(path)


@given(data=st.data(), eos=st.sampled_from([None, 2]), how=st.sampled_from(["same", "shifted", "mask"]))
def test_the_targets_of_labelled_lists_are_those_of_a_trainer_that_reads_the_labels(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, eos: int | None, how: str
) -> None:
    lists = data.draw(st.lists(st.lists(st.integers(4, 20), min_size=1, max_size=20), min_size=1, max_size=6))
    lists = [[1, *ids, *([] if eos is None else [eos])] for ids in lists]  # begin with BOS, as a chat template has it
    trained = [data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))) for ids in lists]
    labels = [
        [token if yes else -100 for token, yes in zip(ids, of, strict=True)]
        for ids, of in zip(lists, trained, strict=True)
    ]
    columns = {"same": labels, "shifted": [[*row[1:], -100] for row in labels], "mask": trained}
    name = "loss_mask" if how == "mask" else "labels"
    path = write_table(tmp_path_factory.mktemp("ids") / "a.parquet", input_ids=lists, **{name: columns[how]})
    real = [[token for token in row[1:] if token != -100] for row in labels]
    if all(all(of[1:-1]) for of in trained):  # no text is excluded: the file needs no mask
        return
    assert targets(path, vocabulary(bos=1, eos=eos)) == real


def targets(path: Path, id_range: IdRange) -> list[list[int]]:
    """Return the ids of each document that are trained on, and the EOS after them if it is, by the mask of a part."""
    sink = io.BytesIO()
    result = import_ids(path, id_range, LABELS, sink)
    assert result.mask is not None
    ids = np.frombuffer(sink.getvalue(), "<u2")
    assert len(result.mask) == (len(ids) + 7) // 8
    mask = [result.mask[k // 8] >> (k % 8) & 1 for k in range(len(ids))]
    of_documents = []
    for line in result.index.to_pylist():
        inside = range(line["offset"], line["offset"] + line["tokens"])
        assert sum(mask[k] for k in inside) == line["trained"]
        of_documents.append([int(ids[k]) for k in inside if mask[k]] + [id_range.eos] * line["ends"])
    return of_documents


def test_padding_without_a_mark_is_refused_with_its_id_and_text_is_not(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(1, 1000, (20, 64))
    np.save(tmp_path / "text.npy", rows)
    assert imported(tmp_path / "text.npy", vocabulary())[0] == rows.tolist()
    rows[:, 40:] = 0
    np.save(tmp_path / "padded.npy", rows)
    assert "38% of its ids are in long runs of id 0" in refusal(tmp_path / "padded.npy")
    rows.astype("<u2").tofile(tmp_path / "flat.bin")
    assert "runs of id 0" in refusal(tmp_path / "flat.bin")
    assert imported(tmp_path / "padded.npy", vocabulary(pad=0))[0] == rows[:, :40].tolist()
    assert imported(tmp_path / "padded.npy", vocabulary(eos=0))[0] == rows[:, :40].tolist()


@pytest.mark.fault(14)
def test_an_empty_file_gives_no_document(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert imported(tmp_path / "empty.bin", vocabulary())[0] == []


def test_the_samples_of_padding_labels_and_nulls_are_read_or_refused(samples: Path) -> None:
    cases = samples / "cases/models-out"
    id_range = vocabulary(8192, bos=8189, pad=8191)
    documents, index, removed = imported(cases / "padded_mask.parquet", id_range)
    table = pq.read_table(cases / "padded_mask.parquet")
    kept = [
        [token for token, real in zip(ids, mask, strict=True) if real and token != 8189]
        for ids, mask in zip(table["input_ids"].to_pylist(), table["attention_mask"].to_pylist(), strict=True)
    ]
    assert [document for document in documents if document] == [ids for ids in kept if ids]
    assert sum(removed.values()) + sum(index["tokens"].to_pylist()) == 60 * 512
    table = pq.read_table(cases / "sft_labels.parquet")
    real = [
        [target for target in labels[1:] if target != -100]  # of the first id nothing is predicted
        for labels in table["labels"].to_pylist()
    ]
    assert targets(cases / "sft_labels.parquet", id_range) == real
    nulls = pq.read_table(cases / "null_row.parquet")["input_ids"].to_pylist()
    line = next(number for number, ids in enumerate(nulls) if ids is None or None in ids)
    assert f"line {line}: 'input_ids'" in refusal(cases / "null_row.parquet", id_range)
