"""Files of this machine: links are followed, no file is found twice, and no file is left out without a message."""

import os
from pathlib import Path

import fsspec
import pytest

from corpora.errors import BadInput, NothingFound
from corpora.reading import find_files


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def names(*inputs: str | Path) -> list[str]:
    return [file.name for file in find_files(inputs, ["*.txt"])]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "in/a.txt", "out/b.txt", "out/deep/c.txt", "out/.hidden/d.txt")
    link(tmp_path / "in/linked", "../out")
    link(tmp_path / "in/e.txt", "../elsewhere.md")
    write(tmp_path, "elsewhere.md")
    assert names(tmp_path / "in") == ["a.txt", "e.txt", "linked/b.txt", "linked/deep/c.txt"]
    assert names(f"{tmp_path}/in/*") == ["a.txt", "e.txt", "linked/b.txt", "linked/deep/c.txt"]
    assert names(tmp_path / "in" / "linked") == ["b.txt", "deep/c.txt"]


def test_a_file_that_is_reached_twice_is_read_once_under_its_own_name(tmp_path: Path) -> None:
    write(tmp_path, "in/sub/a.txt", "in/b.txt", "out/c.txt")
    link(tmp_path / "in/again", "sub")
    link(tmp_path / "in/a.txt", "sub/a.txt")
    link(tmp_path / "in/one", "../out")
    link(tmp_path / "in/two", "../out")
    link(tmp_path / "in/sub/same.txt", "../../out/c.txt")
    assert names(tmp_path / "in") == ["b.txt", "one/c.txt", "sub/a.txt"]
    assert len(names(f"{tmp_path}/in/**/*.txt")) == 3
    assert len(names(tmp_path / "in", tmp_path / "out", tmp_path / "in/again", tmp_path / "in/a.txt")) == 3


def test_links_that_form_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, "in/a.txt", "out/b.txt")
    link(tmp_path / "in/up", "..")
    link(tmp_path / "in/self", "../in")
    link(tmp_path / "out/back", "../in")
    link(tmp_path / "in/sub/in", "../../in")
    assert names(tmp_path / "in") == ["a.txt", "up/out/b.txt"]


@pytest.mark.parametrize("name", ["a.txt", "folder"])
def test_a_link_to_nothing_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, "b.txt")
    for target in ("missing", name):
        link(tmp_path / name, target)
        for where in (tmp_path, tmp_path / name, f"{tmp_path}/*"):
            with pytest.raises(BadInput, match=rf"{name}: is a link to {target}.*; remove the link"):
                names(where)
        (tmp_path / name).unlink()
    link(tmp_path / "README.md", "missing")
    assert names(tmp_path) == ["b.txt"]


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    for where in (tmp_path, tmp_path / "pipe.txt"):
        with pytest.raises(BadInput, match=r"pipe\.txt: is no regular file"):
            names(where)


REAL = ["[x]", "a*b", "what?", "[!a-z] {1}", "x[1]", "%20"]


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("address", ["", "file://"])
def test_brackets_and_wildcards_in_real_names_are_characters(tmp_path: Path, name: str, address: str) -> None:
    write(tmp_path, f"{name}/{name}.txt", f"{name}/sub {name}/b.txt", "other/a.txt")
    assert names(f"{address}{tmp_path}/{name}") == sorted([f"{name}.txt", f"sub {name}/b.txt"])
    assert names(f"{address}{tmp_path}/{name}/{name}.txt") == [f"{name}.txt"]
    assert names(f"{address}{tmp_path}/{name}/*.txt") == [f"{name}.txt"]
    assert names(f"{address}{tmp_path}/{name}/*/b.txt") == [f"sub {name}/b.txt"]


def test_file_addresses_are_paths(tmp_path: Path) -> None:
    write(tmp_path, "متن/[a] b.txt")
    for address in (tmp_path.as_uri(), f"file://localhost{tmp_path}", (tmp_path / "متن" / "[a] b.txt").as_uri()):
        (file,) = find_files([address], ["*.txt"])
        assert file.path == str(tmp_path / "متن" / "[a] b.txt")
    with pytest.raises(NothingFound, match="missing"):
        find_files([f"file://{tmp_path}/missing"], ["*"])


def test_brackets_in_real_names_at_an_address_are_characters() -> None:
    system = fsspec.filesystem("memory")
    system.pipe({"/brackets/[x]/a[1].txt": b"x", "/brackets/y/b.txt": b"y"})
    assert names("memory://brackets/[x]") == ["a[1].txt"]
    assert names("memory://brackets/[x]/a[1].txt") == ["a[1].txt"]
    assert names("memory://brackets/[y]/*.txt") == ["y/b.txt"]
