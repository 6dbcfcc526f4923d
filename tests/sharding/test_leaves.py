"""Leaves: the seal of a folder with many files is a tree, which is read when it is needed and proves every byte."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from sharding import Dataset, leaves, seal
from sharding.layout import shard_name
from sharding.proving import Share
from sharding.seal import Counts, Damaged, FileRecord, Manifest, Sealed, find_faults, read_manifest, write_manifest

NAMES = sorted([f"shards/train-{number:05d}.bin" for number in range(7)] + ["plan.json", "tokenizer/a", "x.json"])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves of three files, in folders of more than five."""
    monkeypatch.setattr(seal, "MOST_FILES", 5)
    monkeypatch.setattr(leaves, "LEAF", 3)


def make(folder: Path, names: list[str], fold: tuple[str, ...] = ()) -> Path:
    files = {}
    for name in names:
        with seal.atomic_file(folder / name) as file:
            file.write(seal.canonical({"name": name}))
        files[name] = file.record
    write_manifest(folder, Manifest("test", 1, {}, {}, {"files": Counts(1, {}, 1, {})}, files), fold=fold)
    return folder


def test_a_small_folder_has_the_manifest_that_it_always_had(tmp_path: Path) -> None:
    """The digest is that of release 0.1.0 for the same folder."""
    folder = make(tmp_path / "small", NAMES[:2])
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["format"] == 1
    assert "leaves" not in manifest
    assert sorted(manifest["files"]) == NAMES[:2]
    assert manifest["root"] == "52d8d8370549e77bfbec43e34d7142cbc5de2a15a84a2d1ce844b22d740fb66c"


def test_a_large_folder_is_read_as_it_was_sealed(tmp_path: Path) -> None:
    folder = make(tmp_path / "large", NAMES)
    sealed = Sealed(folder, "test")
    assert sorted(json.loads((folder / "manifest.json").read_bytes())["files"])[0] == "manifest/00000.json"
    assert list(sealed.manifest.files) == NAMES
    assert len(sealed.manifest.files) == len(NAMES)
    assert sealed.names(prefix="shards/", suffix="3.bin") == ["shards/train-00003.bin"]
    for prefix in ("", "a", "plan", "shards/", "tokenizer/", "x", "zz"):
        assert sealed.names(prefix) == [name for name in NAMES if name.startswith(prefix)]
    for name in NAMES:
        assert sealed.read_json(name) == {"name": name}
        assert sealed.manifest.files[name] == seal.hash_file(folder / name)
    assert all(name not in sealed.manifest.files for name in ("", "a", "shards/", "zz"))
    assert find_faults(folder, sealed.manifest, full=True) == []
    stored = sorted(name for name, _ in sealed.manifest.stored())
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [*stored, seal.MANIFEST] == [name for name in there if name != seal.MANIFEST] + [seal.MANIFEST]


def test_a_folder_is_opened_without_reading_its_leaves(tmp_path: Path) -> None:
    folder = make(tmp_path / "large", NAMES)
    for path in (folder / "manifest").iterdir():
        path.write_bytes(b" " * path.stat().st_size)
    opened = Sealed(folder)
    assert len(opened.manifest.files) == len(NAMES)
    assert opened.digest == json.loads((folder / "manifest.json").read_bytes())["root"]
    with pytest.raises(Damaged, match=r"manifest/00000\.json"):
        opened.names()


@pytest.mark.fault(8)
@pytest.mark.parametrize("full", [False, True])
def test_damage_of_a_leaf_is_found_and_named_beside_that_of_files(tmp_path: Path, full: bool) -> None:
    folder = make(tmp_path / "large", NAMES)
    leaf = folder / "manifest/00001.json"
    good = leaf.read_bytes()
    (folder / NAMES[0]).unlink()  # in another leaf
    for bad in (good.replace(b"0", b"1", 1), good[:-1], b""):
        leaf.write_bytes(bad)
        manifest = read_manifest(folder)
        faults = find_faults(folder, manifest, full=full)
        assert [fault.file for fault in faults] == ["manifest/00001.json", NAMES[0]]
        with pytest.raises(Damaged, match=r"manifest/00001\.json"):
            manifest.files[NAMES[4]]
        assert manifest.files[NAMES[1]].bytes, "other leaves are read"
    leaf.write_bytes(good[:-1])
    with pytest.raises(Damaged, match=r"manifest/00001\.json.*bytes, sealed with"):
        Sealed(folder)
    leaf.unlink()
    with pytest.raises(Damaged, match=r"manifest/00001\.json.*missing"):
        Sealed(folder)


@pytest.mark.fault(24)
def test_a_tree_that_was_tampered_with_is_refused_although_its_hashes_are_right(tmp_path: Path) -> None:
    """Hashes prove that a leaf is unchanged, not that arcorp wrote it."""
    folder = make(tmp_path / "large", NAMES)
    good = (folder / "manifest.json").read_bytes()

    def reseal(change: object) -> None:
        data = json.loads(good)
        change(data)  # type: ignore[operator]
        data.pop("root")
        seal.write_json(folder / "manifest.json", {**data, "root": seal.digest_of(data)})

    for change in (
        lambda data: data["leaves"].reverse(),
        lambda data: data["leaves"].pop(),
        lambda data: data["leaves"][0].__setitem__(1, -1),
        lambda data: data["leaves"][0].__setitem__(0, "../x"),
        lambda data: data["leaves"].append(["zzz", 1]),
        lambda data: data["files"].__setitem__("other", [1, "0" * 64]),
        lambda data: data.pop("leaves"),
    ):
        reseal(change)
        with pytest.raises(Damaged, match=r"manifest\.json"):
            read_manifest(folder)

    def leaf(value: object) -> None:
        record = seal.write_json(folder / "manifest/00000.json", value)
        reseal(lambda data: data["files"].__setitem__("manifest/00000.json", [record.bytes, record.sha256]))

    (folder / "manifest.json").write_bytes(good)
    records = json.loads((folder / "manifest/00000.json").read_bytes())["files"]
    outside = {f"../{name}": record for name, record in records.items()}
    for value in ([], {}, {"files": records}, {"files": outside, "folded": []}, {"files": {}, "folded": []}):
        leaf(value)
        with pytest.raises(Damaged, match=r"manifest/00000\.json"):
            list(read_manifest(folder).files)
    leaf({"files": records, "folded": [NAMES[0]]})
    with pytest.raises(Damaged, match=r"manifest/00000\.json"):
        list(read_manifest(folder).files)


def test_folded_sidecars_are_read_like_files_and_written_back(tmp_path: Path) -> None:
    folder = make(tmp_path / "large", NAMES, fold=("plan.json", "x.json"))
    manifest = read_manifest(folder)
    assert manifest.leaves is not None
    seal.remove_folded(manifest.leaves)
    assert not (folder / "plan.json").exists()
    assert not (folder / "x.json").exists()
    opened = Sealed(folder)
    assert "plan.json" in opened.names()
    assert opened.read_json("x.json") == {"name": "x.json"}
    assert find_faults(folder, opened.manifest, full=True) == []
    assert len(list(opened.manifest.stored())) == len(NAMES) - 2 + len(opened.manifest.leaves.own)
    seal.unfold(folder)
    for name in ("plan.json", "x.json"):
        assert seal.hash_file(folder / name) == opened.manifest.files[name]


def test_an_open_folder_is_sent_to_other_processes_without_its_leaves(tmp_path: Path) -> None:
    opened = Sealed(make(tmp_path / "large", NAMES))
    assert opened.names() == NAMES
    text = pickle.dumps(opened)
    assert pickle.loads(text).read_json(NAMES[3]) == {"name": NAMES[3]}
    assert opened.manifest.files[NAMES[3]].sha256.encode() not in text


@pytest.mark.fault(8)
def test_a_file_that_is_missing_or_changed_is_found_when_it_is_read(tmp_path: Path) -> None:
    folder = make(tmp_path / "large", NAMES)
    opened = Sealed(folder)
    (folder / NAMES[3]).unlink()
    (folder / NAMES[4]).write_bytes(b"{}\n")
    for name in NAMES[3:5]:
        with pytest.raises(Damaged, match=name):
            opened.read(name)
    assert opened.read_json(NAMES[5]) == {"name": NAMES[5]}


def test_the_digest_covers_files_and_folded_sidecars(tmp_path: Path) -> None:
    first = read_manifest(make(tmp_path / "a", NAMES)).digest
    assert read_manifest(make(tmp_path / "b", NAMES)).digest == first
    folded = read_manifest(make(tmp_path / "c", NAMES, fold=("plan.json",))).digest
    other = read_manifest(make(tmp_path / "d", [*NAMES[:-1], "y.json"])).digest
    assert len({first, folded, other}) == 3


def test_a_manifest_of_many_files_opens_without_its_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    record = FileRecord(1, "0" * 64)
    files = {f"shards/{number:06d}.bin": record for number in range(9000)}
    write_manifest(tmp_path, Manifest("pack", 1, {}, {}, {}, files))
    opened = Sealed(tmp_path)
    (tmp_path / "shards").mkdir()
    assert opened.manifest.files["shards/004567.bin"] == record
    assert opened.manifest.leaves is not None
    assert opened.manifest.leaves._leaf.cache_info().misses == 1, "one leaf was read"
    assert (tmp_path / "manifest.json").stat().st_size < 5000


@pytest.mark.parametrize("beside", [None, Share()])
@pytest.mark.parametrize("suffix", [".bin", ".seg"])
def test_a_dataset_with_leaves_reads_as_before_and_a_truncated_shard_is_named(
    copy: Path, beside: Share | None, suffix: str
) -> None:
    expected = Dataset(copy, None).train.read([0, 1]).ids
    write_manifest(copy, read_manifest(copy))
    data = Dataset(copy, None, beside=beside)
    assert np.array_equal(data.train.read([0, 1]).ids, expected)
    data.settle()
    layout = data.layout.splits["train"]
    assert layout.shards > 1
    path = copy / f"{shard_name('train', layout.shards - 1, layout.shards)}{suffix}"
    path.write_bytes(path.read_bytes()[:-16])
    data = Dataset(copy, None, beside=beside)
    assert np.array_equal(data.train.read([0, 1]).ids, expected)
    with pytest.raises(Damaged, match=f"{path.name}.*bytes, sealed with"):
        data.train.read([layout.rows - 1])
