"""Tokens of a part are those of its documents one by one, however long these are, and whichever engine does it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.recipe import IngestOptions
from pipelines.run import Context, run_stage
from pipelines.stages import tokenize
from pipelines.stages.documents import open_documents, parts_of
from pipelines.stages.ingest import ingest_stage
from pipelines.stages.tokenize import tokenize_stage
from tokenization.model import Encoder, Tokenizer


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents in several row groups: a long one, short ones, one that is a single word, one of marks alone."""
    folder = tmp_path_factory.mktemp("books")
    texts = [
        "باب الصبر\n" * 430_000,
        "قصير",
        "ك" * 200_000,
        "x",
        "\u0651\u064e\u0301" * 1_000,
        "سطر\n" * 900_000,
        "نعم",
    ]
    lines = [json.dumps({"text": text, "id": str(number)}, ensure_ascii=False) for number, text in enumerate(texts)]
    (folder / "books.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = IngestOptions(language="arb_Arab")
    run_stage(ingest_stage(folder / "documents", "jsonl", [str(folder / "books.jsonl")], options), Context())
    return folder / "documents"


def documents(folder: Path) -> list[str]:
    return [text for part in parts_of(open_documents([folder])) for text in part.read(["text"])["text"].to_pylist()]


def ids_of(folder: Path) -> list[list[int]]:
    found = []
    for path in sorted(folder.glob("part-*.bin")):
        ids = np.fromfile(path, "<u2").tolist()
        lines = pq.read_table(path.with_suffix(".parquet"), columns=["offset", "tokens"]).to_pylist()
        found += [ids[line["offset"] : line["offset"] + line["tokens"]] for line in lines]
    return found


def test_long_documents_come_piece_by_piece_and_their_ids_whole(built: Path, books: Path, tmp_path: Path) -> None:
    assert len(list(parts_of(open_documents([books]))[0].row_groups(["id"]))) > 1
    sealed = run_stage(tokenize_stage(tmp_path, [books], built / "tokenizer"), Context()).sealed
    tokenizer = Tokenizer.load(built / "tokenizer")
    texts = documents(books)
    found = ids_of(tmp_path)
    assert [tokenizer.decode(ids) for ids in found] == texts
    assert [ids for ids in found if len(ids) < 5_000] == [
        tokenizer.encode(text) for text, ids in zip(texts, found, strict=True) if len(ids) < 5_000
    ]
    counts = sealed.manifest.counts
    assert counts["documents"].out == len(texts)
    assert counts["bytes"].out == sum(len(text.encode()) for text in texts)
    assert sealed.manifest.summary["parts_by_reference"] == 0


def test_a_part_whose_last_piece_engines_disagree_on_is_done_anew_by_the_reference(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpora.documents.ROW_GROUP", 400)  # many pieces
    lines = [
        json.dumps({"text": text}, ensure_ascii=False) for text in ["بيت " * 90] * 30 + ["والمدرسة الجديدة " * 20]
    ]
    (tmp_path / "some.jsonl").write_text("\n".join(lines), encoding="utf-8")
    folder = tmp_path / "documents"
    run_stage(
        ingest_stage(folder, "jsonl", [str(tmp_path / "some.jsonl")], IngestOptions(language="arb_Arab")), Context()
    )
    loaded = Tokenizer.load(built / "tokenizer")
    # Two engines that really disagree: the fast one is given a tokenizer without the merge that the last text needs.
    config = json.loads(loaded.json)
    kept = loaded.encode("بيت " * 90)
    needed = {loaded.pieces[at] for at in kept}
    last = next(at for at in loaded.encode("والمدرسة الجديدة ") if len(loaded.pieces[at]) > 2 and at not in kept)
    names = {at: name for name, at in config["model"]["vocab"].items()}
    config["model"]["merges"] = [pair for pair in config["model"]["merges"] if "".join(pair) != names[last]]
    poorer = Tokenizer(json.dumps(config).encode(), name="poorer", meta={}, roles={})
    assert all(piece in poorer.pieces for piece in needed)

    class Disagreeing(Encoder):
        def __init__(self, tokenizer: Tokenizer) -> None:
            super().__init__(tokenizer)
            self._fast = Encoder(poorer)._fast

    monkeypatch.setattr("tokenization.model.Encoder", Disagreeing)
    monkeypatch.setattr("tokenization.model.encode.CHECKED_FIRST", 31)  # so that the last one is checked
    sealed = run_stage(tokenize_stage(tmp_path / "tokens", [folder], built / "tokenizer"), Context()).sealed
    assert sealed.manifest.summary["parts_by_reference"] == 1
    assert ids_of(tmp_path / "tokens") == [loaded.encode(text) for text in documents(folder)]
    assert tokenize.VERSION == 2
