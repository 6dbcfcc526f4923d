"""Segments concatenate to the word, and the learned segmenter finds the boundaries of gold."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization.errors import GoldError, OptionError, SegmenterError
from tokenization.morphology import (
    Boundaries,
    LearnedSegmenter,
    RuleSegmenter,
    open_segmenter,
    read_gold,
    score,
    segments,
    word_boundaries,
)
from tokenization.morphology.train_learned import main

ARABIC = st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهويةىءآأإؤئ\u064e\u0651\u0640", max_size=50)


@pytest.mark.parametrize("name", ["rules", "learned"])
@given(st.lists(st.one_of(ARABIC, st.text(max_size=12)), max_size=6))
def test_segments_concatenate_to_any_word_and_none_is_empty(name: str, words: list[str]) -> None:
    predicted = word_boundaries(open_segmenter(name), words)
    assert len(predicted) == len(words)
    for word, boundaries in zip(words, predicted, strict=True):
        parts = segments(word, boundaries)
        assert "".join(parts) == word
        assert all(parts) or parts == [""]


@pytest.mark.parametrize("name", ["rules", "learned"])
def test_a_word_has_equal_boundaries_beside_any_words_and_with_any_marks(name: str) -> None:
    opened = open_segmenter(name)
    words = ["والمدرسة", "كتابهم", "محمد"]
    assert word_boundaries(opened, words) == [
        boundaries for word in words for boundaries in word_boundaries(opened, [word])
    ]
    vocalised = "وَالْمَدْرَسَةِ"
    assert segments(vocalised, word_boundaries(opened, [vocalised])[0]) == ["وَ", "الْ", "مَدْرَسَ", "ةِ"]


def test_rules_split_clitics_of_the_standard_language_and_of_dialects() -> None:
    words = {"وبالكتاب": "و ب ال كتاب", "هالبيوت": "ه ال بيوت", "مدارسها": "مدارس ها", "رجل": "رجل"}
    predicted = RuleSegmenter().boundaries(list(words))
    assert [" ".join(segments(word, boundaries)) for word, boundaries in zip(words, predicted, strict=True)] == list(
        words.values()
    )


def test_the_shipped_model_was_cross_validated_above_its_goal_and_fits_gold(samples: Path) -> None:
    gold = read_gold(samples / "gold/wikinews_tokens.tsv")
    words = sorted({word for word, _ in gold})
    learned = score(gold, dict(zip(words, open_segmenter("learned").boundaries(words), strict=True)))
    rules = score(gold, dict(zip(words, open_segmenter("rules").boundaries(words), strict=True)))
    assert learned.f1 > 0.96 > rules.f1 > 0.8


def test_an_unknown_segmenter_is_refused() -> None:
    with pytest.raises(OptionError, match=r"segmenter = 'farasa'.*learned, camel, rules"):
        open_segmenter("farasa")


@pytest.mark.parametrize("boundaries", [(0,), (4,), (9,), (-1,), (2, 2), (3, 1)])
def test_boundaries_that_are_not_rising_positions_inside_the_word_are_refused(boundaries: Boundaries) -> None:
    class Careless:
        def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
            return [boundaries for _ in words]

    with pytest.raises(SegmenterError, match="'كتاب'"):
        word_boundaries(Careless(), ["كتاب"])


def test_a_segmenter_that_omits_a_word_is_refused() -> None:
    class Forgetful:
        def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
            return [() for _ in words[1:]]

    with pytest.raises(SegmenterError, match="1 words for 2"):
        word_boundaries(Forgetful(), ["كتاب", "باب"])


@pytest.mark.fault(27)
def test_training_gives_the_same_bytes_again(tmp_path: Path) -> None:
    (tmp_path / "gold.tsv").write_text("والكتاب\tو+ال+كتاب\nكتابها\tكتاب+ها\nكتب\tكتب\n" * 4)
    (tmp_path / "text.txt").write_text("والكتاب كتاب كتابها كتب الكتاب\n" * 5)
    files = []
    for name in ("a.npz", "b.npz"):
        paths = [f"--{option}={tmp_path / file}" for option, file in (("gold", "gold.tsv"), ("out", name))]
        main([*paths, "--text", str(tmp_path / "text.txt"), "--folds", "0"])
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert LearnedSegmenter.load(tmp_path / "a.npz").boundaries(["والكتاب", "كتابها", "كتب"]) == [(1, 3), (4,), ()]


def test_damaged_or_foreign_weights_are_refused_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SegmenterError, match=r"weights\.npz: .*install arcorp again"):
        LearnedSegmenter.load(path)
    file = io.BytesIO()
    np.savez(file, weights=np.zeros(3))
    path.write_bytes(file.getvalue())
    with pytest.raises(SegmenterError, match=r"weights\.npz: .*format 2.*install arcorp again"):
        LearnedSegmenter.load(path)


def test_gold_that_does_not_concatenate_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "gold.tsv"
    path.write_text("كتابها\tكتاب+ها\nكتابها\tكتاب+ه\n")
    with pytest.raises(GoldError, match=r"gold\.tsv, line 2: .*write word<TAB>segment\+segment"):
        read_gold(path)
    path.write_text("")
    with pytest.raises(GoldError, match=r"gold\.tsv: .*give a TSV"):
        read_gold(path)


def test_scores_count_hits_exact_words_and_words_crossed() -> None:
    gold = [("abcd", (1, 3)), ("abcd", (1, 3)), ("xy", ()), ("pq", (1,))]
    result = score(gold, {"abcd": (1, 2), "xy": (), "pq": (1,)})
    assert (result.hits, result.predicted, result.true, result.exact, result.crossed) == (3, 5, 5, 2, 2)
    assert result.precision == result.recall == result.f1 == pytest.approx(0.6)
