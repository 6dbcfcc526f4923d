"""Refusals are one sentence with the right exit code: records, tokenizers, read-only folders, nameless errors.

Every test runs a command of `arcorp` on a copy of a small build that was harmed in one place.
"""

import errno
import json
import os
import random
import shutil
from pathlib import Path

import pytest
from builds import SETTINGS, build, tree

from examples import EXAMPLES
from pipelines import cli
from pipelines.errors import as_failure
from pipelines.slurm import step
from sharding import seal

HARM = {
    "empty": b"",
    "cut": b'{"name": "de',
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "wrong types": b'{"name": [1], "parts": "x", "missing": {"a": null}, "began": [], "message": 1, "exit_code": "y"}',
    "nested": b"[" * 100_000,
    "no UTF-8": b"\xff\xfe{",
    "NUL": b"\x00" * 4096,
}


def refused(arguments: list[str], capfd: pytest.CaptureFixture[str], code: int | None = None) -> str:
    """Run a command that may refuse. Returns its stderr, which is free of tracebacks, bugs and panics."""
    exit_code = cli.run([*arguments, "--format", "quiet"])
    message = capfd.readouterr().err
    for word in ("Traceback", "a bug", "panicked", "stack backtrace"):
        assert word not in message
    if code is not None:
        assert exit_code == code, message
    elif exit_code:
        assert exit_code in (2, 3, 4, 5), message
    if exit_code:
        assert len(message.strip().splitlines()) == 1, message
    return message


# -- 43: records ------------------------------------------------------------------------------------------


def records(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(".arcorp/**/*.json") if path.is_file())


@pytest.mark.fault(43)
@pytest.mark.parametrize("first", range(0, len(HARM), 4 if EXAMPLES <= 40 else 1))
def test_a_build_with_harmed_records_continues_or_names_the_file_and_continues_without_it(
    copy, capfd, monkeypatch, first
):
    """Each record is harmed in another way. A refused record can be deleted, because a sealed folder needs none."""
    monkeypatch.setenv("PATH", "/nonexistent")  # no SLURM that could be asked for the jobs of an earlier launch
    before = tree(copy)
    seal.write_json(copy / "tokens/.arcorp/plan.json", {"parts": ["a/b"], "missing": [0], "began": 1.0})
    seal.write_json(copy / "tokens/.arcorp/faults.json", ["part-00000.ids.bin"])
    seal.write_json(copy / ".arcorp/slurm/failure.json", {"message": "a", "exit_code": 1})
    harmed = [path for path in records(copy) if path.parent != copy / ".arcorp"]
    assert len(harmed) > 8
    for number, path in enumerate(harmed, first):
        path.write_bytes([*HARM.values()][number % len(HARM)])
    refused(["status", str(copy)], capfd)
    refused(["report", str(copy)], capfd)
    command = ["build", "demo", "--out", str(copy), "--until", "verify", *SETTINGS]
    for _ in harmed:
        message = refused(command, capfd)
        if not message:
            break
        named = [path for path in harmed if path.exists() and f"{path} " in message]
        assert len(named) == 1, message
        assert "delete it" in message
        named[0].unlink()
    assert build(copy, "--format", "quiet") == 0
    assert tree(copy).items() >= before.items()  # the report adds a card


@pytest.mark.fault(43)
@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("name", ["recipe.json", "folders.json"])
def test_a_build_whose_own_records_are_harmed_is_refused_by_name_and_its_files_stay(copy, capfd, name, harm):
    """Only these records show that the folder is a build of arcorp, and which folders belong to it."""
    path = copy / ".arcorp" / name
    path.write_bytes(HARM[harm])
    before = tree(copy)
    message = refused(["build", "demo", "--out", str(copy), "--until", "verify", *SETTINGS], capfd)
    assert not message or str(path) in message
    assert tree(copy) == before


@pytest.mark.fault(43)
@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_record_of_an_unsealed_stage_is_refused_by_name_and_its_parts_stay(copy, capfd, harm):
    """Only the record shows which stage wrote the parts."""
    path = copy / "tokens/.arcorp/stage.json"
    path.write_bytes(HARM[harm])
    (copy / "tokens/manifest.json").unlink()
    parts = tree(copy / "tokens")
    message = refused(["build", "demo", "--out", str(copy), "--until", "verify", *SETTINGS], capfd)
    assert str(path) in message
    assert tree(copy / "tokens").items() >= parts.items()


@pytest.mark.fault(43)
@pytest.mark.parametrize("harm", HARM)
def test_a_step_on_a_cluster_with_a_harmed_launch_ends_with_a_sentence(tmp_path, capfd, harm):
    launch = tmp_path / ".arcorp/slurm/launch.json"
    launch.parent.mkdir(parents=True)
    for data in (HARM[harm], json.dumps({"launch": "a", "recipe": {"name": 3}, "until": None}).encode()):
        launch.write_bytes(data)
        with pytest.raises(SystemExit) as caught:
            step(tmp_path, training=False)
        err = capfd.readouterr().err
        assert caught.value.code == 2, err
        assert str(launch) in err
        assert "Traceback" not in err


@pytest.mark.fault(43)
def test_a_lost_note_of_damaged_files_has_every_file_hashed(copy, capfd):
    """`verify` has noted a flipped bit that size and time can't show; then the note is cut."""
    before = tree(copy)
    path = next((copy / "dataset/shards").glob("*.bin"))
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    refused(["verify", str(copy / "dataset")], capfd, 4)
    (copy / "dataset/.arcorp/faults.json").write_bytes(b"[")
    assert build(copy, "--format", "quiet") == 0
    assert tree(copy) == before


# -- 44: tokenizers ---------------------------------------------------------------------------------------

VALUES = [None, True, -1, 1.5, 10**40, "", "\ud800", [], {}, [[]], {"a": 1}]


def places(value: object, keys: tuple = ()) -> list[tuple]:
    """The paths to every value of a JSON document, three of each list or object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [keys, *(place for key, inner in [*items][:3] + [*items][-4:] for place in places(inner, (*keys, key)))]


def replaced(value: object, keys: tuple, new: object) -> object:
    if not keys:
        return new
    copied = value.copy()
    copied[keys[0]] = replaced(copied[keys[0]], keys[1:], new)
    return copied


@pytest.mark.fault(44)
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_meta.json", "tokenizer_config.json"])
def test_tokenizer_files_of_other_types_are_read_or_refused_in_a_sentence(
    built, tmp_path, capfd, name, record_property
):
    folder = Path(shutil.copytree(built / "tokenizer", tmp_path / "tokenizer", ignore=shutil.ignore_patterns(".arc*")))
    (folder / "manifest.json").unlink()
    whole = json.loads((folder / name).read_bytes())
    every = [(keys, new) for keys in sorted(set(places(whole)), key=str) for new in VALUES]
    for keys, new in random.Random(7).sample(every, min(EXAMPLES, len(every))):
        (folder / name).write_text(json.dumps(replaced(whole, keys, new)), encoding="utf-8")
        refused(["tokenizer", "show", str(folder), "كتاب"], capfd)
    for data in [*HARM.values(), b'{"a":' * 50_000, b"9" * 5000]:
        (folder / name).write_bytes(data)
        unknown_keys = data == HARM["wrong types"] and name != "tokenizer.json"  # beside which nothing is wrong
        refused(["tokenizer", "show", str(folder), "كتاب"], capfd, 0 if unknown_keys else 3)
    record_property("times", min(EXAMPLES, len(every)) + len(HARM) + 2)


@pytest.mark.fault(44)
@pytest.mark.parametrize("name", ["vocab.json", "added_tokens.json", "tokenizer_config.json", "merges.txt"])
@pytest.mark.parametrize("data", [*HARM.values(), b'{"bos_token": 3}', b'{"a": {"b": []}}', b'{"a": 1e400}'])
def test_a_foreign_folder_of_other_types_is_refused_in_a_sentence(tmp_path, capfd, name, data):
    vocab = {chr(keys): keys - 33 for keys in range(33, 127)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (tmp_path / name).write_bytes(data)
    refused(["tokenizer", "show", str(tmp_path), "book"], capfd)


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    "meta", [b'{"layout": []}', b'{"pattern": 3}', b'{"pattern": "a", "layout": {"specials": 5}}']
)
def test_ranks_with_a_meta_of_other_types_are_refused_in_a_sentence(tmp_path, capfd, meta):
    (tmp_path / "x.tiktoken").write_bytes(b"YQ== 0\n")
    (tmp_path / "tokenizer_meta.json").write_bytes(meta)
    refused(["tokenizer", "show", str(tmp_path / "x.tiktoken"), "a"], capfd, 3)


@pytest.mark.fault(44)
@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|b|ab)*bc", "(" * 20_000 + "a" + ")" * 20_000, r"\g<0>", "("])
def test_a_pathological_pattern_ends_in_a_sentence_and_not_in_a_panic(built, tmp_path, capfd, pattern):
    folder = Path(shutil.copytree(built / "tokenizer", tmp_path / "tokenizer", ignore=shutil.ignore_patterns(".arc*")))
    for name in ("manifest.json", "tokenizer_meta.json"):
        (folder / name).unlink()
    config = json.loads((folder / "tokenizer.json").read_bytes())
    config["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": pattern}
    (folder / "tokenizer.json").write_text(json.dumps(config), encoding="utf-8")
    refused(["tokenizer", "show", str(folder), "a" * 50 + "b"], capfd)
    documents = next((built / "documents").glob("*arb_Arab"))
    refused(["tokenize", str(documents), "--tokenizer", str(folder), "--out", str(tmp_path / "out")], capfd)


# -- 45: read-only folders --------------------------------------------------------------------------------


@pytest.mark.fault(45)
@pytest.mark.parametrize("name", ["dataset/shards/train-00000-of-*.bin", "tokens/*.bin", "dataset/manifest.json"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_damaged_folder_that_can_only_be_read_ends_with_4(copy, capfd, name, whole):
    path = next(copy.glob(name))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    folder = copy if whole else path.relative_to(copy).parts[0] and copy / path.relative_to(copy).parts[0]
    below = [copy, *(directory for directory in copy.rglob("*") if directory.is_dir() and not directory.is_symlink())]
    state = [directory / ".arcorp" for directory in below if (directory / ".arcorp").is_dir()]
    for directory in state:  # refused to root too, whom modes do not hold back
        shutil.rmtree(directory)
        directory.write_bytes(b"")
    for directory in below:
        if directory.is_dir():
            directory.chmod(0o555)
    try:
        message = refused(["verify", str(folder)], capfd, 4)
        assert str(path) in message
    finally:
        for directory in below:
            if directory.is_dir():
                directory.chmod(0o755)


# -- 46: errors without a file's name ---------------------------------------------------------------------


@pytest.mark.fault(46)
@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EREMOTEIO])
def test_an_error_of_the_system_without_a_file_is_reported_with_the_file(tmp_path, number):
    for error in (OSError(number, os.strerror(number)), OSError("unnamed")):
        with pytest.raises(OSError) as caught, seal.naming(tmp_path / "a.bin"):
            raise error
        assert str(tmp_path / "a.bin") in str(as_failure(caught.value))


@pytest.mark.fault(46)
def test_an_inner_file_is_named_and_not_the_folder_around_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, seal.naming(tmp_path), seal.naming(tmp_path / "outer"):
        (tmp_path / "inner").read_bytes()
    assert str(as_failure(caught.value)).startswith(f"{tmp_path / 'inner'}: ")


@pytest.mark.fault(46)
def test_errors_of_libraries_are_sentences_with_the_file(tmp_path):
    import polars
    import pyarrow.parquet
    import zstandard

    path = tmp_path / "a.bin"
    path.write_bytes(b"no such format")
    for read in (
        lambda: polars.read_parquet(path.read_bytes()),
        lambda: pyarrow.parquet.ParquetFile(pyarrow.BufferReader(path.read_bytes())),
        lambda: zstandard.ZstdDecompressor().decompress(path.read_bytes()),
    ):
        with pytest.raises(Exception) as caught, seal.naming(path):
            read()
        known = as_failure(caught.value)
        assert known is not None
        assert known.exit_code == 3
        assert str(known).startswith(f"{path}: ")
        assert "\n" not in str(known)


@pytest.mark.fault(46)
@pytest.mark.parametrize("name", ["raw", "documents", "tokenizer", "tokens", "dataset"])
def test_a_lost_handle_of_a_network_disk_names_a_file_in_every_stage(copy, capfd, monkeypatch, name):
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(copy / name):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        fsync(descriptor)

    shutil.rmtree(copy / name)
    monkeypatch.setattr(os, "fsync", failing)
    assert build(copy, "--workers", "1", until="pack") == 1
    err = capfd.readouterr().err
    last = err.strip().splitlines()[-1]
    assert last.startswith(f"arcorp: {copy}/{name}/"), last
    assert os.strerror(errno.ESTALE) in last
    assert "Traceback" not in err
