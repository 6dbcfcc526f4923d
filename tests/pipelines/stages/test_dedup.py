"""The stages ingest and dedup seal the same bytes for any number of workers, and drop documents of evaluation sets."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builds import tree

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.recipe import DedupOptions, IngestOptions
from pipelines.run import Context, run_stage
from pipelines.run.state_files import DECISIONS
from pipelines.stages.dedup import dedup_stage
from pipelines.stages.ingest import ingest_stage
from sharding.seal import Sealed


def news(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


@pytest.fixture
def articles(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Articles with exact and near duplicates, in many parts although the file is small."""
    for module in ("reading.formats", "reading.parquet", "sources.base"):
        monkeypatch.setattr(f"corpora.{module}.SLICE", 1 << 20)
    table = pq.read_table(samples / "data/fineweb-2/data/arb_Arab/test/000_00000.parquet", columns=["text"])
    texts = [text for text in table["text"].to_pylist() if len(text) > 1_000][:600]
    return news(tmp_path / "articles.jsonl", [*texts, *texts[::3], *(text[:-50] for text in texts[1::3])])


def make(out: Path, articles: Path, options: DedupOptions, workers: int) -> list[int]:
    """Ingest and deduplicate. Returns the number of parts that each stage made."""
    context = Context(workers=workers)
    ingested = run_stage(ingest_stage(out / "articles", "jsonl", [str(articles)], IngestOptions()), context)
    return [ingested.made, run_stage(dedup_stage(out / "unique", [out / "articles"], options), context).made]


@pytest.mark.fault(6)
def test_one_two_and_seven_workers_seal_the_same_bytes(articles: Path, samples: Path, tmp_path: Path) -> None:
    options = DedupOptions(method="minhash", decontaminate=[str(samples / "data/math/gsm8k/test.jsonl")])
    parts = [make(tmp_path / str(workers), articles, options, workers) for workers in (1, 2, 7)]
    assert parts[0] == parts[1] == parts[2]
    assert parts[0][0] == parts[0][1] >= 7
    by_1, by_2, by_7 = (tree(tmp_path / str(workers)) for workers in (1, 2, 7))
    assert by_1 == by_2
    assert by_1 == by_7
    counts = Sealed(tmp_path / "1" / "unique").manifest.counts["documents"]
    assert counts.dropped["exact duplicate"] >= 200
    assert counts.dropped["near duplicate"] > 100
    assert not (tmp_path / "1" / "unique" / DECISIONS).exists()


PASSAGE = "سافر أحمد إلى مكة المكرمة مع عائلته في أول أيام العطلة الصيفية ثم عاد إلى بيته بعد أسبوع واحد"


@pytest.fixture
def documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = news(tmp_path / "a.jsonl", [f"قبل. {PASSAGE}. بعد", "نص آخر لا يشبهه", "نص آخر لا يشبهه", f"{PASSAGE}!"])
    assert cli.run(["ingest", "jsonl", str(path), "--out", str(tmp_path / "docs"), "--workers", "1"]) == 0
    capsys.readouterr()
    return tmp_path / "docs"


@pytest.mark.parametrize(("method", "kept"), [("none", 2), ("exact", 1), ("minhash", 1)])
def test_documents_of_an_evaluation_set_are_dropped_and_counted_by_set(
    documents: Path, tmp_path: Path, method: str, kept: int
) -> None:
    (tmp_path / "arc").mkdir()
    (tmp_path / "arc" / "test.txt").write_text(f"{PASSAGE}\nقصير\n")
    (tmp_path / "other.txt").write_text(
        "هذا سؤال طويل من مجموعة أخرى لا توجد في أي وثيقة من الوثائق المقروءة هنا أبدا"
    )
    sets = ["--decontaminate", str(tmp_path / "arc" / "test.txt"), "--decontaminate", str(tmp_path / "other.txt")]
    out = tmp_path / "unique"
    assert cli.run(["dedup", str(documents), "--method", method, *sets, "--out", str(out), "--workers", "1"]) == 0
    manifest = Sealed(out).manifest
    counts = manifest.counts["documents"]
    assert counts.out == kept
    assert counts.dropped["in evaluation set test"] == 2
    assert [(line["name"], line["records"], line["short"]) for line in manifest.summary["evaluation"]] == [
        ("other", 1, 0),
        ("test", 2, 1),
    ]
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    assert all(
        PASSAGE not in text for path in out.glob("*.parquet") for text in pq.read_table(path)["text"].to_pylist()
    )


@pytest.mark.fault(7)
def test_another_evaluation_set_is_other_work(documents: Path, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    for number, text in enumerate((PASSAGE, PASSAGE + " تماما")):
        path.write_text(text)
        stage = dedup_stage(tmp_path / "unique", [documents], DedupOptions(decontaminate=[str(path)]))
        if number:
            with pytest.raises(UsageError, match="evaluation test"):
                run_stage(stage, Context())
        else:
            run_stage(stage, Context())


def test_an_evaluation_set_without_records_stops_the_command(
    documents: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test.jsonl").write_text("\n")
    arguments = [
        "dedup",
        str(documents),
        "--decontaminate",
        str(tmp_path / "test.jsonl"),
        "--out",
        str(tmp_path / "u"),
    ]
    assert cli.run([*arguments, "--workers", "1"]) == 3
    assert str(tmp_path / "test.jsonl") in capsys.readouterr().err


def test_paths_of_evaluation_sets_are_relative_to_the_recipe(tmp_path: Path) -> None:
    from pipelines.recipe import load_recipe, to_yaml

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: a\ncorpora: [{source: jsonl, input: a.jsonl}]\nphases: [{name: a, steps: 1}]\n"
        "dedup: {method: minhash, decontaminate: [evaluation/test.jsonl], ngram: 10}\n"
    )
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "test.jsonl").write_text('{"text": "a"}')
    loaded = load_recipe(recipe)
    assert loaded.dedup.decontaminate == [str(tmp_path / "evaluation/test.jsonl")]
    assert "ngram: 10" in to_yaml(loaded)


@pytest.mark.fault(8)
def test_a_damaged_part_is_made_again_to_the_same_bytes(documents: Path, tmp_path: Path) -> None:
    stage = dedup_stage(tmp_path / "unique", [documents], DedupOptions(method="minhash"))
    digest = run_stage(stage, Context()).sealed.digest
    (tmp_path / "unique" / "part-00000.parquet").unlink()
    outcome = run_stage(stage, Context())
    assert (outcome.mended, outcome.sealed.digest) == (["part-00000.parquet"], digest)
