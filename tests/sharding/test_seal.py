"""Seals: files appear complete or not at all, every change is detected, and counts must balance."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.seal import (
    MANIFEST,
    TEMPORARY,
    Counts,
    Damaged,
    FileRecord,
    Manifest,
    Sealed,
    SealError,
    Unsealed,
    atomic_file,
    atomic_folder,
    canonical,
    digest_of,
    find_faults,
    hash_file,
    read_manifest,
    remove_temporaries,
    total,
    write_json,
    write_manifest,
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
counts = st.dictionaries(st.text(max_size=5), st.integers(0, 10**15), max_size=4)


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# -- bytes ----------------------------------------------------------------------------------------------------


@given(json_values)
def test_canonical_json_keeps_the_value_and_ends_in_a_newline(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert text.endswith(b"\n")
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(), json_values, max_size=6), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_keys(value: dict[str, Any], rng: random.Random) -> None:
    keys = list(value)
    rng.shuffle(keys)
    assert digest_of({key: value[key] for key in keys}) == digest_of(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_values_that_json_cannot_represent_are_refused() -> None:
    for value in (float("nan"), float("inf"), "\ud800", nested(100_000)):
        with pytest.raises(ValueError):
            canonical({"loss": value})


# -- files and folders ----------------------------------------------------------------------------------------


def test_a_file_is_recorded_as_it_is_written(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "deep" / "ids.bin") as file:
        file.write(b"begin")
        file.write(np.arange(5, dtype="<u2"))
        file.write(memoryview(b"end"))
        assert file.tell() == 18
        assert names_in(tmp_path / "deep") == [f"{TEMPORARY}{os.getpid()}-ids.bin"]
    data = b"begin" + np.arange(5, dtype="<u2").tobytes() + b"end"
    assert (tmp_path / "deep" / "ids.bin").read_bytes() == data
    assert file.record == FileRecord(18, hashlib.sha256(data).hexdigest()) == hash_file(tmp_path / "deep" / "ids.bin")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ids.bin"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.write([b"not a buffer"])  # raises inside the block, as Ctrl-C and a full disk do
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["ids.bin"]


@pytest.mark.fault(20)
@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if fails == "fsync" else (Path, "replace", full)))
    with pytest.raises(OSError, match="No space left"):
        write_json(tmp_path / "value.json", {"a": 1})
    assert names_in(tmp_path) == []


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "checkpoint") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "weights").write_bytes(b"w")
        assert not (tmp_path / "checkpoint").exists()
    assert names_in(tmp_path) == ["checkpoint", "checkpoint/deep", "checkpoint/deep/weights"]
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "other") as folder:
        (folder / "no such folder" / "weights").write_bytes(b"w")
    assert not (tmp_path / "other").exists()
    with pytest.raises(FileExistsError, match="exists already"), atomic_folder(tmp_path / "checkpoint"):
        pass


WRITER = """
import sys
import time
from pathlib import Path
from sharding.seal import Counts, Manifest, atomic_file, remove_temporaries, write_manifest

folder = Path(sys.argv[1])
remove_temporaries(folder)
print("ready", flush=True)
files = {}
for k in range(8):
    with atomic_file(folder / f"{k}.bin") as file:
        for piece in range(50):
            file.write(bytes([k, piece]) * 500)
            time.sleep(0.0003)  # .12 s in all on the fastest machine: the kill comes between
    files[f"{k}.bin"] = file.record
    sub = folder / "sub"
    with atomic_file(sub / f"{k}.json") as file:
        file.write(b"%d" % k)
    files[f"sub/{k}.json"] = file.record
write_manifest(folder, Manifest("test", 1, {}, {}, {"documents": Counts(input=8, out=8)}, files))
"""


@pytest.mark.fault(1)
def test_a_writer_killed_at_any_moment_leaves_complete_files_only(tmp_path: Path) -> None:
    rng = random.Random(0)
    complete = {f"{k}.bin": b"".join(bytes([k, piece]) * 500 for piece in range(50)) for k in range(8)}
    complete |= {f"sub/{k}.json": b"%d" % k for k in range(8)}
    killed = 0
    for attempt in range(12):
        folder = tmp_path / "out"
        if attempt % 4 == 0:
            folder = tmp_path / f"out-{attempt}"
            folder.mkdir()
            (tmp_path / "out").unlink(missing_ok=True)
            (tmp_path / "out").symlink_to(folder)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        killed += writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        for name in names_in(folder):
            path = folder / name
            if path.is_file() and name != MANIFEST and not path.name.startswith(TEMPORARY):
                assert path.read_bytes() == complete[name]
        if (folder / MANIFEST).exists():
            assert find_faults(folder, read_manifest(folder), full=True) == []
    assert killed
    subprocess.run([sys.executable, "-c", WRITER, str(folder)], check=True, capture_output=True)
    assert find_faults(folder, read_manifest(folder), full=True) == []
    assert names_in(folder) == sorted([*complete, "sub", MANIFEST])


@pytest.mark.fault(1)
def test_temporaries_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    (tmp_path / "sub" / f"{TEMPORARY}1-folder").mkdir(parents=True)
    (tmp_path / "sub" / f"{TEMPORARY}1-folder" / f"{TEMPORARY}1-file").write_bytes(b"")
    (tmp_path / f"{TEMPORARY}77-ids.bin").write_bytes(b"half")
    (tmp_path / "ids.bin").write_bytes(b"whole")
    assert remove_temporaries(tmp_path) >= 2
    assert names_in(tmp_path) == ["ids.bin", "sub"]


# -- counts ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 10**12), counts, st.integers(0, 10**12), counts), max_size=6))
def test_counts_add_up_and_survive_json(raw: list[tuple[int, dict[str, int], int, dict[str, int]]]) -> None:
    parts = [Counts(given, dict(added), out, dict(dropped)) for given, added, out, dropped in raw]
    summed = total({"documents": part} for part in parts).get("documents", Counts())
    for part in parts:
        assert Counts.from_json(json.loads(canonical(part.to_json()))) == part
    difference = sum(p.input + sum(p.added.values()) - p.out - sum(p.dropped.values()) for p in parts)
    assert summed.balanced == (difference == 0)
    assert summed.input == sum(part.input for part in parts)
    assert sum(summed.dropped.values()) == sum(sum(part.dropped.values()) for part in parts)


def test_each_reason_is_counted() -> None:
    documents = Counts(input=5, out=3)
    documents.drop("empty")
    assert not documents.balanced
    documents.drop("short", 2)
    documents.add("bos", 1)
    assert documents.balanced
    assert documents.to_json() == {"in": 5, "added": {"bos": 1}, "out": 3, "dropped": {"empty": 1, "short": 2}}


def test_counts_that_do_not_balance_are_never_sealed(tmp_path: Path) -> None:
    manifest = Manifest("test", 1, {}, {}, {"tokens": Counts(input=5, out=4)}, {})
    with pytest.raises(Damaged, match="tokens do not balance"):
        write_manifest(tmp_path, manifest)
    assert names_in(tmp_path) == []


# -- the manifest ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed folder with two files. No field of its manifest is empty."""
    files = {}
    for name, data in (("a.bin", b"first file"), ("sub/b.bin", bytes(range(256)))):
        with atomic_file(tmp_path / "sealed" / name) as file:
            file.write(data)
        files[name] = file.record
    documents = Counts(5, {"bos": 2}, 6, {"empty": 1})
    manifest = Manifest("test", 3, {"rows": 7}, {"docs": "0" * 64}, {"documents": documents}, files, {"text": "نص"})
    write_manifest(tmp_path / "sealed", manifest)
    return tmp_path / "sealed"


def test_a_manifest_is_read_as_it_was_written(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.counts["documents"] == Counts(5, {"bos": 2}, 6, {"empty": 1})
    assert manifest.summary == {"text": "نص"}
    assert manifest.digest == json.loads((folder / MANIFEST).read_bytes())["root"] == Sealed(folder).digest


@pytest.mark.fault(24)
def test_the_digest_covers_every_field(folder: Path) -> None:
    manifest = read_manifest(folder)
    digests = {manifest.digest}
    for change in (
        {"stage": "other"},
        {"version": 4},
        {"options": {"rows": 8}},
        {"inputs": {"docs": "1" * 64}},
        {"counts": {"documents": Counts(6, {"bos": 2}, 7, {"empty": 1})}},
        {"files": {"a.bin": manifest.files["a.bin"]}},
        {"summary": {}},
    ):
        fields = {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}
        digests.add(Manifest(**{**fields, **change}).digest)
    assert len(digests) == 8


@pytest.mark.fault(10)
def test_a_flipped_bit_in_any_byte_of_a_manifest_is_found(
    folder: Path, record_property: Callable[[str, object], None]
) -> None:
    path = folder / MANIFEST
    good = path.read_bytes()
    record_property("times", len(good))
    for index in range(len(good)):
        path.write_bytes(good[:index] + bytes([good[index] ^ 1 << index % 8]) + good[index + 1 :])
        with pytest.raises(SealError):
            read_manifest(folder)


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"format": 1}', '{"format": 99}', '{"root": ', "\x00", '"\\ud800"', "1e999", "[" * 5000],
)
def test_an_invalid_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(Damaged, match=r"manifest\.json"):
        read_manifest(folder)


def test_an_unfinished_folder_is_unsealed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    sentences = {
        tmp_path: "is not sealed",
        tmp_path / "missing": "does not exist",
        tmp_path / "file": "is not sealed",
    }
    for path, sentence in sentences.items():
        with pytest.raises(Unsealed, match=sentence):
            Sealed(path)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.fault(8)
def test_a_truncated_or_missing_file_is_found_without_reading_it(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"first fil")
    (folder / "sub/b.bin").unlink()
    faults = find_faults(folder, read_manifest(folder), full=False)
    assert [str(fault) for fault in faults] == ["a.bin: 9 bytes, sealed with 10", "sub/b.bin: missing"]
    with pytest.raises(Damaged, match=r"a\.bin: 9 bytes, sealed with 10 \(and 1 more\)"):
        Sealed(folder)


def test_a_file_modified_after_the_seal_is_hashed_at_the_quick_level_too(folder: Path) -> None:
    sealed_at = (folder / MANIFEST).stat().st_mtime_ns
    later = (sealed_at + 10**9, sealed_at + 10**9)
    os.utime(folder / "a.bin", ns=later)
    assert find_faults(folder, read_manifest(folder), full=False) == []  # a later time without a change is not a fault
    flip(folder / "a.bin")
    os.utime(folder / "a.bin", ns=later)
    (fault,) = find_faults(folder, read_manifest(folder), full=False)
    assert str(fault) == "a.bin: its sha256 differs from the seal"


@pytest.mark.fault(10)
def test_a_flipped_bit_under_an_old_time_is_found_by_full_and_by_reading(folder: Path) -> None:
    before = (folder / "sub/b.bin").stat()
    flip(folder / "sub/b.bin")
    os.utime(folder / "sub/b.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_faults(folder, read_manifest(folder), full=False) == []
    (fault,) = find_faults(folder, read_manifest(folder), full=True)
    assert fault.file == "sub/b.bin"
    with pytest.raises(Damaged, match=r"b\.bin changed since it was sealed"):
        Sealed(folder).read("sub/b.bin")


def test_an_open_folder_returns_its_files(folder: Path) -> None:
    opened = Sealed(folder, "test")
    assert opened.names() == ["a.bin", "sub/b.bin"]
    assert opened.names(prefix="sub/") == opened.names(suffix="b.bin") == ["sub/b.bin"]
    assert opened.read("a.bin") == b"first file"
    with pytest.raises(Damaged):
        opened.read("c.bin")
    with pytest.raises(Damaged, match="sealed is a 'test' folder; give a 'pack' folder"):
        Sealed(folder, "pack")


def test_json_of_a_sealed_folder_is_read(tmp_path: Path) -> None:
    record = write_json(tmp_path / "plan.json", {"b": 1, "a": [1.5, None, "نص"]})
    write_manifest(tmp_path, Manifest("test", 1, {}, {}, {}, {"plan.json": record}))
    assert Sealed(tmp_path).read_json("plan.json") == {"a": [1.5, None, "نص"], "b": 1}


def test_sealing_imports_the_standard_library_only() -> None:
    code = "import sys, sharding.seal; print('numpy' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"
