"""Files are found in a fixed order on any file system, and an input without files is an error."""

import gzip
from pathlib import Path

import fsspec
import pytest

from corpora.errors import BadInput, NothingFound
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
    with pytest.raises(NothingFound):
        find_files([f"{tmp_path}/*.jsonl"], ["*"])


def test_two_files_with_the_same_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("x")
    with pytest.raises(BadInput, match=r"x\.txt: .*the same name, x\.txt; give their common folder"):
        find_files([tmp_path / "a", tmp_path / "b"], ["*.txt"])


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
