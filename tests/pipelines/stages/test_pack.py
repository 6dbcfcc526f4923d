"""Packing bad input from the command line: one message, the exit code, and no data lost."""

import json
import resource
import shutil
import subprocess
import sys

import pytest
from builds import tree

from pipelines import cli
from pipelines.run import lock
from sharding.seal import Sealed


def arguments(tokens, out, *more):
    return ["pack", *map(str, tokens), "--out", str(out), "--format", "quiet", "--row-tokens", "64", *more]


@pytest.mark.parametrize(
    ("more", "exit_code", "named"),
    [
        (["--row-tokens", "0"], 2, "row_tokens"),
        (["--row-tokens", "1"], 2, "row_tokens"),
        (["--row-tokens", "65536"], 2, "row_tokens"),
        (["--row-tokens", "65535", "--set", "strata=[source, language]"], 3, "tokens"),
        (["--set", "validation={rows: 100000}"], 2, "100000"),
        (["--set", "strata=[colour]"], 2, "colour"),
    ],
)
def test_impossible_options_are_refused(built, tmp_path, capsys, more, exit_code, named):
    assert cli.run([*arguments([built / "tokens"], tmp_path / "out"), *more]) == exit_code
    captured = capsys.readouterr()
    assert named in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_dry_run_prints_the_rows_that_packing_then_writes(built, tmp_path, capsys):
    command = arguments([built / "tokens"], tmp_path / "out", "--format", "json")
    assert cli.run([*command, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "out").exists()
    assert cli.run(command) == 0
    sealed = Sealed(tmp_path / "out", "pack")
    splits = sealed.manifest.summary["splits"]
    assert plan["rows"] == {name: split["rows"] for name, split in splits.items()}
    assert plan["disk_bytes"] == sum(sealed.manifest.files[name].bytes for name in sealed.names(suffix=".bin"))
    assert plan["dropped"]["tokens"] == sealed.manifest.counts["tokens"].dropped


def test_unsealed_damaged_and_other_folders_are_refused(copy, tmp_path, capsys):
    tokens = copy / "tokens"
    part = tokens / "part-00000.bin"
    good = part.read_bytes()
    part.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    assert cli.run(arguments([tokens], tmp_path / "altered")) == 4
    assert "part-00000.bin" in capsys.readouterr().err
    part.write_bytes(good)
    assert cli.run(arguments([copy / "dataset"], tmp_path / "other")) == 4
    err = capsys.readouterr().err
    assert f"{copy / 'dataset'} " in err
    assert "'tokenize'" in err
    (tokens / "manifest.json").unlink()
    assert cli.run(arguments([tokens], tmp_path / "unsealed")) == 5
    assert f"{tokens} " in capsys.readouterr().err


@pytest.mark.fault(23)
def test_tokens_of_another_tokenizer_are_refused(copy, tmp_path, capsys):
    """Another tokenizer.json with the same vocabulary differs only in its hash."""
    tokenizer = tmp_path / "tokenizer"
    shutil.copytree(copy / "tokens" / "tokenizer", tokenizer)
    config = json.loads((tokenizer / "tokenizer.json").read_bytes())
    (tokenizer / "tokenizer.json").write_text(json.dumps(config, indent=3))
    (tmp_path / "ids.bin").write_bytes(bytes([1, 0, 2, 0] * 500))
    assert cli.run([*arguments([tmp_path / "ids.bin"], tmp_path / "a"), "--tokenizer", str(tokenizer)]) == 0
    capsys.readouterr()
    assert cli.run(arguments([copy / "tokens", tmp_path / "a-tokens"], tmp_path / "both")) == 3
    assert str(tmp_path / "a-tokens") in capsys.readouterr().err


@pytest.mark.fault(3)
def test_a_second_packer_is_refused(built, tmp_path):
    """Run in another process, since a process can take its own lock twice."""
    (tmp_path / "out" / ".arcorp").mkdir(parents=True)
    with lock(tmp_path / "out"):
        command = [sys.executable, "-m", "pipelines.cli", *arguments([built / "tokens"], tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{tmp_path / 'out'} is being written" in done.stderr


@pytest.mark.fault(20)
def test_after_a_full_disk_no_temporary_file_remains_and_the_next_run_gives_the_same_bytes(built, tmp_path):
    """A limit on the size of files replaces a full disk: `write` fails at the same place."""
    command = [sys.executable, "-m", "pipelines.cli", *arguments([built / "tokens"], tmp_path / "out")]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob(".tmp-*"))
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert cli.run(arguments([built / "tokens"], tmp_path / "out")) == 0
    assert cli.run(arguments([built / "tokens"], tmp_path / "undisturbed")) == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")
    assert Sealed(tmp_path / "out", "pack").digest == Sealed(tmp_path / "undisturbed", "pack").digest
