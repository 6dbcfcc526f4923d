"""`arcorp init` reads every file, writes a corpus for each kind, and names each file that it leaves out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpora.sources import find_source
from pipelines import cli
from pipelines.recipe import load_recipe

SENTENCE = "ذهب الولد إلى المدرسة في الصباح الباكر وكان الجو جميلا"


def lines(path: Path, *records: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def init(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert cli.run(["init", *map(str, arguments), "--format", "json"]) == 0
    written: dict[str, Any] = json.loads(capsys.readouterr().out)
    return written


def selected(recipe: Path) -> list[set[str]]:
    """The files that each corpus of a recipe selects, by their names."""
    corpora = []
    for corpus in load_recipe(recipe).corpora:
        inputs = [corpus.input] if isinstance(corpus.input, str) else corpus.input
        files = find_source(corpus.source)(**corpus.source_values()).files(inputs)
        corpora.append({Path(file.path).name for file in files})
    return corpora


@pytest.mark.parametrize("folder", ["mixed", "نصوص عربية [1] (a) #'", "-x {y}: z"])
def test_every_corpus_selects_the_files_of_its_kind_in_a_folder_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / folder
    for place in ("a", "b [2]/c", "."):
        lines(data / place / "x.jsonl", {"text": f"{SENTENCE} {place}"}, {"text": f"{SENTENCE} {place} 2"})
        lines(data / place / "y.jsonl", {"النص": f"{SENTENCE} {place}"}, {"النص": f"{SENTENCE} {place} 2"})
        (data / place / "كتاب 1.TXT").write_text(f"{SENTENCE} {place}", encoding="utf-8")
    (data / "a" / "odd").write_bytes(b"\0\1\2")
    (data / "README.md").write_text("About")
    result = init(capsys, "./" + folder, "--out", "mine.yaml")
    assert {Path(file["file"]).name for file in result["left_out"]} == {"odd", "README.md"}
    assert all(file["reason"] for file in result["left_out"])
    assert sorted(selected(tmp_path / "mine.yaml"), key=sorted) == [{"x.jsonl"}, {"y.jsonl"}, {"كتاب 1.TXT"}]
    assert cli.run(["build", "mine.yaml", "--out", "out", "--until", "ingest", "--workers", "1"]) == 0


def test_the_recipe_states_what_is_guessed_and_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(f"رقم;النص\nأ1;{SENTENCE}\nب2;{SENTENCE}\n", encoding="utf-8")
    (tmp_path / "data" / "b.pdf").write_bytes(b"%PDF-1.7 \x9f\x92")
    assert cli.run(["init", "data", "--out", "mine.yaml"]) == 0
    shown = capsys.readouterr().out
    text = (tmp_path / "mine.yaml").read_text("utf-8")
    assert max(map(len, text.splitlines())) <= 80
    comments = " ".join(line.strip(" #") for line in text.splitlines() if line.lstrip().startswith("#"))
    for part in (comments, shown):
        assert "b.pdf" in part
        assert "PDF" in part
    assert "Guessed: language, text_field, id_field, delimiter." in comments
    (corpus,) = yaml.safe_load(text)["corpora"]
    assert corpus == {
        "source": "csv",
        "input": "data",
        "language": "arb_Arab",
        "text_field": "النص",
        "id_field": "رقم",
        "options": {"delimiter": ";"},
    }


def test_labels_of_the_data_are_kept_and_the_flag_labels_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(
        tmp_path / "data" / "a.jsonl", {"text": SENTENCE, "language": "arz_Arab"}, {"text": SENTENCE, "language": "en"}
    )
    lines(tmp_path / "data" / "b.jsonl", {"text": SENTENCE}, {"text": SENTENCE})
    result = init(capsys, tmp_path / "data", "--language", "egyptian", "--out", tmp_path / "mine.yaml")
    assert {corpus.get("language") for corpus in result["corpora"]} == {None, "arz_Arab"}
    assert cli.run(["init", str(tmp_path), "--language", "klingonese", "--out", str(tmp_path / "b.yaml")]) == 2


def test_a_text_field_is_given_to_the_files_that_have_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines(tmp_path / "data" / "a.jsonl", {"text": "قصير", "أصل": SENTENCE}, {"text": "قصير", "أصل": SENTENCE})
    lines(tmp_path / "data" / "b.jsonl", {"text": SENTENCE}, {"text": SENTENCE})
    result = init(capsys, tmp_path / "data", "--text-field", "أصل", "--out", tmp_path / "mine.yaml")
    assert [corpus.get("text_field") for corpus in result["corpora"]] == ["أصل", None]
    assert cli.run(["init", str(tmp_path), "--text-field", "nothing", "--out", str(tmp_path / "b.yaml")]) == 2
    assert "nothing" in capsys.readouterr().err


def test_numbers_that_begin_anew_in_each_file_are_no_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        lines(tmp_path / "data" / f"{name}.jsonl", *({"id": n, "text": f"{SENTENCE} {name} {n}"} for n in range(3)))
    (corpus,) = init(capsys, tmp_path / "data", "--out", tmp_path / "mine.yaml")["corpora"]
    assert "id_field" not in corpus


def test_a_file_that_changes_after_init_is_read_as_it_is_or_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "data" / "a.jsonl", {"نص": SENTENCE}, {"نص": f"{SENTENCE} 2"})
    init(capsys, "data", "--out", "mine.yaml")
    lines(tmp_path / "data" / "a.jsonl", {"text": SENTENCE}, {"text": f"{SENTENCE} 2"})
    for command in (["--dry-run"], ["--out", "out", "--until", "ingest"]):
        assert cli.run(["build", "mine.yaml", *command]) == 3
        assert "a.jsonl" in capsys.readouterr().err


def test_conversations_are_recognised_and_their_recipe_has_the_special_tokens_of_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = [{"role": "user", "content": SENTENCE}, {"role": "assistant", "content": f"نعم، {SENTENCE}"}]
    lines(tmp_path / "talk.jsonl", *({"messages": turns} for _ in range(3)))
    out = tmp_path / "mine.yaml"
    (corpus,) = init(capsys, tmp_path / "talk.jsonl", "--out", out)["corpora"]
    assert (corpus["source"], corpus["language"]) == ("chat", "arb_Arab")
    assert {"<|bos|>", "<|user|>", "<|assistant|>", "<|eot|>"} <= load_recipe(out).tokenizer.layout().specials.keys()
    without = ["--set", "tokenizer.specials=[<|bos|>]", "--out", str(tmp_path / "out")]
    assert cli.run(["build", str(out), "--dry-run", *without]) == 2  # before anything is read
    error = capsys.readouterr().err
    assert all(part in error for part in ("tokenizer.specials", "<|user|>", "<|assistant_end|>"))
