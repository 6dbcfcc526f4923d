"""A dry run reads the first records: what it accepts is built, and what it refuses is refused by the build too."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines import cli

SENTENCE = "ذهب الولد إلى المدرسة في الصباح الباكر وكان الجو جميلا"


def write(folder: Path, name: str) -> None:
    """Write a file of one of the kinds that the cases name."""
    line = json.dumps({"النص": SENTENCE}, ensure_ascii=False)
    data = {
        "field.jsonl": line,
        "text.jsonl": json.dumps({"text": SENTENCE}),
        "empty.jsonl": json.dumps({"text": ""}) * 2,
        "semi.csv": f"id;text\n1;{SENTENCE}\n",
        "array.json": f"[{line}]",
        "upper.TXT": SENTENCE,
        "english.txt": "The boy is at the school and the day is long. " * 9,
        "wrong.jsonl": "plain text\n",
        "nothing.txt": "",
    }.get(name)
    folder.mkdir(exist_ok=True)
    path = folder / name
    if data is not None:
        path.write_text(data, encoding="utf-8")
    elif name == "cut.jsonl.gz":
        path.write_bytes(gzip.compress(line.encode() * 99)[:-9])
    elif name == "columns.parquet":
        column = pa.array([SENTENCE])
        pq.write_table(pa.Table.from_arrays([column, column], names=["text", "text"]), path)


CASES: list[tuple[str, dict[str, Any], int]] = [
    ("field.jsonl", {"source": "jsonl"}, 3),
    ("field.jsonl", {"source": "jsonl", "text_field": "النص"}, 0),
    ("field.jsonl", {"source": "oscar"}, 3),
    ("semi.csv", {"source": "csv"}, 3),
    ("semi.csv", {"source": "csv", "options": {"delimiter": ";"}}, 0),
    ("semi.csv", {"source": "csv", "delimiter": ";"}, 2),
    ("array.json", {"source": "jsonl"}, 3),
    ("array.json", {"source": "json", "text_field": "النص"}, 0),
    ("upper.TXT", {"source": "text"}, 0),
    ("upper.TXT", {"source": "text", "profile": "web", "language": "ar"}, 3),
    ("english.txt", {"source": "text", "language": "arb_Arab"}, 0),
    ("empty.jsonl", {"source": "jsonl"}, 3),
    ("wrong.jsonl", {"source": "jsonl"}, 3),
    ("cut.jsonl.gz", {"source": "jsonl", "text_field": "النص"}, 3),
    ("nothing.txt", {"source": "text"}, 3),
    ("columns.parquet", {"source": "parquet"}, 3),
    ("nowhere.jsonl", {"source": "jsonl"}, 3),
]


@pytest.mark.parametrize(("name", "corpus", "code"), CASES, ids=lambda value: str(value)[:40])
def test_a_dry_run_and_the_build_end_alike(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    corpus: dict[str, Any],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data", name)
    recipe = {"name": "a", "corpora": [{**corpus, "input": "data"}], "phases": [{"name": "all", "steps": 1}]}
    Path("a.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    sentences = []
    for command in (["--dry-run"], ["--until", "ingest", "--workers", "1", "--out", "out"]):
        assert cli.run(["build", "a.yaml", *command]) == code, command
        sentences.append([line for line in capsys.readouterr().err.splitlines() if line.startswith("arcorp:")])
    assert sentences[0] == sentences[1]
    assert len(sentences[0]) == bool(code)


def test_a_dry_run_shows_documents_labels_licences_and_what_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    records = [{"text": SENTENCE, "language": "arz", "license": "CC0-1.0"}, {"text": ""}]
    Path("a.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    assert cli.run(["ingest", "jsonl", "a.jsonl", "--out", "out", "--dry-run", "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["records"], plan["kept"], plan["dropped"]) == (2, 1, {"empty text": 1})
    assert (plan["languages"], plan["licenses"]) == ({"arz_Arab": 1}, {"CC0-1.0": 1})
    assert not Path("out").exists()
    write(tmp_path, "english.txt")
    command = ["ingest", "text", "english.txt", "--language", "ar", "--out", "out", "--dry-run", "--format", "json"]
    assert cli.run(command) == 0
    assert "Latn" in json.loads(capsys.readouterr().out)["doubts"][0]


def test_a_bad_file_that_would_be_left_out_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data", "text.jsonl")
    write(tmp_path / "data", "cut.jsonl.gz")
    command = [
        "ingest",
        "jsonl",
        "data",
        "--on-bad-file",
        "quarantine",
        "--out",
        "out",
        "--dry-run",
        "--format",
        "json",
    ]
    assert cli.run(command) == 0
    assert "cut.jsonl.gz" in json.loads(capsys.readouterr().out)["doubts"][-1]


def test_files_are_opened_at_equal_distances_when_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.stages.first_documents.MOST_FILES", 3)
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(SENTENCE, encoding="utf-8")
    command = ["ingest", "text", str(tmp_path), "--out", str(tmp_path / "out"), "--dry-run", "--format", "json"]
    assert cli.run(command) == 0
    assert json.loads(capsys.readouterr().out)["opened"] == 3
