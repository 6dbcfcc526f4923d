"""Single flipped bits, times restored, in every file of a build, each followed by a consumer: none is silent.

`ARCORP_FLIPS=300 pytest tests/faults/test_flips.py` for many; a few in the suite. A consumer refuses in one sentence
that names the file, or mends it to the same bytes (`build`), or gives exactly what it gives for the undamaged build,
because it does not read that file.
"""

import contextlib
import io
import os
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from builds import build, tree
from tiny import small_dataset
from trainings import arguments, lines, torchrun, weights_of

from pipelines import cli
from sharding import Dataset
from sharding.proving import DamagedFile, Share
from training import train

FLIPS = int(os.environ.get("ARCORP_FLIPS", "16"))

DOCUMENTS = ("raw", "documents", "unique")
READERS = {
    "trainer": ("dataset",),
    "export": ("dataset",),
    "mix": ("dataset",),
    "inspect row": ("dataset",),
    "inspect document": ("dataset",),
    "build": (*DOCUMENTS, "tokenizer", "tokens", "dataset", "verified"),
    "verify": (*DOCUMENTS, "tokenizer", "tokens", "dataset", "verified"),
    "report": (*DOCUMENTS, "tokenizer", "tokens", "dataset", "verified"),
    "dedup": ("documents",),
    "train tokenizer": ("unique",),
    "export tokenizer": ("tokenizer",),
    "fertility": ("tokenizer", "unique"),
    "tokenize": ("tokenizer", "unique"),
    "pack": ("tokens",),
}
"""Each consumer, and the folders of a build that it may be asked to read."""

REFUSED = (3, 4, 5)


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file. Its size and times stay."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def consume(name: str, out: Path, document: str, scratch: Path) -> tuple[int, str, object]:
    """Run a consumer on a build in `out`. Returns its exit code, its stderr and its output."""
    dataset, unique, tokenizer, into = out / "dataset", out / "unique", out / "tokenizer", scratch / "out"
    corpora = [str(path) for path in sorted((out / "documents").iterdir())]
    config = scratch / "mix.yaml"
    config.write_text("{batch_rows: 4, phases: [{name: all, steps: 3}]}")
    alone = ("--workers", "1")
    commands = {
        "export": ["export", dataset, "--to", "parquet", "--out", into],
        "mix": ["mix", dataset, "--config", config, "--out", dataset / "second.json"],
        "inspect row": ["inspect", dataset, "--row", "3", "--format", "json"],
        "inspect document": ["inspect", dataset, "--document", document, "--format", "json"],
        "verify": ["verify", out],
        "report": ["report", out],
        "dedup": ["dedup", *corpora, "--out", into, *alone],
        "train tokenizer": ["tokenizer", "train", unique, "--vocab-size", "512", "--out", into, *alone],
        "export tokenizer": ["tokenizer", "export", tokenizer, "--to", "hf", "--out", into, *alone],
        "fertility": ["fertility", tokenizer, "--docs", unique, "--out", into],
        "tokenize": ["tokenize", unique, "--tokenizer", tokenizer, "--out", into, *alone],
        "pack": ["pack", out / "tokens", "--row-tokens", "64", "--out", into, *alone],
    }
    message, shown = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(message), contextlib.redirect_stdout(shown):
        if name == "trainer":
            code = train.main(arguments(dataset, into, width=16, heads=2, steps=3, batch_rows=4))
        elif name == "build":
            code = build(out, "--workers", "1")
        else:
            code = cli.run([str(word) for word in commands[name]])
    given: object = tree(into) if into.is_dir() else None
    if name == "build":
        given = tree(out)
    elif name == "mix":
        given = (dataset / "second.json").read_bytes() if code == 0 else None
        (dataset / "second.json").unlink(missing_ok=True)
    elif name == "report":
        pages = [out / "report.html", out / "report.json", dataset / "README.md"]
        given = [path.read_bytes() for path in pages] if code == 0 else None
        for path in pages:
            path.unlink(missing_ok=True)
    elif name.startswith("inspect"):
        given = shown.getvalue()
    if isinstance(given, dict):
        given = {file: digest for file, digest in given.items() if not file.endswith("timings.jsonl")}
    return code, message.getvalue(), given


def a_document(out: Path) -> str:
    return str(pq.read_table(sorted((out / "unique").glob("*.parquet"))[0], columns=["id"])["id"][5])


def differing(right: object, given: object) -> list[str]:
    """Names of the files that two trees don't have in common."""
    if not isinstance(right, dict) or not isinstance(given, dict):
        return []
    return sorted(name for name in right.keys() | given.keys() if right.get(name) != given.get(name))


@pytest.mark.fault(37)
@pytest.mark.slow
def test_no_flipped_bit_is_silent(copy, tmp_path, record_property):
    files = [path for path in sorted(copy.rglob("*")) if path.is_file() and ".arcorp" not in path.parts]
    files = [path for path in files if path.relative_to(copy).parts[0] in READERS["build"]]
    document = a_document(copy)
    dice, right, wrong, outcomes = random.Random(37), {}, [], {}
    for turn in range(FLIPS):
        path = dice.choice(files)
        place = path.relative_to(copy)
        name = dice.choice([reader for reader, read in READERS.items() if place.parts[0] in read])
        scratch = tmp_path / str(turn)
        scratch.mkdir()
        if name not in right:
            (scratch / "right").mkdir()
            code, message, given = consume(name, copy, document, scratch / "right")
            assert code == 0, (name, message)
            right[name] = given
        data, bit = path.read_bytes(), dice.randrange(8 * path.stat().st_size)
        flip(path, bit)
        code, message, given = consume(name, copy, document, scratch)
        last = message.strip().splitlines()[-1] if message.strip() else ""
        if code in REFUSED:
            outcome = (
                "refused"
                if path.name in message and "Traceback" not in message and "a bug" not in message
                else "badly"
            )
        else:
            outcome = "same" if code == 0 and given == right[name] else "silent"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if outcome not in ("refused", "same"):
            wrong.append(
                f"{outcome}: {name} of {place}, bit {bit}: code {code}: {last}{differing(right[name], given)}"
            )
        if path.read_bytes() != data:
            path.write_bytes(data)
        shutil.rmtree(scratch)
    record_property("times", FLIPS)
    record_property("outcomes", str(outcomes))
    assert not wrong, "\n".join(wrong)


def shard_of(dataset: Path, split: str = "train") -> Path:
    return sorted((dataset / "shards").glob(f"{split}-*.bin"))[0]


def refusal(dataset: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Train on a damaged dataset: exit code 4, nothing kept. Returns the sentence."""
    capsys.readouterr()
    assert train.main(arguments(dataset, out)) == 4
    assert not list((out / "checkpoints").glob("*")), "no checkpoint of rows that were not proven"
    assert not (out / "samples.json").exists()
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.fault(38)
@pytest.mark.parametrize("bit", [0, 15], ids=["low", "high"])
def test_the_trainer_names_shard_step_rows_and_documents_of_a_flipped_bit(tmp_path, capsys, bit):
    dataset = small_dataset(tmp_path / "data")
    path = shard_of(dataset)
    flip(path, 16 * 40 + bit)  # row 1, id 8
    message = refusal(dataset, tmp_path / "out", capsys)
    assert re.match(
        rf"error: {path}: .*; step \d+ reads its train rows \d+.*; row \d+ holds the documents \d+", message
    )
    if bit == 15:
        assert "row 1 holds id" in message


@pytest.mark.fault(38)
@pytest.mark.parametrize("name", ["train-00000-of-00001.seg", "validation-00000-of-00001.bin", "token_bytes.npy"])
def test_the_trainer_refuses_whatever_it_reads_of_a_damaged_dataset(tmp_path, capsys, name):
    dataset = small_dataset(tmp_path / "data")
    (path,) = dataset.rglob(name)
    for bit in (8 * path.stat().st_size - 16, 8 * path.stat().st_size // 2 + 3):
        flip(path, bit)
        assert str(path) in refusal(dataset, tmp_path / f"out-{bit}", capsys)
        flip(path, bit)


@pytest.mark.fault(38)
def test_a_run_continues_once_the_shard_is_mended_as_if_undisturbed(tmp_path, capsys):
    dataset = small_dataset(tmp_path / "data")
    assert train.main(arguments(dataset, tmp_path / "right")) == 0
    flip(shard_of(dataset), 77)
    refusal(dataset, tmp_path / "out", capsys)
    flip(shard_of(dataset), 77)
    assert train.main(arguments(dataset, tmp_path / "out")) == 0
    assert lines(tmp_path / "out") == lines(tmp_path / "right")
    assert (tmp_path / "out" / weights_of(12)).read_bytes() == (tmp_path / "right" / weights_of(12)).read_bytes()


@pytest.mark.fault(38)
@pytest.mark.slow
def test_ranks_share_the_shards_and_all_end_where_one_is_damaged(copy, tmp_path):
    dataset = copy / "dataset"
    flip(sorted((dataset / "shards").glob("train-*.bin"))[1], 5)  # the share of the second rank
    process = torchrun(dataset, tmp_path / "out", ranks=2)
    _, message = process.communicate()
    assert process.returncode != 0
    assert "train-00001-of" in message
    assert "sha256 differs from the seal" in message
    assert not list((tmp_path / "out" / "checkpoints").glob("*"))


@pytest.mark.fault(38)
def test_a_reader_gives_no_row_of_a_damaged_shard_and_asks_again_each_time(tmp_path):
    path = small_dataset(tmp_path / "data")
    flip(shard_of(path), 3)
    data = Dataset(path)
    for _ in range(2):
        with pytest.raises(
            DamagedFile, match=r"train-00000-of-00001\.bin: its sha256 differs.*step 3 reads its train rows"
        ):
            data.batch(2)
        with pytest.raises(DamagedFile, match="the reader reads its train rows 0; row 0 holds the documents"):
            data.train.read([0])
    assert len(data.validation.read([0]).ids) == 1


@pytest.mark.fault(38)
def test_a_shard_that_changes_after_its_proof_is_proven_again(tmp_path):
    path = small_dataset(tmp_path / "data")
    data = Dataset(path, beside=Share())
    data.batch(0)
    data.settle()
    os.utime(shard_of(path))  # other times, the same bytes
    data.settle()
    flip(shard_of(path), 9)
    with pytest.raises(DamagedFile, match=r"train-00000-of-00001\.bin"):
        data.settle()


@pytest.mark.fault(38)
def test_a_share_of_the_shards_is_hashed_by_each_process_and_every_shard_by_one(copy):
    shards = sorted((copy / "dataset" / "shards").glob("train-*.bin"))
    assert len(shards) > 1
    for number, shard in enumerate(shards):
        flip(shard, 1)
        failed = []
        for index in range(2):
            data = Dataset(copy / "dataset", beside=Share(index, 2))
            for step in range(data.steps):
                data.train.touch(data.rows_of(step), step)
            data.train.touch(np.arange(data.train.rows))
            with contextlib.suppress(DamagedFile):
                data.settle()
            failed.append(data.failure is not None)
        assert failed == [number % 2 == 0, number % 2 == 1]
        flip(shard, 1)
