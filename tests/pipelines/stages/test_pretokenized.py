"""Packing ids of other programs gives the dataset that arcorp's tokens give."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import cli
from sharding import Dataset
from sharding.seal import Sealed


def pack(out, *arguments):
    size = ["--row-tokens", "64", "--set", "validation.share=0.02", "--format", "quiet"]
    return cli.run(["pack", *map(str, arguments), "--out", str(out), *size])


def test_exported_ids_are_packed_into_the_same_rows(built, tmp_path):
    tokens = Sealed(built / "tokens", "tokenize")
    files = tmp_path / "ids"
    files.mkdir()
    for name in tokens.names(prefix="part-", suffix=".parquet"):
        index = pq.read_table(built / "tokens" / name)
        ids = np.fromfile((built / "tokens" / name).with_suffix(".bin"), tokens.manifest.summary["dtype"])
        bounds = np.append(index["offset"].to_numpy(), len(ids))
        lists = pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), pa.array(ids))
        pq.write_table(index.append_column("input_ids", lists), files / name)
    assert pack(tmp_path / "theirs", files, "--tokenizer", built / "tokens" / "tokenizer") == 0
    assert pack(tmp_path / "ours", built / "tokens") == 0
    shards = sorted(path.name for path in (tmp_path / "ours" / "shards").iterdir() if path.suffix != ".json")
    for name in shards:
        assert (tmp_path / "theirs" / "shards" / name).read_bytes() == (
            tmp_path / "ours" / "shards" / name
        ).read_bytes()
    ours, theirs = (Sealed(tmp_path / name).manifest.summary for name in ("ours", "theirs"))
    assert theirs == ours
    assert cli.run(["verify", str(tmp_path / "theirs"), "--level", "deep", "--format", "quiet"]) == 0


def test_a_file_of_ids_needs_a_tokenizer_and_gives_its_ids(built, tmp_path, capsys):
    ids = np.random.default_rng(0).integers(0, 900, 6400).astype("<u2")
    ids.tofile(tmp_path / "train.bin")
    assert pack(tmp_path / "out", tmp_path / "train.bin") == 5
    tokenizer = built / "tokens" / "tokenizer"
    assert pack(tmp_path / "out", tmp_path / "train.bin", "--tokenizer", tokenizer) == 0
    data = Dataset(tmp_path / "out", None)
    assert (data.train.rows, [s.name for s in data.train.strata]) == (100, ["pretokenized/und/unknown"])
    assert (data.train.read(range(100)).ids.reshape(-1)[1:] == ids[:-1]).all()  # after a BOS
    assert pack(tmp_path / "none", tmp_path / "nothing.txt", "--tokenizer", tokenizer) == 2
    assert "nothing.txt" in capsys.readouterr().err


def test_several_folders_of_tokens_are_packed_together(built, tmp_path):
    ids = np.random.default_rng(0).integers(0, 900, (40, 300)).astype("<u2")
    np.save(tmp_path / "more.npy", ids)
    tokenizer = built / "tokens" / "tokenizer"
    assert pack(tmp_path / "more", tmp_path / "more.npy", "--tokenizer", tokenizer) == 0
    assert pack(tmp_path / "both", built / "tokens", tmp_path / "more-tokens") == 0
    assert pack(tmp_path / "ours", built / "tokens") == 0
    rows = {name: Dataset(tmp_path / name, None) for name in ("both", "ours", "more")}
    names = {stratum.name for stratum in rows["both"].train.strata}
    assert names == {stratum.name for name in ("ours", "more") for stratum in rows[name].train.strata}
    documents = Sealed(tmp_path / "both").manifest.counts["documents"]
    assert documents.input == 40 + Sealed(tmp_path / "ours").manifest.counts["documents"].input
