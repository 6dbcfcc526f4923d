"""Verification finds every flipped bit, every truncated file, and wrong content that was sealed.

`ARCORP_FLIPS` and `ARCORP_CUTS` set the numbers of random flips, and of random truncations of each file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Set
from pathlib import Path

import numpy as np
import pytest

from sharding.checking import verify
from sharding.checking.verification import recompute_order_hash
from sharding.errors import OptionError
from sharding.layout import PLAN, SCHEDULE, SEGMENT
from sharding.packing import Plan
from sharding.rows import Dataset
from sharding.seal import MANIFEST, Fault, SealError, read_manifest, write_json
from tests.sharding.corpus import mixed_documents, seal

FLIPS = int(os.environ.get("ARCORP_FLIPS", "200"))
CUTS = int(os.environ.get("ARCORP_CUTS", "4"))
LEVELS = ("quick", "full", "deep")
TEXTS = {document.id: " ".join(map(str, document.ids)) for document in mixed_documents()}


def texts_of(names: Set[str]) -> dict[str, str]:
    return {name: TEXTS[name] for name in names if name in TEXTS}


def decode(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def faulty_files(folder: Path, level: str) -> list[str]:
    """Return the names of faulty files; an invalid manifest counts as one."""
    try:
        return [fault.file for fault in verify(folder, level)]
    except SealError:
        return [MANIFEST]


def test_an_unchanged_dataset_has_no_fault_at_any_level(dataset: Path) -> None:
    for level in LEVELS:
        assert verify(dataset, level, decode=decode, read_documents=texts_of) == []


def test_an_unchanged_tokens_folder_has_no_fault_at_any_level(tokens: Path) -> None:
    for level in LEVELS:
        assert verify(tokens, level) == []


@pytest.mark.fault(6)
def test_any_number_of_workers_finds_the_same_faults_in_the_same_order(copy: Path) -> None:
    shards = sorted(path for path in copy.rglob("*.bin"))
    for path in shards[::2]:
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    shards[0].with_suffix(".seg").unlink()
    faults = verify(copy, "full")
    assert len(faults) >= 2
    assert [verify(copy, "full", workers=workers) for workers in (2, 7)] == [faults, faults]


def test_progress_reports_every_byte(dataset: Path) -> None:
    read: list[int] = []
    verify(dataset, "full", progress=read.append)
    assert sum(read) == sum(record.bytes for record in read_manifest(dataset).files.values())


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.fault(10)
def test_the_full_level_finds_flipped_bits_in_every_file(
    copy: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("times", FLIPS)
    rng = np.random.default_rng(1)
    write_json(copy / "second.json", json.loads((copy / SCHEDULE).read_bytes()))
    files = files_of(copy)
    for k in range(FLIPS):
        path = files[k % len(files)]
        good = path.read_bytes()
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        assert faulty_files(copy, "full") == [str(path.relative_to(copy))]
        path.write_bytes(good)
    assert faulty_files(copy, "full") == []


@pytest.mark.fault(8)
def test_the_quick_level_finds_every_truncated_and_every_missing_file(copy: Path) -> None:
    rng = np.random.default_rng(2)
    for path in files_of(copy):
        good = path.read_bytes()
        name = str(path.relative_to(copy))
        sizes = {0, 1, len(good) // 2, len(good) - 2, len(good) - 1}
        sizes |= {int(size) for size in rng.integers(len(good), size=CUTS)}
        for size in sorted(sizes):
            path.write_bytes(good[:size])
            assert faulty_files(copy, "quick") == [name]
        path.unlink()
        if name == MANIFEST:
            with pytest.raises(SealError, match="not sealed"):
                verify(copy, "quick")
        elif name != SCHEDULE:  # a schedule is optional
            assert faulty_files(copy, "quick") == [name]
        path.write_bytes(good)


def test_an_unknown_level_is_refused(dataset: Path) -> None:
    with pytest.raises(OptionError, match="'thorough' is unknown"):
        verify(dataset, "thorough")


# -- wrong content that was sealed ----------------------------------------------------------------------------


def edit_segments(folder: Path, change: Callable[[np.ndarray], None], shard: str = "train-00001-of-00006") -> None:
    path = folder / "shards" / f"{shard}.seg"
    segments = np.fromfile(path, SEGMENT)
    change(segments)
    segments.tofile(path)


def edit_ids(folder: Path, change: Callable[[np.ndarray], None], shard: str = "train-00001-of-00006") -> None:
    path = folder / "shards" / f"{shard}.bin"
    ids = np.fromfile(path, "<u2").reshape(-1, 64)
    change(ids)
    ids.tofile(path)


def deep_faults(folder: Path) -> list[Fault]:
    """Seal a folder as it is, and return the faults of its content."""
    manifest = read_manifest(folder)
    (folder / SCHEDULE).unlink()
    seal(folder, Plan.read(folder), manifest.summary)
    assert verify(folder, "full") == []
    return verify(folder, "deep", decode=decode, read_documents=texts_of)


@pytest.mark.fault(22)
def test_an_id_outside_of_the_vocabulary_is_reported_with_row_and_document(copy: Path) -> None:
    data = Dataset(copy)
    document = int(data.train.segments(153)[0]["document"])

    def change(ids: np.ndarray) -> None:
        ids[3, 5] = 4464

    edit_ids(copy, change)
    faults = deep_faults(copy)
    assert "not in the vocabulary" in str(faults[0])
    assert faults[0].file == "shards/train-00001-of-00006.bin"
    assert f"row 153 of train, document {mixed_documents()[document].id!r}" in faults[0].what


def test_rows_of_padding_are_reported_as_padding_with_row_and_document(copy: Path) -> None:
    sizes = np.ones(1000, np.int32)
    sizes[[998, 999]] = 0
    data = Dataset(copy)
    sizes[[data.layout.bos, data.layout.eos]] = 0
    (copy / "tokenizer").mkdir(exist_ok=True)
    np.save(copy / "tokenizer/token_bytes.npy", sizes)
    segment = data.train.segments(153)[0]
    begin = int(segment["position"]) + 1

    def change(ids: np.ndarray) -> None:
        ids[3, begin : begin + 4] = 999
        ids[4, 7] = 998  # alone it may mark a turn of a conversation

    edit_ids(copy, change)
    faults = deep_faults(copy)
    name = mixed_documents()[int(segment["document"])].id
    assert [fault.file for fault in faults] == ["shards/train-00001-of-00006.bin"]
    assert f"row 153 of train, document {name!r}: 4 of its {segment['length']} ids" in faults[0].what
    assert "padding" in faults[0].what


def shift_position(segments: np.ndarray) -> None:
    segments["length"][4] += 1


def merge_rows(segments: np.ndarray) -> None:
    segments["position"][np.flatnonzero(segments["position"] == 0)[3]] = 1


def foreign_document(segments: np.ndarray) -> None:
    segments["document"][4] = 10**9


def other_stratum(segments: np.ndarray) -> None:
    segments["document"][4] = 999


def other_document(segments: np.ndarray) -> None:
    same = (segments["offset"] == 0) & (segments["length"] == segments["length"][segments["offset"] == 0][0])
    first = np.flatnonzero(same)[0]
    segments["document"][first] += 1


def later_offset(segments: np.ndarray) -> None:
    inner = np.flatnonzero((segments["offset"] > 2) & (segments["length"] < 60))[0]
    segments["offset"][inner] -= 1


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shift_position, "do not tile"),
        (merge_rows, "segments of 149 rows, not of 150"),
        (foreign_document, "does not exist"),
        (other_stratum, "another stratum"),
        (other_document, ""),
        (later_offset, ""),
    ],
)
def test_wrong_segments_are_found(copy: Path, change: Callable[[np.ndarray], None], message: str) -> None:
    edit_segments(copy, change)
    faults = deep_faults(copy)
    assert faults
    assert message in str(faults[0])


def test_a_missing_bos_is_found(copy: Path) -> None:
    def change(ids: np.ndarray) -> None:
        ids[ids == 1] = 7

    edit_ids(copy, change)
    assert "BOS is missing" in str(deep_faults(copy)[0])


@pytest.mark.fault(24)
def test_tokens_that_differ_from_their_documents_are_found(copy: Path) -> None:
    def change(ids: np.ndarray) -> None:
        inner = (ids > 2) & (ids < 990)
        ids[inner] += 1

    edit_ids(copy, change)
    faults = deep_faults(copy)
    assert "do not decode to the document's text" in str(faults[0])


@pytest.mark.fault(24)
def test_counts_that_differ_from_the_rows_are_found(copy: Path) -> None:
    plan = json.loads((copy / PLAN).read_bytes())
    plan["counts"]["documents"]["in"] += 1
    plan["counts"]["documents"]["out"] += 1
    write_json(copy / PLAN, plan)
    assert "documents: 1000 exist, its counts have 1001" in " ".join(str(fault) for fault in deep_faults(copy))


def test_the_order_hash_can_be_computed_in_parts(dataset: Path) -> None:
    data = Dataset(dataset)
    middle = recompute_order_hash(data, 0, 5)
    assert recompute_order_hash(data, 5, 12, middle) == recompute_order_hash(data, 0, 12)
    assert recompute_order_hash(data, 0, 0) == bytes.fromhex(data.digest)
    with pytest.raises(OptionError, match="before step 5 is required"):
        recompute_order_hash(data, 5, 12)
