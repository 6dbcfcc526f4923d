"""Conversations in training: masks select the targets, validation measures answers, and answers are compared."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tiny import encode, write_dataset, write_tokenizer
from trainings import arguments, lines

from sharding.rows import Dataset
from sharding.scheduling import Phase
from training.config import Generate
from training.sampling import prompts, questions
from training.train import main

QUESTIONS = [f"{word} {number} {other}" for word in ("ال", "في", "من", "the") for number in range(9) for other in "ab"]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text, and conversations of a question, the token <|a|>, the answer `no`, and the token <|end|>."""
    folder = tmp_path_factory.mktemp("chat") / "dataset"
    bos, opening, end, eos = write_tokenizer(folder / "tokenizer", ["<|bos|>", "<|a|>", "<|end|>", "<|eos|>"])
    conversations = [[*encode(text, bos), opening, *b"no", end, eos] for text in QUESTIONS]
    text = [[*encode("the man in the hat then thinks. " * 3, bos), eos] for _ in range(20)]

    def answer(stream: list[int]) -> list[bool]:
        after = stream.index(opening)
        return [after < place < len(stream) - 1 for place in range(len(stream))]

    return write_dataset(
        folder,
        {"chat": (("chat", "und", "chat"), conversations), "wiki": (("wiki", "eng_Latn", "english"), text)},
        vocab_size=eos + 1,
        bos=bos,
        eos=eos,
        row_tokens=32,
        phases=[Phase("all", steps=60)],
        batch_rows=8,
        answers={"chat": answer},
    )


@pytest.fixture(scope="module")
def run(chat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    assert main(arguments(chat, out, lr=0.02, dropout=0, eval="{rows: 0}", checkpoint="{every: 1, keep: 60}")) == 0
    return out


def test_a_step_has_the_targets_that_the_mask_selects(chat: Path, run: Path) -> None:
    dataset = Dataset(chat)
    for line in lines(run):
        if "targets" in line:
            batch = dataset.train.read(dataset.rows_of(line["step"] - 1))
            selected = batch.mask & ~batch.starts
            assert line["targets"] == selected[:, 1:].sum()


def test_validation_counts_the_bytes_of_answers_and_of_nothing_else_in_conversations(chat: Path, run: Path) -> None:
    dataset = Dataset(chat)
    (stratum,) = (each for each in dataset.validation.strata if each.name == "chat")
    batch = dataset.validation.read(stratum.first_row + np.arange(stratum.rows))
    size = np.load(chat / "tokenizer/token_bytes.npy")[batch.ids]
    result = lines(run)[-1]["validation"]["by_category"]["chat"]
    assert result["bytes"] == size[batch.is_target].sum() > 0
    assert result["targets"] == batch.is_target.sum() > result["bytes"]  # <|end|> is a target without bytes


def test_questions_are_what_stands_before_whole_answers_and_prompts_are_of_other_text(chat: Path) -> None:
    dataset = Dataset(chat)
    opening, end = dataset.layout.bos + 1, dataset.layout.bos + 2
    pairs = questions(dataset.validation)
    assert len(pairs) > 5
    for stratum, prompt, answer in pairs:
        assert stratum.name == "chat"
        assert (prompt[0], prompt[-1]) == (dataset.layout.bos, opening)
        assert answer == [*b"no", end]
    chosen = [stratum.name for stratum, _ in prompts(dataset.validation, Generate(prompts=9, prompt_tokens=4))]
    assert set(chosen) == {"wiki"}


def test_answers_are_generated_and_compared_at_the_end_of_a_run(chat: Path, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "begun"
    assert main(arguments(chat, out, steps=1, lr=0.0, warmup=0)) == 0
    before, after = (json.loads((path / "samples.json").read_text())["answers"] for path in (out, run))
    assert not any(answer["exact"] for answer in before)
    assert all(answer["exact"] and answer["ended"] and answer["text"] == "no" for answer in after)
    assert [answer["prompt"] for answer in before] == [answer["prompt"] for answer in after]
    assert {answer["answer"] for answer in after} == {"no"}
    losses = [line["validation"]["by_category"]["chat"]["loss"] for line in lines(run) if "validation" in line]
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_of_a_conversation_only_the_answer_has_losses(run: Path) -> None:
    losses = json.loads((run / "samples.json").read_text())["losses"]
    (pieces,) = (each["pieces"] for each in losses if each["stratum"] == "chat")
    assert "".join(text for text, _, nats in pieces if nats is not None) == "no"
    assert "".join(text for text, _, _ in pieces).endswith("no")


def test_a_dataset_without_conversations_has_no_answers(done: Path) -> None:
    assert set(json.loads((done / "samples.json").read_text())) == {"step", "samples", "losses"}
