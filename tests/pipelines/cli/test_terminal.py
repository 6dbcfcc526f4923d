"""What a person sees in a terminal: words stay whole at any width, names differ, and near misses are answered."""

import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import cli
from pipelines.cli.show import text_of
from pipelines.console import Console
from pipelines.errors import InputError, UsageError
from pipelines.texts import endings
from sharding.seal import Unsealed, read_manifest

WORD = st.text(st.sampled_from("abcdefghijklmnop-_/"), min_size=1, max_size=24)
CELL = st.lists(WORD, min_size=1, max_size=5).map(" ".join)


def printed(capsys, columns, rows, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    Console().table(columns, rows)
    return capsys.readouterr().out


NUMBER = st.integers(0, 10**9)


@given(st.lists(st.tuples(WORD, CELL, NUMBER, NUMBER, NUMBER), min_size=1, max_size=5), st.integers(30, 120))
def test_a_table_cuts_no_word_at_any_width(rows, width):
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(width))
        Console().table(["folder", "state", "documents", "bytes", "text, about"], rows)
    words = out.getvalue().split()
    for name, state, *numbers in rows:
        for word in [name, *state.split(), *(f"{number:,}" for number in numbers)]:
            assert word in words or f"{word}:" in words
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width or lines[1].startswith("  state: ")


def test_a_table_that_just_fits_is_whole(capsys, monkeypatch):
    columns = ["corpus", "language", "files", "bytes", "text, about"]
    out = printed(capsys, columns, [("jsonl", "arb_Arab", 1, 66_463, 66_463)], 40, monkeypatch)
    assert out.splitlines()[-1].split() == ["jsonl", "arb_Arab", "1", "66,463", "66,463"]


def test_columns_without_values_are_left_out(capsys, monkeypatch):
    out = printed(capsys, ["folder", "left", "bytes"], [("a", None, 5), ("b", "", 6)], 80, monkeypatch)
    assert out.split() == ["folder", "bytes", "a", "5", "b", "6"]


def test_a_table_is_as_wide_as_columns_states(capsys, monkeypatch):
    rows = [("name", "one two three four five six seven eight nine ten eleven twelve")]
    for width in (30, 60, 100):
        out = printed(capsys, ["a", "b"], rows, width, monkeypatch)
        assert max(map(len, out.splitlines())) <= width
    assert len(printed(capsys, ["a", "b"], rows, 100, monkeypatch).splitlines()) == 2


def test_names_of_folders_are_what_differs():
    assert endings([Path("out/a/tokenizer"), Path("out/b/tokenizer")]) == ["a", "b"]
    assert endings([Path("x/a"), Path("y/b")]) == ["a", "b"]
    assert endings([Path("x/a/t"), Path("x/b/t"), Path("y/a/t")]) == ["x/a", "x/b", "y/a"]
    assert endings([Path("/x/only")]) == ["only"]


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), min_size=1, unique=True))
def test_names_of_different_folders_differ(paths):
    assert len(set(endings([Path(path) for path in paths]))) == len(paths)


def test_inspect_takes_the_folder_of_a_build(built, capsys):
    assert cli.run(["inspect", str(built), "--row", "3", "--format", "json"]) == 0
    of_build = capsys.readouterr().out
    assert cli.run(["inspect", str(built / "dataset"), "--row", "3", "--format", "json"]) == 0
    assert capsys.readouterr().out == of_build


def test_inspect_lists_the_documents_and_names_near_ids(built, capsys):
    assert cli.run(["inspect", str(built), "--documents", "--format", "json"]) == 0
    documents = json.loads(capsys.readouterr().out)["documents"]
    assert cli.run(["inspect", str(built), "--documents"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{len(documents)} documents"
    assert [line.split("\t")[0] for line in lines[:-1]] == [document["id"] for document in documents]
    name = documents[0]["id"]
    assert cli.run(["inspect", str(built), "--document", name[:-1]]) == 3
    assert repr(name) in capsys.readouterr().err
    assert cli.run(["inspect", str(built), "--document", "nothing like it at all"]) == 3
    assert "did you mean" not in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_not_called_unsealed(built, tmp_path):
    with pytest.raises(Unsealed, match="absent does not exist"):
        read_manifest(tmp_path / "absent")
    with pytest.raises(Unsealed, match=r"its folders are.*dataset"):
        read_manifest(built)
    with pytest.raises(Unsealed, match="until it completes"):
        read_manifest(tmp_path)


def test_a_text_and_a_file_are_taken_alike(tmp_path, capsys):
    file = tmp_path / "text.txt"
    file.write_text("والكتاب في المدرسة", encoding="utf-8")
    printed = []
    for given_text in (str(file), "والكتاب في المدرسة"):
        assert cli.run(["tokenizer", "segment", given_text]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_what_looks_like_a_missing_file_is_no_text(tmp_path):
    for name in ("missing.txt", "texts/missing", str(tmp_path / "absent")):
        with pytest.raises(UsageError, match="no such file"):
            text_of(name)
    (tmp_path / "other.txt").write_bytes("نص".encode("cp1256"))
    with pytest.raises(InputError, match="byte 0"):
        text_of(str(tmp_path / "other.txt"))
    assert text_of("1/2 cup of sugar.") == "1/2 cup of sugar."
    assert text_of("نص") == "نص"
    assert text_of("x" * 5000) == "x" * 5000


def test_phases_are_needed_from_packing_on(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"id": "1", "text": "نص قصير"}\n', encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: r\ncorpora: [{source: jsonl, input: a.jsonl, language: ar}]\n", encoding="utf-8")
    out = tmp_path / "out"
    assert cli.run(["build", str(recipe), "--out", str(out)]) == 2
    assert "phases" in capsys.readouterr().err
    assert not out.exists()
    assert cli.run(["build", str(recipe), "--out", str(out), "--until", "pack", "--dry-run"]) == 2
    assert cli.run(["build", str(recipe), "--out", str(out), "--until", "ingest", "--workers", "1"]) == 0
