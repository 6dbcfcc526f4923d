"""The stages ingest and dedup seal the same bytes for any number of workers, and drop documents of evaluation sets."""

import gzip
import itertools
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builds import tree

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.recipe import DedupOptions, IngestOptions
from pipelines.run import Context, run_stage
from pipelines.run.state_files import DECISIONS, PAIRS, PRINTS
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
    assert not any((tmp_path / "1" / "unique" / name).exists() for name in (PRINTS, PAIRS, DECISIONS))


@pytest.mark.fault(6)
@pytest.mark.parametrize("most", [40, 700])
def test_ranges_of_keys_do_not_change_the_result(
    articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    options = DedupOptions(method="minhash")
    make(tmp_path / "one", articles, options, 1)
    monkeypatch.setattr("pipelines.stages.dedup.RANGE", most)
    make(tmp_path / "many", articles, options, 1)
    assert tree(tmp_path / "one") == tree(tmp_path / "many")


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


@pytest.mark.parametrize("unit", ["lines", "sentences"])
def test_repeated_spans_are_cut_and_counted_and_any_number_of_workers_gives_the_same_bytes(
    unit: str, tmp_path: Path
) -> None:
    footer = "تابعونا على مواقعنا كلها كل يوم.\nيمنع نسخ المحتوى دون إذن مكتوب.\nجميع الحقوق محفوظة للموقع."
    bodies = [
        "\n".join(f"هذا سطر {word}{other} من الخبر وفيه كلام عن المدينة والناس." for word in "ابتثجحخدذر")
        for other in "سشصضطظ"
    ]
    for number in range(3):
        path = news(
            tmp_path / f"{number}.jsonl", [f"{body}\n{footer}" for body in bodies[2 * number : 2 * number + 2]]
        )
        assert cli.run(["ingest", "jsonl", str(path), "--out", str(tmp_path / f"docs{number}"), "--workers", "1"]) == 0
    folders = [str(tmp_path / f"docs{number}") for number in range(3)]
    for workers in (1, 2):
        out = ["--out", str(tmp_path / f"unique{workers}"), "--workers", str(workers)]
        assert cli.run(["dedup", *folders, "--spans", unit, *out]) == 0
    assert tree(tmp_path / "unique1") == tree(tmp_path / "unique2")
    sealed = Sealed(tmp_path / "unique1")
    texts = [
        text
        for name in sealed.names(suffix=".parquet")
        for text in pq.read_table(sealed.path / name)["text"].to_pylist()
    ]
    assert texts == [f"{bodies[0]}\n{footer}", *bodies[1:]]
    chars = sealed.manifest.counts["chars"]
    assert chars.dropped == {"repeated spans": 5 * (len(footer) + 1)}
    assert chars.input == chars.out + sum(chars.dropped.values())


def test_the_fields_of_an_evaluation_set_and_a_set_that_cannot_match_are_reported(
    documents: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "arc.json").write_text(json.dumps([{"question": PASSAGE, "id": "1"}]))
    (tmp_path / "short.json").write_text(json.dumps({"data": [{"word": "قصير"}, {"word": "جدا"}]}))
    sets = ["--decontaminate", str(tmp_path / "arc.json"), "--decontaminate", str(tmp_path / "short.json")]
    out = tmp_path / "unique"
    assert cli.run(["dedup", str(documents), *sets, "--out", str(out), "--workers", "1"]) == 0
    log = capsys.readouterr().err
    assert re.search(r"evaluation set arc: 1 records, .* n-grams of question, id", log)
    assert re.search(r"warning: evaluation set short .*2 records of data\.word", log)
    manifest = Sealed(out).manifest
    assert manifest.counts["documents"].dropped["in evaluation set arc"] == 2
    assert manifest.summary["evaluation"][1]["ngrams"] == 0


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


def test_near_duplicates_of_more_parts_than_a_process_may_open_files_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpora.sources.base.SLICE", 1)  # each file is a part
    text = " ".join("".join(word) for word in itertools.product("بتثجحخ", "دذرزسش", "صضطظعغ"))
    (tmp_path / "in").mkdir()
    for number in range(100):
        line = json.dumps({"text": f"{text} {'نعم' * (number + 1)}"}, ensure_ascii=False)
        (tmp_path / "in" / f"{number:03}.jsonl.gz").write_bytes(gzip.compress(line.encode(), mtime=0))
    ingest = ingest_stage(tmp_path / "documents", "jsonl", [str(tmp_path / "in")], IngestOptions(language="arb_Arab"))
    run_stage(ingest, Context())
    command = [sys.executable, "-m", "pipelines.cli", "dedup", str(tmp_path / "documents"), "--workers", "1"]

    def limit() -> None:  # in a process of its own: other tests may have left files open in this one
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    command += ["--method", "minhash", "--out", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 0, done.stderr
    counts = Sealed(tmp_path / "kept").manifest.counts["documents"]
    assert (counts.input, counts.out, counts.dropped["near duplicate"]) == (100, 1, 99)


@pytest.fixture
def unique(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Documents of two sources without duplicates: the first is found in both, the third is a near copy of it."""
    text = " ".join("".join(word) for word in itertools.product("بتثجحخ", "دذرزسش", "صضطظعغ"))
    for name, texts in (("jsonl", [text, "نص آخر"]), ("parquet", [f"{text} نعم", text])):
        path = tmp_path / f"{name}.{name}"
        if name == "jsonl":
            news(path, texts)
        else:
            pq.write_table(pa.table({"id": ["7", "8"], "text": texts}), path)
        arguments = ["ingest", name, str(path), "--id-field", "id", "--out", str(tmp_path / name), "--workers", "1"]
        assert cli.run(arguments) == 0
    folders = [str(tmp_path / name) for name in ("jsonl", "parquet")]
    arguments = ["dedup", *folders, "--method", "minhash", "--out", str(tmp_path / "unique"), "--workers", "1"]
    assert cli.run(arguments) == 0
    capsys.readouterr()
    return tmp_path / "unique"


def test_inspect_shows_what_a_document_was_dropped_for(unique: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def inspected(name: str) -> list[dict[str, object]]:
        assert cli.run(["inspect", str(unique), "--document", name, "--format", "json"]) == 0
        lines: list[dict[str, object]] = json.loads(capsys.readouterr().out)["dropped"]
        return lines

    (line,) = inspected("parquet/7")
    assert (line["reason"], line["kept"], line["kept_part"]) == ("near duplicate", "jsonl/0", "part-00000")
    assert 0.9 < float(str(line["similarity"])) < 1
    assert [line["id"] for line in inspected("jsonl/0")] == ["parquet/7", "parquet/8"]
    assert inspected("jsonl/1") == []
    assert cli.run(["inspect", str(unique), "--document", "jsonl/9"]) == 3
    assert "jsonl/9" in capsys.readouterr().err
    assert cli.run(["inspect", str(unique)]) == 2


def test_documents_that_two_sources_have_in_common_are_named_and_can_be_chosen(unique: Path, tmp_path: Path) -> None:
    (line,) = (
        line
        for path in unique.glob("*.parquet")
        for line in map(json.loads, pq.read_table(path)["metadata"].to_pylist())
        if "cluster" in line
    )
    assert line["cluster_sources"] == ["jsonl", "parquet"]
    assert (line["cluster"], line["cluster_size"]) == ("jsonl/0", 3)
    folders = [tmp_path / "jsonl", tmp_path / "parquet"]
    options = DedupOptions(method="minhash", least_sources=2)
    counts = run_stage(dedup_stage(tmp_path / "common", folders, options), Context()).sealed.manifest.counts[
        "documents"
    ]
    assert (counts.out, counts.dropped["in too few sources"]) == (1, 1)


def test_a_part_that_lost_all_its_documents_is_read_again(unique: Path, tmp_path: Path) -> None:
    assert [len(pq.read_table(path)) for path in sorted(unique.glob("*.parquet"))] == [2, 0]
    options = DedupOptions(method="minhash", spans="lines")
    counts = run_stage(dedup_stage(tmp_path / "again", [unique], options), Context()).sealed.manifest.counts[
        "documents"
    ]
    assert (counts.input, counts.out) == (2, 2)
