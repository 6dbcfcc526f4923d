"""Parts of many corpora are joined, so that the later stages have not many more than a limit of all together."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines import cli
from pipelines.stages import documents
from sharding.seal import Sealed

FILES = 7
LETTERS = "بتثجحخدذرزسشصضطظعغ"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Two corpora of seven compressed files that have some documents in common."""
    for corpus in range(2):
        (tmp_path / f"text-{corpus}").mkdir()
        for number in range(FILES):
            words = [f"{LETTERS[number]}{letter}{LETTERS[corpus * (number % 2)]}" for letter in LETTERS]
            lines = [json.dumps({"text": f"{word} {' '.join(words)}"}, ensure_ascii=False) for word in words]
            path = tmp_path / f"text-{corpus}" / f"{number}.jsonl.gz"
            path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    path = tmp_path / "joined.yaml"
    path.write_text(
        "name: joined\n"
        "corpora: [{source: jsonl, input: text-0, language: arb}, {source: jsonl, input: text-1, language: arz}]\n"
        "dedup: {method: exact}\n"
        "tokenizer: {vocab_size: 280, sample: {chars: 20000}}\n"
        "pack: {row_tokens: 32, validation: {rows: 8}, rows_per_shard: 64}\n"
        "phases: [{name: all, steps: 2}]\n"
        "train: {batch_rows: 4}\n"
    )
    return path


def built(recipe: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Build and verify in this process. Returns the folder and the figures of its report on the corpora."""
    out = recipe.parent / name
    assert cli.run(["build", str(recipe), "--out", str(out), "--until", "verify", "--workers", "1"]) == 0
    assert cli.run(["verify", str(out), "--level", "deep"]) == 0
    assert cli.run(["report", str(out)]) == 0
    figures = json.loads((out / "report.json").read_bytes())
    return out, figures["sources"]


def texts(folder: Path) -> list[str]:
    sealed = Sealed(folder)
    names = sealed.names(suffix=".parquet")
    return [text for name in names for text in pq.read_table(folder / name)["text"].to_pylist()]


def test_the_parts_of_many_corpora_are_joined_and_the_documents_are_the_same(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpora.sources.base.SLICE", 1)  # each file is a part
    each, figures = built(recipe, "each")
    monkeypatch.setattr(documents, "MOST_PARTS", 5)  # of fourteen: four are joined, and three
    joined, others = built(recipe, "joined")
    for folder in ("unique", "tokens"):
        assert len(Sealed(each / folder).names(prefix="part-", suffix=".parquet")) == 2 * FILES
        assert len(Sealed(joined / folder).names(prefix="part-", suffix=".parquet")) == 4
    assert texts(joined / "unique") == texts(each / "unique")
    for before, after in zip(figures["corpora"], others["corpora"], strict=True):
        assert after["dedup"] == before["dedup"]
        assert after["dedup"]["documents"]["in"] == FILES * len(LETTERS)
    assert figures["dedup"]["documents"]["dropped"]["exact duplicate"] > FILES
