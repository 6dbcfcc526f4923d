"""`arcorp tokenizer segment`: words in pieces, scores against gold, one sentence for what can't be read."""

import json
from pathlib import Path

import pytest

from pipelines.cli import run

TEXT = "وبالمدرسة، 3 books\nهالبيوت وَالْمَدْرَسَة\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_a_text_is_shown_with_its_words_in_pieces(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokenizer", "segment", str(text)]) == 0
    shown = capsys.readouterr().out
    assert shown == "و+ب+ال+مدرس+ة، 3 books\nه+ال+بيوت وَ+الْ+مَدْرَس+َة\n3 words, 3 different\n".replace("س+َة", "سَ+ة")


def test_gold_gives_scores_in_a_table_and_as_json(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold.tsv"
    gold.write_text("مدارسها\tمدارس+ها\nرجل\tرجل\nوقد\tو+قد\n")
    arguments = ["tokenizer", "segment", "--segmenter", "rules", "--gold", str(gold)]
    assert run(arguments) == 0
    assert "boundary F1 0.6667, 66.7% of words exact" in capsys.readouterr().out
    assert run([*arguments, str(text), "--format", "json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["gold"] == {
        "tokens": 3, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "exact": pytest.approx(2 / 3),
        "crossed": pytest.approx(1 / 3),
    }  # fmt: skip
    assert output["segmentations"]["هالبيوت"] == "ه+ال+بيوت"


def test_gold_of_clitics_is_scored_by_a_projection_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "clitics.tsv"
    articles = ("البيت", "المدرسة", "الكتاب", "الطريق", "المدينة", "الرجل", "الباب", "السوق", "القصر", "الجبل")
    words = [word for article in articles for word in (article, f"{article}ان")]
    gold.write_text("".join(f"{word}\t{word}\n" for word in words) + "مدارسها\tمدارس+ها\nوالبيت\tو+البيت\nوقد\tو+قد\n")
    assert run(["tokenizer", "segment", "--segmenter", "rules", "--gold", str(gold), "--format", "json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["convention"], output["gold"]["f1"]) == ("clitics", pytest.approx(0.8))
    assert output["errors"]["proclitic"] == {"missed": 1, "false": 0}
    assert run(["tokenizer", "segment", "--segmenter", "rules", "--gold", str(gold)]) == 0
    assert "projected to clitics" in capsys.readouterr().out


def test_unreadable_input_is_reported_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"abc\xff")
    assert run(["tokenizer", "segment", str(tmp_path / "bytes.txt")]) == 3
    assert "byte 3: not UTF-8" in capsys.readouterr().err
    assert run(["tokenizer", "segment"]) == 2
    assert "no text to segment" in capsys.readouterr().err
    (tmp_path / "gold.tsv").write_text("كتابها\tكتاب+ه\n")
    assert run(["tokenizer", "segment", "--gold", str(tmp_path / "gold.tsv")]) == 3
    assert "line 1: the segments do not concatenate" in capsys.readouterr().err
    (tmp_path / "text.txt").write_text("كتاب")
    assert run(["tokenizer", "segment", str(tmp_path / "text.txt"), "--segmenter=camel", "--database=no.db"]) == 3
    assert "no.db: the database does not exist" in capsys.readouterr().err
