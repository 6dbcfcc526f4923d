"""Conversations with a model: turns as the tokenizer's layout has them, their end, and a full context."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from builds import chat_dataset
from trainings import model_of, save

from sharding import Dataset
from tokenization.model import Tokenizer
from training.chat import Template, Turn, converse
from training.config import Generate
from training.errors import ConfigError, InputError
from training.generate import main
from training.model import Decoder

GREEDY = Generate(temperature=0.0, tokens=12)


@pytest.fixture(scope="module")
def data(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset(chat_dataset(built, tmp_path_factory.mktemp("chat")), schedule=None)


@pytest.fixture(scope="module")
def model(data: Dataset) -> Decoder:
    return model_of("gpt2", data.vocab_size, data.row_tokens)


def spoken(lines: list[str], model: Decoder, data: Dataset, settings: Generate = GREEDY) -> list[str]:
    out = io.StringIO()
    converse(lines, out.write, model, data, settings, seed=1)
    return out.getvalue().splitlines()


def test_turns_have_the_ids_that_the_tokenizer_gives_a_conversation(data: Dataset) -> None:
    template, tokenizer = Template(data), Tokenizer.load(data.tokenizer)
    texts = ["ما <|assistant|> هذا؟", "{{ نعم }} كتاب\n\n", "don't 123 <|eot|>"]
    roles = ["user", "assistant", "user"]
    turns = [Turn(role, template.content(text)) for role, text in zip(roles, texts, strict=True)]
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    expected, answers = tokenizer.encode_chat(messages, prompt=True)
    assert template.ids(turns) == expected
    end = [id for id, answer in zip(expected, answers, strict=True) if answer][-1]
    assert template.ends == {end, data.layout.end}


def test_an_answer_ends_with_its_turn_and_is_part_of_the_next_prompt(data: Dataset, model: Decoder) -> None:
    template = Template(data)
    both, first = spoken(["مرحبا\n", "\n", "ثم ماذا؟\n"], model, data), spoken(["مرحبا"], model, data)
    assert both[: len(first)] == first
    assert spoken(["ثم ماذا؟"], model, data) != both[len(first) :] != []  # it depends on the turn before
    end = min(template.ends)
    with torch.no_grad():  # a model that ends each answer at once
        model.embedding.weight[end] *= 50
    try:
        assert spoken(["مرحبا"], model, data) != first
    finally:
        with torch.no_grad():
            model.embedding.weight[end] /= 50


def test_the_oldest_turns_are_dropped_and_reported_where_the_context_is_full(
    data: Dataset, model: Decoder, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = spoken(["كلمة " * 8] * 12, model, data)
    assert len(answers) >= 12
    assert "oldest 2 messages were dropped" in capsys.readouterr().err
    assert spoken(["كلمة " * 500, "مرحبا"], model, data) == spoken(["", "مرحبا"], model, data)
    assert f"the model reads {data.row_tokens}: shorten" in capsys.readouterr().err


def test_a_tokenizer_without_turns_or_with_a_faulty_template_is_refused(
    dataset: Path, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"tokenizer has no chat template.*<\|user\|>"):
        Template(Dataset(dataset, schedule=None))
    copy = Path(shutil.copytree(data.path, tmp_path / "dataset"))
    opened, config = Dataset(copy, schedule=None), copy / "tokenizer" / "tokenizer_config.json"
    settings = json.loads(config.read_bytes())
    for faulty in (
        "{% for %}",
        "{{ nothing.here }}",
        "{{ raise_exception('no') }}",
        "{{ messages[0].content }} twice",
    ):
        config.write_text(json.dumps({**settings, "chat_template": faulty}))
        with pytest.raises(InputError, match=r"tokenizer_config\.json.*chat_template"):
            Template(opened)
    named = [{"name": "tools", "template": "x"}, {"name": "default", "template": settings["chat_template"]}]
    config.write_text(json.dumps({**settings, "chat_template": named}))
    assert Template(opened).ends


@pytest.mark.slow
def test_a_conversation_is_held_through_a_pipe_and_ends_with_it(
    data: Dataset, model: Decoder, tmp_path: Path, refused: Callable[..., None], dataset: Path, done: Path
) -> None:
    run = save(model, data, tmp_path / "run")
    command = ["chat", str(run), "--data", str(data.path), "--set", "temperature=0", "--set", "tokens=12"]
    process = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *command], input="مرحبا\nثم ماذا؟\n".encode(), capture_output=True
    )
    assert process.returncode == 0, process.stderr.decode()
    assert process.stdout.decode().splitlines() == spoken(["مرحبا", "ثم ماذا؟"], model, data)
    refused(main, ["--run", str(done), "--data", str(dataset), "--chat"], 2, "no chat template")
