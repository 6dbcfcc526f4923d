"""Conversations have the ids, and the trained tokens, that transformers makes with the template that we ship."""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import PIECES
from transformers import AutoTokenizer

from tokenization.errors import EncodingError
from tokenization.model import Tokenizer, VocabularyLayout, chat_layout, chat_template, pretoken_pattern

FUZZ = int(os.environ.get("ARCORP_FUZZ", "250"))  # conversations for each layout; their check took 50,000
NANOCHAT = ["<|bos|>"]
NANOCHAT += [f"<|{name}_{end}|>" for name in ("user", "assistant", "python", "output") for end in ("start", "end")]
Opened = tuple[Tokenizer, Any, str]


@pytest.fixture(scope="module")
def nanochat_folder(make_folder: Callable[[VocabularyLayout, str], Path]) -> Path:
    return make_folder(VocabularyLayout(2_048, dict.fromkeys(NANOCHAT)), pretoken_pattern())


@pytest.fixture(scope="module", params=["v2_folder", "nanochat_folder"])
def opened(request: pytest.FixtureRequest) -> Opened:
    path = request.getfixturevalue(request.param)
    return Tokenizer.load(path), AutoTokenizer.from_pretrained(str(path)), request.param


def conversations(count: int, seed: int, layout: str) -> Iterator[list[dict[str, Any]]]:
    """Conversations of any text, with reasoning and calls (V2), or parts of Python and its output (nanochat)."""
    draw = random.Random(seed)
    plain = [piece for piece in PIECES if "<|" not in piece]

    def text() -> str:
        words = ("كتاب", " والمدرسة", " in", "12", "\n\n", " ", "{}", "'", "<", "|>", "{{ x }}", "%}")
        return "".join(draw.choice(draw.choice((plain, words))) for _ in range(draw.randrange(0, 6)))

    for _ in range(count):
        messages: list[dict[str, Any]] = []
        if draw.random() < 0.3:
            messages.append({"role": "system", "content": text()})
        for _ in range(draw.randrange(1, 4)):
            messages.append({"role": "user", "content": text()})
            answer: dict[str, Any] = {"role": "assistant", "content": text()}
            if layout == "v2_folder" and draw.random() < 0.3:
                answer["reasoning_content"] = text()
            if layout == "v2_folder" and draw.random() < 0.3:
                call = {"name": text(), "arguments": {text(): [1, text()]}}
                answer["tool_calls"] = [{"type": "function", "function": call}]
                messages += [answer, {"role": "tool", "content": text()}]
                continue
            if layout == "nanochat_folder" and draw.random() < 0.3:
                kinds = [*("text", "python", "python_output")[: draw.randrange(4)], "text", "text"]
                answer["content"] = [{"type": kind, "text": text()} for kind in kinds]
            messages.append(answer)
        yield messages


def applied(auto: Any, messages: list[dict[str, Any]], prompt: bool, **more: Any) -> Any:
    return auto.apply_chat_template(messages, add_generation_prompt=prompt, return_dict=True, **more)


def test_fuzzed_conversations_have_the_ids_and_masks_of_apply_chat_template(opened: Opened) -> None:
    """A mask is compared with the template's own marks: `{% generation %}` in what we ship."""
    tokenizer, auto, layout = opened
    trained = 0
    for number, messages in enumerate(conversations(FUZZ, 0, layout)):
        ids, answers = tokenizer.encode_chat(messages, prompt=number % 2 == 1)
        theirs = applied(auto, messages, number % 2 == 1, return_assistant_tokens_mask=True)
        assert theirs["input_ids"] == ids, messages
        assert theirs["assistant_masks"] == [int(answer) for answer in answers], messages
        trained += sum(answers)
    assert trained > 5 * FUZZ


def test_parts_that_are_not_trained_on_are_not_marked_by_the_template_of_such_a_layout(opened: Opened) -> None:
    tokenizer, auto, layout = opened
    known = chat_layout(tokenizer.specials)
    assert known is not None
    for kinds in [["reasoning"], ["tool_call"], ["reasoning", "tool_call"]] if layout == "v2_folder" else [["python"]]:
        template = chat_template(known.training(without=kinds))
        fewer = 0
        for messages in conversations(60, 1, layout):
            for message in messages:  # transformers loses ids of a last character that is several ids
                if message["role"] == "assistant" and isinstance(message["content"], str):
                    message["content"] += "."
                for part in message["content"] if isinstance(message["content"], list) else []:
                    part["text"] += "."
            ids, answers = tokenizer.encode_chat(messages, without=kinds)
            theirs = applied(auto, messages, False, return_assistant_tokens_mask=True, chat_template=template)
            assert theirs["input_ids"] == ids == tokenizer.encode_chat(messages)[0], messages
            assert theirs["assistant_masks"] == [int(answer) for answer in answers], messages
            fewer += sum(tokenizer.encode_chat(messages)[1]) - sum(answers)
        assert fewer > 60


def test_roles_become_special_ids_and_names_in_a_message_stay_text(opened: Opened) -> None:
    tokenizer, auto, layout = opened
    names = ("<|user|>", "<|eot|>", "<|assistant|>")
    if layout == "nanochat_folder":
        names = ("<|user_start|>", "<|user_end|>", "<|assistant_start|>")
    user, end, assistant = (tokenizer.specials[name] for name in names)
    question = f"ما عاصمة مصر؟ {names[0]}{names[1]}"
    messages = [{"role": "user", "content": question}]
    ids, answers = tokenizer.encode_chat(messages, prompt=True)
    assert ids == [tokenizer.bos, user, *tokenizer.encode(question), end, assistant]
    assert not any(answers)
    special = set(tokenizer.specials.values())
    for sanitized in (True, False):  # by default transformers makes ids of the names
        theirs = applied(auto, messages, True, sanitize_control_tokens=sanitized)["input_ids"]
        assert [token for token in theirs if token in special] == (
            [tokenizer.bos, user, end, assistant] if sanitized else [tokenizer.bos, user, user, end, end, assistant]
        )


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "critic", "content": "x"}, "'critic'"),
        ({"content": "x"}, "role"),
        ({"role": "user", "content": [{"type": "image", "text": "x"}]}, "'image'"),
    ],
)
def test_a_message_without_special_tokens_is_refused_with_its_number(
    opened: Opened, message: dict[str, Any], place: str
) -> None:
    tokenizer, auto, _ = opened
    messages = [{"role": "user", "content": "x"}, message]
    with pytest.raises(EncodingError, match=f"message 1: .*{place}"):
        tokenizer.encode_chat(messages)
    with pytest.raises(Exception, match="no special token"):
        applied(auto, messages, False)


def test_a_layout_has_the_roles_and_parts_whose_tokens_exist(small: Tokenizer, small_folder: Path) -> None:
    assert chat_layout(small.specials) is None
    assert "chat_template" not in json.loads((small_folder / "tokenizer_config.json").read_bytes())
    with pytest.raises(EncodingError, match=r"tokenizer\.json: .*conversation"):
        small.encode_chat([{"role": "user", "content": "x"}])
    few = chat_layout(dict.fromkeys(("<|user|>", "<|assistant|>", "<|eot|>", "<|think|>"), 0))
    assert few is not None
    assert (set(few.turns), set(few.parts)) == ({"user", "assistant"}, set())
