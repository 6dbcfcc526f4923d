"""Figures equal those of an independent computation, one document and one word at a time."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenization.slowly import slowly
from tokenization import evaluation
from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation import UNITS
from tokenization.model import Encoder, Tokenizer
from tokenization.model.engine_differences import engine_versions

TEXT = st.text(st.sampled_from("ابتكم ًّ,aé1 \n👋"), max_size=30)


@pytest.fixture(scope="module")
def tiny_batches(small: Tokenizer) -> Encoder:
    return Encoder(small, batch_chars=20)


def test_figures_equal_an_independent_computation_on_real_text(small: Tokenizer, real_text: list[str]) -> None:
    texts = [text[:20_000] for text in real_text[::23]]
    figures = evaluation.figures(evaluation.measure(Encoder(small, batch_chars=30_000), texts))
    expected = slowly(small, texts)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["changed"] == 0
    assert figures["documents"] == len(texts)


@given(st.lists(TEXT, min_size=1, max_size=6).filter(lambda texts: any(text.split() for text in texts)))
def test_figures_equal_an_independent_computation_on_anything(
    small: Tokenizer, tiny_batches: Encoder, texts: list[str]
) -> None:
    figures = evaluation.figures(evaluation.measure(tiny_batches, texts))
    expected = slowly(small, texts)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_counts_of_parts_add_up(small: Tokenizer, real_text: list[str]) -> None:
    texts = real_text[::23]
    encoder = Encoder(small)
    whole = evaluation.measure(encoder, texts)
    parts = evaluation.measure(encoder, texts[:5]) + evaluation.measure(encoder, texts[5:])
    assert evaluation.figures(whole) == evaluation.figures(parts)
    assert np.array_equal(whole.uses, parts.uses)
    assert whole.types == parts.types


def test_the_report_compares_groups_with_a_reference(small: Tokenizer, real_text: list[str]) -> None:
    groups = {"arabic": real_text[:3], "english": [text for text in real_text if text.isascii()][:30]}
    report = evaluation.report(small, groups, reference="english")
    assert json.loads(json.dumps(report)) == report
    arabic, english = report["groups"]["arabic"], report["groups"]["english"]
    assert english["premium"] == 1
    assert arabic["premium"] == pytest.approx(english["chars_per_token"] / arabic["chars_per_token"])
    assert report["all"]["tokens"] == arabic["tokens"] + english["tokens"]
    costs = [1 / arabic["chars_per_token"], 1 / english["chars_per_token"]]
    assert report["gini"] == pytest.approx(2 * abs(costs[0] - costs[1]) / (2 * 4 * sum(costs) / 2))
    cheapest = evaluation.report(small, groups)
    assert cheapest["groups"][cheapest["reference"]]["premium"] == 1
    assert all(group["premium"] >= 1 for group in cheapest["groups"].values())


def test_documents_that_a_tokenizer_changes_are_counted(small: Tokenizer) -> None:
    config = json.loads(small.json)
    config["normalizer"] = {"type": "NFC"}
    tried = {"engines": {"versions": engine_versions(), "differ": ""}}  # or all code points would be tried with both
    normalising = Tokenizer(json.dumps(config).encode(), name="nfc", meta=tried, roles={})
    texts = ["عادي تماما", "e\u0301te\u0301", "آخر"]
    counter = evaluation.measure(Encoder(normalising), texts)
    assert counter["changed"] == 1
    assert counter["runs"] == 3
    expected = slowly(normalising, [texts[0], texts[2]])
    assert evaluation.words_split(counter) == expected["words_split"]


def test_groups_without_words_and_unknown_references_are_refused(small: Tokenizer) -> None:
    with pytest.raises(EmptyCorpus, match="'blank'"):
        evaluation.report(small, {"blank": [" \n"]})
    with pytest.raises(EmptyCorpus, match=r"no group.*give documents"):
        evaluation.report(small, {})
    with pytest.raises(OptionError, match=r"'english'.*groups arabic"):
        evaluation.report(small, {"arabic": ["نص"]}, reference="english")
    with pytest.raises(EmptyCorpus, match="no word"):
        evaluation.figures(evaluation.measure(Encoder(small), []))


@given(TEXT)
def test_a_view_joins_to_the_text_and_holds_all_ids(small: Tokenizer, text: str) -> None:
    pieces = evaluation.view_tokens(small, text)
    assert "".join(piece for piece, _ in pieces) == text
    assert [token for _, ids in pieces for token in ids] == small.encode(text)


def test_intervals_hold_the_figure_and_shrink_with_more_documents(small: Tokenizer, real_text: list[str]) -> None:
    texts = [text[:2_000] for text in real_text]
    many, few = (evaluation.measure(Encoder(small), drawn) for drawn in (texts[::2], texts[::40]))
    figures = evaluation.intervals(many)
    assert set(figures) == set(evaluation.RATIOS)
    for name, (low, high) in figures.items():
        assert low < evaluation.FIGURES[name](many) < high
        wider = evaluation.intervals(few)[name]
        assert wider[1] - wider[0] > high - low
    assert evaluation.intervals(many) == figures  # the random numbers are fixed
    assert evaluation.intervals(evaluation.measure(Encoder(small), texts[:1])) == {}


def test_intervals_are_those_of_drawing_documents_one_by_one(small: Tokenizer, real_text: list[str]) -> None:
    counter = evaluation.measure(Encoder(small), [text[:2_000] for text in real_text[::30]])
    tokens, words = counter.rows[:, UNITS.index("tokens")], counter.rows[:, UNITS.index("words")]
    rng = np.random.default_rng(7)
    drawn = [rng.integers(0, len(tokens), len(tokens)) for _ in range(4_000)]
    low, high = np.quantile([tokens[drawn].sum() / words[drawn].sum() for drawn in drawn], [0.025, 0.975])
    assert evaluation.intervals(counter)["tokens_per_word"] == pytest.approx((low, high), rel=0.02)


def test_tokenizers_are_compared_on_the_same_documents(
    small: Tokenizer, v2_folder: Path, real_text: list[str]
) -> None:
    larger = Tokenizer.load(v2_folder)
    texts = real_text[::30]
    ours, theirs = (evaluation.measure(Encoder(each), texts) for each in (larger, small))
    figures = evaluation.compare(ours, theirs)
    expected = sum(len(larger.encode(text)) for text in texts) / sum(len(small.encode(text)) for text in texts)
    assert figures["nsl"] == pytest.approx(expected)
    assert figures["relative_difference"] == pytest.approx(1 - expected)
    assert figures["nsl_interval"][0] < expected < figures["nsl_interval"][1] < 1
    assert evaluation.compare(ours, ours)["nsl_interval"] == (1, 1)
    with pytest.raises(OptionError, match="same documents"):
        evaluation.compare(ours, evaluation.measure(Encoder(small), texts[1:]))
