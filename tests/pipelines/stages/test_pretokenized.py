"""Packing ids of other programs gives the dataset that arcorp's tokens give."""

import itertools
import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import cli
from sharding import Dataset
from sharding.layout import SPLITS
from sharding.seal import Sealed
from tokenization.model import Tokenizer


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


def rows_of(dataset):
    """Return the training and validation rows of a dataset, each as ids, by split."""
    data = Dataset(dataset, None)
    return {name: getattr(data, name).read(range(getattr(data, name).rows)).ids.tolist() for name in SPLITS}


def real_lists(built, count=40):
    """Return the ids of the first documents, and the ids of BOS, EOS and the pad token."""
    tokens = Sealed(built / "tokens", "tokenize")
    name = tokens.names(prefix="part-", suffix=".parquet")[0]
    index = pq.read_table(built / "tokens" / name)
    ids = np.fromfile((built / "tokens" / name).with_suffix(".bin"), tokens.manifest.summary["dtype"])
    bounds = np.append(index["offset"].to_numpy(), len(ids))
    lists = [ids[begin:end].tolist()[:200] for begin, end in itertools.pairwise(bounds)][:count]
    tokenizer = Tokenizer.load(built / "tokenizer")
    return lists, tokenizer.bos, tokenizer.eos, tokenizer.pad


def test_padded_masked_and_labelled_files_give_the_targets_of_the_real_ids(built, tmp_path):
    lists, bos, _, pad = real_lists(built)
    tokenizer = built / "tokens" / "tokenizer"
    full = [[bos, *ids] for ids in lists]
    longest = max(map(len, full))
    padded = [ids + [pad] * (longest - len(ids)) for ids in full]
    masks = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in full]
    labels = [ids + [-100] * (longest - len(ids)) for ids in full]
    zeros = [ids + [0] * (longest - len(ids)) for ids in full]
    for name, columns in {
        "real": {"input_ids": lists},
        "masked": {"input_ids": zeros, "attention_mask": masks},
        "labelled": {"input_ids": padded, "attention_mask": masks, "labels": labels},
        "pads": {"input_ids": padded},
    }.items():
        folder = tmp_path / name / "data"  # as on the Hub
        folder.mkdir(parents=True)
        pq.write_table(pa.table(columns | {"id": list(map(str, range(len(lists))))}), folder / "train-00000.parquet")
        assert pack(tmp_path / f"{name}-rows", tmp_path / name, "--tokenizer", tokenizer) == 0
        assert rows_of(tmp_path / f"{name}-rows") == rows_of(tmp_path / "real-rows")
        counts = Sealed(tmp_path / f"{name}-rows-tokens").manifest.counts["tokens"]
        pads = longest * len(lists) - sum(map(len, full))
        reason = {"real": {}, "pads": {"pad": pads}}.get(name, {"attention_mask": pads})
        expected = reason | ({} if name == "real" else {"bos": len(lists)})
        assert {key: count for key, count in counts.dropped.items() if count} == expected
        assert counts.out == sum(map(len, lists))
    assert cli.run(["verify", str(tmp_path / "pads-rows"), "--level", "deep", "--format", "quiet"]) == 0


def test_the_targets_of_labelled_files_are_the_real_ones(built, tmp_path):
    """The targets by the labels, counted as transformers counts them, are those of the rows."""
    lists, bos, eos, pad = real_lists(built)
    random = np.random.default_rng(0)
    full = [[bos, *ids, eos] for ids in lists]
    answers = [random.random(len(ids)) < 0.5 for ids in full]
    longest = max(map(len, full))
    columns = {
        "input_ids": [ids + [pad] * (longest - len(ids)) for ids in full],
        "attention_mask": [[1] * len(ids) + [0] * (longest - len(ids)) for ids in full],
        "labels": [
            [*np.where(trained, ids, -100), *[-100] * (longest - len(ids))]
            for ids, trained in zip(full, answers, strict=True)
        ],
        "id": [str(number) for number in range(len(full))],
    }
    pq.write_table(pa.table(columns), tmp_path / "sft.parquet")
    tokenizer = built / "tokens" / "tokenizer"
    out = tmp_path / "rows"
    assert pack(out, tmp_path / "sft.parquet", "--tokenizer", tokenizer, "--set", "eos=true") == 0
    data = Dataset(out, None)
    assert (data.layout.bos, data.layout.eos) == (bos, eos)
    real = {
        (number, place): full[number][place]
        for number, labels in enumerate(columns["labels"])
        for place in range(1, longest)
        if labels[place] != -100
    }
    targets, cut = {}, 0
    for split in (data.train, data.validation):
        batch = split.read(range(split.rows))
        for ids, is_target, segments in zip(batch.ids, batch.is_target, batch.segments, strict=True):
            for document, offset, position, length in segments.tolist():
                for k in range(length):
                    if is_target[position + k]:
                        assert (document, offset + k) not in targets
                        targets[document, offset + k] = ids[position + k]
                if offset:  # the id after a cut follows nothing
                    assert not is_target[position]
                    cut += (document, offset) in real
    tail = json.loads((out / "plan.json").read_bytes())["splits"]
    lost = {
        (document, offset + k)
        for split in tail.values()
        for stratum in split["strata"]
        for document, offset, length in stratum["tail"]
        for k in range(length)
    }
    assert targets.items() <= real.items()
    assert len(targets) + cut + len(lost & real.keys()) == len(real)
    assert sum(s.trained for s in (*data.train.strata, *data.validation.strata)) == sum(
        full[document][place] != eos for document, place in real
    )
    assert sorted(path.suffix for path in (out / "shards").iterdir()) == sorted([".bin", ".json", ".mask", ".seg"] * 2)
    assert cli.run(["verify", str(out), "--level", "deep", "--format", "quiet"]) == 0


def test_folders_of_datasets_are_read_as_their_files_name_them(built, tmp_path, capsys):
    lists, *_ = real_lists(built)
    tokenizer = built / "tokens" / "tokenizer"
    saved = datasets.Dataset.from_dict({"input_ids": lists, "id": list(map(str, range(len(lists))))})
    saved.save_to_disk(tmp_path / "saved", num_shards=3)
    (tmp_path / "saved" / "cache-1.arrow").write_bytes(b"another dataset")
    saved.to_parquet(tmp_path / "nested/en/more.parquet")
    for name in ("saved", "nested"):
        assert pack(tmp_path / f"{name}-rows", tmp_path / name, "--tokenizer", tokenizer) == 0
    saved_rows, nested_rows = (np.array(rows_of(tmp_path / f"{name}-rows")["train"]) for name in ("saved", "nested"))
    assert np.array_equal(np.sort(saved_rows, axis=None), np.sort(nested_rows, axis=None))
    datasets.DatasetDict(train=saved, test=saved).save_to_disk(tmp_path / "both")
    capsys.readouterr()
    assert pack(tmp_path / "both-rows", tmp_path / "both", "--tokenizer", tokenizer) == 2
    error = capsys.readouterr().err
    assert all(part in error for part in (str(tmp_path / "both"), "train", "test"))
    assert pack(tmp_path / "both-rows", tmp_path / "both" / "train", "--tokenizer", tokenizer) == 0
    state = json.loads((tmp_path / "saved/state.json").read_text())
    for changed in (state | {"_indices_data_files": [{"filename": "i.arrow"}]}, {}, []):
        (tmp_path / "saved/state.json").write_text(json.dumps(changed))
        assert pack(tmp_path / "again", tmp_path / "saved", "--tokenizer", tokenizer) == 3
        assert str(tmp_path / "saved/state.json") in capsys.readouterr().err


def test_a_changed_index_of_megatron_is_another_input(built, tmp_path):
    tokenizer = built / "tokens" / "tokenizer"
    assert cli.run(["export", str(built / "dataset"), "--to", "megatron", "--out", str(tmp_path / "theirs")]) == 0
    files = tmp_path / "theirs" / "train.bin"
    assert pack(tmp_path / "rows", files, "--tokenizer", tokenizer) == 0
    index = files.with_suffix(".idx")
    documents = Sealed(tmp_path / "rows-tokens").manifest.counts["documents"].input
    assert documents >= Dataset(built / "dataset").steps
    index.write_bytes(index.read_bytes()[:-1] + b"\x01")
    assert pack(tmp_path / "rows", files, "--tokenizer", tokenizer) != 0


def test_names_of_languages_in_files_of_ids_become_labels(built, tmp_path):
    names = ["ar", "Egyptian Arabic", "arz_Arab", "Jupyter Notebook"]
    ids = [[number % 90 + 9 for number in range(200)] for _ in names]
    pq.write_table(pa.table({"input_ids": ids, "language": names}), tmp_path / "a.parquet")
    tokenizer = built / "tokens" / "tokenizer"
    assert pack(tmp_path / "out", tmp_path / "a.parquet", "--tokenizer", tokenizer, "--language", "English") == 0
    index = pq.read_table(tmp_path / "out-tokens" / "part-00000.parquet")
    assert index["language"].to_pylist() == ["arb_Arab", "arz_Arab", "arz_Arab", "Jupyter-Notebook"]
