"""Masks: each id of a row is trained on exactly if its document has it so, and a mask that differs is reported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sharding.checking import row_view, verify
from sharding.errors import InputError, OptionError
from sharding.exports import FORMATS, export
from sharding.layout import SPLITS
from sharding.proving import DamagedFile
from sharding.rows import Dataset
from sharding.seal import Damaged, hash_file, read_manifest, write_manifest
from tests.sharding.corpus import Document, pack, random_documents, with_options, write_tokens

ROW = 61  # not a whole number of bytes


def conversations(count: int, seed: int = 9, category: str = "chat") -> list[Document]:
    """Return documents of which random ids are trained on, and of some of them the end."""
    rng = np.random.default_rng(seed)
    return [
        Document(
            f"chat/{seed}-{k}",
            ids := rng.integers(4, 1000, rng.integers(1, 90)).tolist(),
            "talk",
            category=category,
            trained=(rng.random(len(ids)) < 0.4).tolist(),
            ends=bool(rng.random() < 0.5),
        )
        for k in range(count)
    ]


def options(**changes: Any) -> Any:
    return with_options(**{"row_tokens": ROW, "rows_per_shard": 40, **changes})


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return [*random_documents(120, 1), *conversations(200)]


@pytest.fixture(scope="module")
def masked_tokens(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokens(tmp_path_factory.mktemp("masks") / "tokens", documents, per_part=50)


@pytest.fixture(scope="module")
def masked(masked_tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a stratum of text and one of conversations. Tests must not change it."""
    return pack(tmp_path_factory.mktemp("masked") / "dataset", [masked_tokens], options())


@pytest.fixture
def copied(masked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(masked, tmp_path / "copy"))


def last_chat_row(folder: Path) -> int:
    """Return the last row of conversations for training."""
    stratum = next(stratum for stratum in Dataset(folder, None).train.strata if stratum.source == "talk")
    return stratum.first_row + stratum.rows - 1


def stream_of(document: Document, bos: int | None, eos: int | None) -> list[bool]:
    """Return which ids of a document's stream are trained on."""
    if document.trained is None:
        return [True] * (len(document.ids) + (bos is not None) + (eos is not None))
    return [False] * (bos is not None) + list(document.trained) + [document.ends] * (eos is not None)


@pytest.mark.parametrize("policy", ["best-fit", "concat"])
@pytest.mark.parametrize(("bos", "eos"), [(1, 2), (1, None), (None, 2), (None, None)])
def test_the_mask_of_every_id_is_that_of_its_document(
    documents: list[Document], masked_tokens: Path, tmp_path: Path, bos: int | None, eos: int | None, policy: str
) -> None:
    data = Dataset(pack(tmp_path / "dataset", [masked_tokens], options(bos=bos, eos=eos, policy=policy, window=30)))
    seen = 0
    for split in (data.train, data.validation):
        for stratum in split.strata:
            is_chat = stratum.source == "talk"
            assert (stratum.trained is not None) == is_chat
            batch = split.read(range(stratum.first_row, stratum.first_row + stratum.rows))
            starts, mask = batch.starts, batch.mask
            for row, segments in enumerate(batch.segments):
                for document, offset, position, length in segments.tolist():
                    expected = stream_of(documents[document], bos, eos)[offset : offset + length]
                    inside = slice(position, position + length)
                    assert mask is None or mask[row, inside].tolist() == expected
                    seen += is_chat
                    if is_chat:
                        assert (batch.is_target[row, inside] == (mask[row, inside] & ~starts[row, inside])).all()
    assert seen > 200
    sidecars = [json.loads(path.read_bytes()) for path in (data.path / "shards").glob("*.json")]
    cuts = sum(sidecar.get("cuts", 0) for sidecar in sidecars)
    assert cuts == sum(
        document >= 120 and offset > 0
        for split in (data.train, data.validation)
        for row in range(split.rows)
        for document, offset, *_ in split.segments(row).tolist()
    )
    trained = sum(s.trained for split in (data.train, data.validation) for s in split.strata if s.trained is not None)
    assert trained == sum(sum(document.trained) for document in documents if document.trained is not None)
    assert verify(data.path, "deep") == []


def test_only_shards_with_a_masked_row_have_a_mask_and_batches_of_others_have_none(masked: Path) -> None:
    data = Dataset(masked)
    files = read_manifest(masked).files
    for name in SPLITS:
        split = data.layout.splits[name]
        chat = next(stratum for stratum in split.strata if stratum.source == "talk")
        for shard in range(split.shards):
            rows = split.rows_of(shard)
            is_masked = rows.start < chat.first_row + chat.rows and chat.first_row < rows.stop
            record = files.get(f"shards/{name}-{shard:05d}-of-{split.shards:05d}.mask")
            assert (record is not None) == is_masked
            if record is not None:
                assert record.bytes == len(rows) * 8
    text, chat_row = data.train.rows - 1, last_chat_row(masked)
    assert data.train.read([text]).mask is None
    alone, mixed = data.train.read([chat_row]).mask, data.train.read([chat_row, text]).mask
    assert alone is not None
    assert mixed is not None
    assert (mixed[0] == alone[0]).all()
    assert not mixed[0].all()
    assert mixed[1].all()


def test_documents_without_a_mask_are_trained_on_in_a_stratum_with_one(tmp_path: Path) -> None:
    chats = conversations(60)
    texts = [Document(f"chat/text-{k}", [5, 6, 7] * 9, "talk", category="chat") for k in range(60)]
    folders = [write_tokens(tmp_path / name, members) for name, members in (("chats", chats), ("texts", texts))]
    data = Dataset(pack(tmp_path / "dataset", folders, options(validation=None)))
    (stratum,) = data.train.strata
    assert stratum.trained == sum(map(sum, (c.trained for c in chats))) + 27 * 60
    batch = data.train.read(range(data.train.rows))
    assert batch.mask is not None
    for row, segments in enumerate(batch.segments):
        for document, offset, position, length in segments.tolist():
            expected = stream_of([*chats, *texts][document], 1, 2)[offset : offset + length]
            assert batch.mask[row, position : position + length].tolist() == expected
    assert verify(data.path, "deep") == []


def reseal(folder: Path, name: str) -> None:
    """Seal a folder whose file `name` has changed."""
    manifest = read_manifest(folder)
    manifest.files[name] = hash_file(folder / name)
    write_manifest(folder, manifest)
    schedule = folder / "schedule.json"
    schedule.unlink()


def flip(folder: Path, split: str, row: int, positions: Sequence[int]) -> str:
    """Flip bits of the mask of a row; returns the name of the file."""
    layout = Dataset(folder, None).layout.splits[split]
    name = f"shards/{split}-{row // layout.rows_per_shard:05d}-of-{layout.shards:05d}.mask"
    data = bytearray((folder / name).read_bytes())
    for position in positions:
        data[row % layout.rows_per_shard * 8 + position // 8] ^= 1 << position % 8
    (folder / name).write_bytes(data)
    return name


def test_a_flipped_bit_of_a_mask_is_found_on_first_use_and_by_the_counts(copied: Path) -> None:
    row, data = last_chat_row(copied), Dataset(copied)
    name = flip(copied, "train", row, [20])
    with pytest.raises(DamagedFile, match=f"{Path(name).name}.*sha256"):
        data.train.read([row])
    assert [fault.file for fault in verify(copied, "full")] == [name]
    reseal(copied, name)
    (fault,) = verify(copied, "deep")
    assert "its rows train on" in fault.what
    assert fault.file.startswith("documents/")


def test_a_mask_that_moved_within_a_document_is_found_by_rendering_it_anew(
    documents: list[Document], masked: Path, copied: Path
) -> None:
    def rendered() -> Iterator[tuple[str, Any, Any]]:
        for document in documents:
            if document.trained is not None:
                yield document.id, np.array(document.ids), np.array(document.trained)

    assert verify(masked, "deep", rendered=rendered) == []
    data = Dataset(copied)
    row = last_chat_row(copied)
    document, _, position, length = max(data.train.segments(row).tolist(), key=lambda segment: segment[3])
    mask = data.train.mask(np.array([row]))
    assert mask is not None
    inside = mask[0, position : position + length]
    moved = [position + int(np.argmax(inside)), position + int(np.argmin(inside))]
    name = flip(copied, "train", row, moved)
    reseal(copied, name)
    assert verify(copied, "deep") == []
    (fault,) = verify(copied, "deep", rendered=rendered)
    assert fault.file == name
    assert f"row {row} of train, document {documents[document].id!r}" in fault.what


def test_conversations_that_are_no_longer_there_or_have_other_ids_are_found(
    documents: list[Document], masked: Path
) -> None:
    chats = [document for document in documents if document.trained is not None]

    def rendered() -> Iterator[tuple[str, Any, Any]]:
        for number, document in enumerate(chats[:-1]):
            yield document.id, np.array(document.ids) + (number == 3), np.array(document.trained)

    missing, other = chats[-1].id, chats[3].id
    whats = " ".join(fault.what for fault in verify(masked, "deep", rendered=rendered))
    assert repr(missing) in whats
    assert repr(other) in whats
    assert repr(chats[2].id) not in whats


def test_a_mask_that_the_summary_does_not_describe_is_refused(copied: Path) -> None:
    manifest = read_manifest(copied)
    name = next(name for name in manifest.files if name.endswith(".mask"))
    record = manifest.files.pop(name)
    write_manifest(copied, manifest)
    with pytest.raises(Damaged, match=Path(name).name):
        Dataset(copied, None)
    manifest.files[name] = record
    for stratum in manifest.summary["splits"]["train"]["strata"]:
        stratum.pop("trained", None)
    write_manifest(copied, manifest)
    with pytest.raises(Damaged, match=r"\.mask"):
        Dataset(copied, None)


def test_a_mask_of_another_size_than_the_ids_is_refused(documents: list[Document], tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", documents, per_part=500)
    (tokens / "part-00000.mask").write_bytes(b"\0")
    manifest = read_manifest(tokens)
    manifest.files["part-00000.mask"] = hash_file(tokens / "part-00000.mask")
    write_manifest(tokens, manifest)
    with pytest.raises(InputError, match=r"part-00000\.mask"):
        pack(tmp_path / "dataset", [tokens], options())


def test_inspection_shows_what_is_trained_on(documents: list[Document], masked: Path) -> None:
    row = last_chat_row(masked)
    for segment in row_view(masked, "train", row):
        document = documents[segment.document.ordinal]
        expected = stream_of(document, 1, 2)[segment.offset : segment.offset + len(segment.ids)]
        assert segment.trained == expected


def test_labels_of_an_export_are_the_targets_and_formats_without_a_loss_mask_refuse(
    masked: Path, dataset: Path, tmp_path: Path
) -> None:
    data = Dataset(masked)
    export(data, "parquet", tmp_path / "parquet", unique=True)
    table = pq.read_table(tmp_path / "parquet/train-00000.parquet")
    batch = data.train.read(range(data.train.rows))
    assert (np.array(table["labels"].to_pylist()) == np.where(batch.is_target, batch.ids, -100)).all()
    for name in FORMATS:
        if name != "parquet":
            with pytest.raises(OptionError, match=r"no loss mask.*export to parquet"):
                export(data, name, tmp_path / name)
    export(Dataset(dataset), "parquet", tmp_path / "text")
    assert "labels" not in pq.read_schema(tmp_path / "text/train-00000.parquet").names


def test_datasets_without_masks_are_as_before(dataset: Path) -> None:
    strata = [
        stratum
        for split in json.loads((dataset / "manifest.json").read_bytes())["summary"]["splits"].values()
        for stratum in split["strata"]
    ]
    assert not any("trained" in stratum for stratum in strata)
    assert not list(dataset.glob("shards/*.mask"))
    assert Dataset(dataset).batch(0).mask is None
