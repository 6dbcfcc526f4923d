"""Masks, labels and padding of imported ids: the real ids are kept, and what is trained on is known."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.packing import IdRange, import_ids
from tests.sharding.packing.foreign import LABELS, imported, refusal, vocabulary


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
