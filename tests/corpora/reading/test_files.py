"""Files are found in a fixed order on any file system, and an input without files is an error."""

import gzip
from pathlib import Path

import fsspec
import pytest

from corpora.errors import NothingFound
from corpora.reading import find_files, open_raw


@pytest.mark.fault(6)
def test_files_are_found_in_a_fixed_order_on_any_file_system(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/10.jsonl", "a/2.jsonl", "a/.hidden.jsonl", ".cache/1.jsonl", "a/notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [file.name for file in find_files([tmp_path], ["*.jsonl"])] == ["a/10.jsonl", "a/2.jsonl", "b/2.jsonl"]
    assert [file.name for file in find_files([f"{tmp_path}/a/*.jsonl"], ["*"])] == ["10.jsonl", "2.jsonl"]
    assert [file.name for file in find_files([tmp_path / "a" / "notes.md"], ["*.jsonl"])] == ["notes.md"]


def test_the_error_for_an_input_without_files_names_it_and_the_patterns(tmp_path: Path) -> None:
    with pytest.raises(NothingFound, match="missing: no such file"):
        find_files([tmp_path / "missing"], ["*"])
    with pytest.raises(NothingFound, match=rf"{tmp_path.name}: .*\*\.parquet; name the files"):
        find_files([tmp_path], ["*.parquet"])
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(NothingFound, match=r"\*\.parquet .*a\.json.*; name the files"):
        find_files([tmp_path], ["*.parquet"])
    with pytest.raises(NothingFound):
        find_files([f"{tmp_path}/*.jsonl"], ["*"])


def test_files_with_the_same_name_are_distinguished_by_their_folders(tmp_path: Path) -> None:
    for folder in ("a/1", "b/1", "b/2"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.txt").write_text("x")
        (tmp_path / folder / f"{folder[0]}.txt").write_text("x")

    def names(*inputs: Path, folder: bool = False) -> list[str]:
        return [file.name for file in find_files(inputs, ["*.txt"], folder=folder)]

    first, second, third = (tmp_path / folder for folder in ("a/1", "b/1", "b/2"))
    assert names(first, second) == ["a.txt", "a/1/x.txt", "b.txt", "b/1/x.txt"]
    assert names(first / "x.txt", second / "x.txt", third / "x.txt") == ["a/1/x.txt", "b/1/x.txt", "2/x.txt"]
    assert names(first / "x.txt", second / "x.txt", folder=True) == ["a/1/x.txt", "b/1/x.txt"]


def test_a_file_that_is_in_two_inputs_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    for name in ("x.txt", "y.txt"):
        (tmp_path / "a" / name).write_text("x")
    assert [file.name for file in find_files(["a", tmp_path / "a" / "y.txt", "./a/x.txt"], ["*"])] == [
        "x.txt",
        "y.txt",
    ]


@pytest.mark.parametrize("remote", [False, True])
def test_the_ending_of_a_name_is_read_in_any_case_and_with_any_compression(tmp_path: Path, remote: bool) -> None:
    given = ["a.txt", "B.TXT", "c.Txt.GZ", "d.txt.zst", "e.TXT.xz", "f.txt.bz2", "g.txt.zip"]
    others = ["h.text.bak", "i.gz", "j.md"]
    system, root = (fsspec.filesystem("memory"), "/endings") if remote else (None, str(tmp_path))
    for name in given + others:
        if system:
            system.pipe(f"{root}/{name}", b"x")
        else:
            Path(root, name).write_text("x")
    for where in [f"memory:/{root}", f"memory:/{root}/"] if remote else [root]:
        assert [file.name for file in find_files([where], ["*.txt"])] == sorted(given)
        assert [file.name for file in find_files([where], ["*.TXT"])] == sorted(given)


def test_names_with_folders_distinguish_files_with_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.txt").write_text("x")
    monkeypatch.chdir(tmp_path / "a")

    def names(*inputs: str | Path) -> list[str]:
        return [file.name for file in find_files(inputs, ["*.txt"], folder=True)]

    assert names(tmp_path / "a", tmp_path / "b") == ["a/x.txt", "b/deep/x.txt"]
    assert names(".", "../b") == ["a/x.txt", "b/deep/x.txt"]
    assert names("x.txt", f"{tmp_path}/b/*/x.txt") == ["a/x.txt", "b/deep/x.txt"]
    fsspec.filesystem("memory").pipe({"/corpus/x.txt": b"x"})
    assert names("memory://corpus", "memory://corpus/x.txt") == ["corpus/x.txt"]


def test_addresses_are_read_through_fsspec() -> None:
    system = fsspec.filesystem("memory")
    system.pipe({"/corpus/b.jsonl.gz": gzip.compress(b"text"), "/corpus/a.jsonl": b"{}", "/corpus/readme": b"x"})
    files = find_files(["memory://corpus"], ["*.jsonl", "*.jsonl.*"])
    assert [file.name for file in files] == ["a.jsonl", "b.jsonl.gz"]
    with open_raw(files[1]) as raw:
        assert gzip.decompress(raw.read()) == b"text"
    assert [file.name for file in find_files(["memory://corpus/*.gz"], ["*"])] == ["b.jsonl.gz"]
    with pytest.raises(NothingFound):
        find_files(["memory://nowhere"], ["*"])
