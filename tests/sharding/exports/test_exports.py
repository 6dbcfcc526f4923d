"""Exports: the readers of other trainers return the rows of the dataset in the order of its schedule."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sharding.errors import OptionError
from sharding.exports import FORMATS, export, llmc, parquet
from sharding.rows import Dataset
from sharding.seal import hash_file
from tests.sharding.corpus import mixed_documents, pack, random_documents, with_options, write_tokens


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 4-byte ids."""
    folder = tmp_path_factory.mktemp("wide")
    tokens = write_tokens(folder / "tokens", random_documents(200, vocab=76_800), vocab_size=76_800)
    return pack(folder / "dataset", [tokens], with_options(bos=76_799))


def expected(folder: Path, unique: bool) -> np.ndarray:
    data = Dataset(folder)
    rows = np.arange(data.train.rows) if unique else data.schedule.rows_of(0, data.steps).reshape(-1)
    return data.train.read(rows).ids


@pytest.mark.parametrize("to", FORMATS)
def test_exported_files_are_recorded_and_reproducible(dataset: Path, tmp_path: Path, to: str) -> None:
    for name in ("one", "two"):
        files = export(Dataset(dataset), to, tmp_path / name)
        assert files == {path.name: hash_file(path) for path in (tmp_path / name).iterdir()}
    assert files == export(Dataset(dataset), to, tmp_path / "one")


def test_an_unknown_format_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="'mds' is unknown; choose one of megatron"):
        export(Dataset(dataset), "mds", tmp_path)


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("size", ["dataset", "wide"])
def test_megatron_files_follow_the_documented_header(
    request: pytest.FixtureRequest, tmp_path: Path, size: str, unique: bool
) -> None:
    folder = request.getfixturevalue(size)
    export(Dataset(folder), "megatron", tmp_path, unique=unique)
    rows = expected(folder, unique)
    index = (tmp_path / "train.idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, bounds = struct.unpack_from("<QBQQ", index, 9)
    assert (version, code, sequences, bounds) == (1, 8 if size == "dataset" else 4, len(rows), len(rows) + 1)
    lengths = np.frombuffer(index, "<i4", sequences, 34)
    pointers = np.frombuffer(index, "<i8", sequences, 34 + lengths.nbytes)
    documents = np.frombuffer(index, "<i8", bounds, 34 + lengths.nbytes + pointers.nbytes)
    assert 34 + lengths.nbytes + pointers.nbytes + documents.nbytes == len(index)
    assert documents.tolist() == list(range(len(rows) + 1))
    for k in range(len(rows)):
        ids = np.fromfile(tmp_path / "train.bin", "<u2" if code == 8 else "<i4", lengths[k], offset=int(pointers[k]))
        assert (ids == rows[k]).all()


@pytest.mark.parametrize("size", ["dataset", "wide"])
def test_datatrove_files_are_read_by_datatrove(request: pytest.FixtureRequest, tmp_path: Path, size: str) -> None:
    pytest.importorskip("torch")
    from datatrove.utils.dataset import DatatroveFileDataset

    folder = request.getfixturevalue(size)
    data = Dataset(folder)
    export(data, "datatrove", tmp_path, unique=True)
    token_size = 2 if size == "dataset" else 4
    items = DatatroveFileDataset(str(tmp_path / "train.ds"), data.row_tokens - 1, token_size, return_positions=True)
    assert len(items) == data.train.rows
    batch = data.train.read(np.arange(data.train.rows))
    for k in range(len(items)):
        assert (items[k]["input_ids"].numpy() == batch.ids[k]).all()
        assert ((items[k]["positions"].numpy() == 0) == batch.starts[k]).all()
    name, tokens, _ = (tmp_path / "train.ds.metadata").read_text().split("\n")
    assert name == f"tokenizer/tokenizer.json|{token_size}"
    assert int(tokens) == batch.ids.size


@pytest.mark.parametrize(("size", "magic", "version"), [("dataset", 20240520, 1), ("wide", 20240801, 7)])
def test_llmc_files_follow_the_documented_header(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: str,
    magic: int,
    version: int,
) -> None:
    monkeypatch.setattr(llmc, "FILE_TOKENS", 64 * 31 + 5)
    folder = request.getfixturevalue(size)
    export(Dataset(folder), "llmc", tmp_path)
    files = []
    for path in sorted(tmp_path.glob("train_*.bin")):
        header = np.fromfile(path, "<i4", 256)
        ids = np.fromfile(path, Dataset(folder).layout.dtype, offset=1024)
        assert header[:3].tolist() == [magic, version, len(ids)]
        assert not header[3:].any()
        files.append(ids)
    assert len(files) == 4
    assert (np.concatenate(files) == expected(folder, False).reshape(-1)).all()
    assert (tmp_path / "val_000000.bin").exists()


def test_nanogpt_files_contain_ids_only(dataset: Path, wide: Path, tmp_path: Path) -> None:
    export(Dataset(dataset), "nanogpt", tmp_path)
    assert (np.fromfile(tmp_path / "train.bin", "<u2") == expected(dataset, False).reshape(-1)).all()
    validation = Dataset(dataset).validation
    rows = validation.read(np.arange(validation.rows)).ids
    assert (np.fromfile(tmp_path / "val.bin", "<u2") == rows.reshape(-1)).all()
    with pytest.raises(OptionError, match="16-bit ids only, this vocabulary has 76800; export to"):
        export(Dataset(wide), "nanogpt", tmp_path / "wide")


@pytest.mark.parametrize("unique", [True, False])
def test_parquet_files_contain_rows_and_the_origin_of_their_tokens(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique: bool
) -> None:
    monkeypatch.setattr(parquet, "FILE_ROWS", 50)
    files = export(Dataset(dataset), "parquet", tmp_path, unique=unique)
    table = pq.read_table([tmp_path / name for name in sorted(files) if name.startswith("train")])
    assert np.array_equal(np.array(table["input_ids"].to_pylist()), expected(dataset, unique))
    streams = {document.id: [1, *document.ids, 2] for document in mixed_documents()}
    for line in table.slice(0, 40).to_pylist():
        first = 0
        for document, offset, length in zip(line["documents"], line["offsets"], line["lengths"], strict=True):
            assert line["input_ids"][first : first + length] == streams[document][offset : offset + length]
            assert line["position_ids"][first : first + length] == list(range(length))
            first += length
        assert first == 64


@pytest.mark.slow
def test_megatron_files_are_read_by_megatron(dataset: Path, wide: Path, tmp_path: Path) -> None:
    python = Path(__file__).parents[3] / ".venv-bench-trl" / "bin" / "python"
    if not python.exists():
        pytest.skip("megatron-core is not installed; run `make bench-env`")
    for name, folder in (("narrow", dataset), ("wide", wide)):
        export(Dataset(folder), "megatron", tmp_path / name)
    code = (
        "import numpy; from megatron.core.datasets.indexed_dataset import IndexedDataset\n"
        "for name in ('narrow', 'wide'):\n"
        "    rows = IndexedDataset(name + '/train')\n"
        "    numpy.save(name, numpy.stack([rows[k] for k in range(len(rows))]))\n"
    )
    subprocess.run([str(python), "-W", "ignore", "-c", code], check=True, cwd=tmp_path, stderr=subprocess.DEVNULL)
    for name, folder in (("narrow", dataset), ("wide", wide)):
        assert (np.load(tmp_path / f"{name}.npy") == expected(folder, False)).all()
