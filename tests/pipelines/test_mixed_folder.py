"""`init`, a dry run and a build of a folder that holds a file of every kind."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corpora.sources import SOURCES, find_source
from corpora.sources.conversations import Conversations
from pipelines import cli
from pipelines.recipe import load_recipe
from tests.mixed_folder import Made, make


@pytest.fixture
def place(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Made]]:
    """An odd folder name, and the files in it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "بيانات [كل] #1"
    folder.mkdir()
    return folder, make(folder, samples)


@pytest.mark.slow
def test_every_file_is_read_with_the_right_label_licence_and_source_or_named_with_the_reason(
    place: tuple[Path, dict[str, Made]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, made = place
    conversations = {name for name, source in SOURCES.items() if issubclass(source, Conversations)}
    assert {what.source for what in made.values()} - {""} == set(SOURCES) - conversations
    assert cli.run(["init", folder.name, "--out", "mine.yaml", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    left_out = {str(Path(file["file"]).relative_to(folder.name)): file["reason"] for file in result["left_out"]}
    assert set(left_out) == {name for name, what in made.items() if not what.source}
    for name, reason in left_out.items():
        assert reason, name
        assert made[name].reason in reason, (name, reason)

    lines = Path("mine.yaml").read_text("utf-8").splitlines()
    assert max(len(line) for line in lines if " " in line.strip(" #-'")) <= 80

    selected: Counter[str] = Counter()
    wrong = []
    for corpus in load_recipe(Path("mine.yaml")).corpora:
        inputs = [corpus.input] if isinstance(corpus.input, str) else corpus.input
        for file in find_source(corpus.source)(**corpus.source_values()).files(inputs):
            name = str(Path(file.path).absolute().relative_to(folder))
            selected[name] += 1
            if made[name].source != corpus.source:
                wrong.append((name, corpus.source))
    assert not wrong
    assert selected == {name: 1 for name, what in made.items() if what.documents}

    assert cli.run(["build", "mine.yaml", "--dry-run", "--format", "json"]) == 0
    assert not json.loads(capsys.readouterr().out)["missing"]
    assert cli.run(["build", "mine.yaml", "--out", "out", "--until", "ingest", "--workers", "1"]) == 0
    columns = ["source", "language", "license", "id"]
    rows = [
        row
        for part in Path("out/documents").rglob("*.parquet")
        for row in pq.read_table(part, columns=columns).to_pylist()
    ]
    assert len({row["id"] for row in rows}) == len(rows)
    expected: Counter[tuple[str, str]] = Counter()
    for what in made.values():
        expected[what.source, what.language] += what.documents
    assert Counter((row["source"], row["language"]) for row in rows) == +expected
    licenses = {(what.source, what.language): set[str]() for what in made.values()}
    for what in made.values():
        licenses[what.source, what.language].add(what.license)
    for row in rows:
        assert any(row["license"].startswith(text) for text in licenses[row["source"], row["language"]]), row
