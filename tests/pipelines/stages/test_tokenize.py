"""The tokens of a part are those of its documents, for documents of any length and with either engine."""

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
    """Documents in several row groups: long, short, of a single word, and of marks only."""
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
    documents_ids = []
    for path in sorted(folder.glob("part-*.bin")):
        ids = np.fromfile(path, "<u2").tolist()
        lines = pq.read_table(path.with_suffix(".parquet"), columns=["offset", "tokens"]).to_pylist()
        documents_ids += [ids[line["offset"] : line["offset"] + line["tokens"]] for line in lines]
    return documents_ids


def test_documents_in_several_row_groups_have_the_ids_of_their_whole_text(
    built: Path, books: Path, tmp_path: Path
) -> None:
    assert len(list(parts_of(open_documents([books]))[0].row_groups(["id"]))) > 1
    sealed = run_stage(tokenize_stage(tmp_path, [books], built / "tokenizer"), Context()).sealed
    tokenizer = Tokenizer.load(built / "tokenizer")
    texts = documents(books)
    encoded = ids_of(tmp_path)
    assert [tokenizer.decode(ids) for ids in encoded] == texts
    assert [ids for ids in encoded if len(ids) < 5_000] == [
        tokenizer.encode(text) for text, ids in zip(texts, encoded, strict=True) if len(ids) < 5_000
    ]
    counts = sealed.manifest.counts
    assert counts["documents"].out == len(texts)
    assert counts["bytes"].out == sum(len(text.encode()) for text in texts)
    assert sealed.manifest.summary["parts_by_reference"] == 0


def test_a_part_is_encoded_by_the_reference_if_engines_disagree_on_its_last_row_group(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpora.documents.ROW_GROUP", 400)  # many row groups
    lines = [
        json.dumps({"text": text}, ensure_ascii=False) for text in ["بيت " * 90] * 30 + ["والمدرسة الجديدة " * 20]
    ]
    (tmp_path / "some.jsonl").write_text("\n".join(lines), encoding="utf-8")
    folder = tmp_path / "documents"
    run_stage(
        ingest_stage(folder, "jsonl", [str(tmp_path / "some.jsonl")], IngestOptions(language="arb_Arab")), Context()
    )
    loaded = Tokenizer.load(built / "tokenizer")
    # The engines disagree: the fast engine has a tokenizer without a merge that the last text needs.
    config = json.loads(loaded.json)
    kept = loaded.encode("بيت " * 90)
    needed = {loaded.pieces[id_] for id_ in kept}
    ids = loaded.encode("والمدرسة الجديدة ")
    last = next(id_ for id_ in ids if len(loaded.pieces[id_]) > 2 and id_ not in kept)
    names = {id_: name for name, id_ in config["model"]["vocab"].items()}
    config["model"]["merges"] = [pair for pair in config["model"]["merges"] if "".join(pair) != names[last]]
    poorer = Tokenizer(json.dumps(config).encode(), name="poorer", meta={}, roles={})
    assert all(piece in poorer.pieces for piece in needed)

    class Disagreeing(Encoder):
        def __init__(self, tokenizer: Tokenizer) -> None:
            super().__init__(tokenizer)
            self._fast = Encoder(poorer)._fast

    monkeypatch.setattr("tokenization.model.Encoder", Disagreeing)
    monkeypatch.setattr("tokenization.model.encode.CHECKED_FIRST", 31)  # so that the last document is checked
    sealed = run_stage(tokenize_stage(tmp_path / "tokens", [folder], built / "tokenizer"), Context()).sealed
    assert sealed.manifest.summary["parts_by_reference"] == 1
    assert ids_of(tmp_path / "tokens") == [loaded.encode(text) for text in documents(folder)]
    assert tokenize.VERSION == 4
