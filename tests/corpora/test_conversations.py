"""Messages become text and turns and are rebuilt from them exactly; what cleaning changes keeps its turn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document
from hypothesis import given
from hypothesis import strategies as st

from corpora.cleaning import Clean, MaskPersonalData, Normalisation
from corpora.conversations import KINDS, NotAConversation, from_text, messages_of, to_text
from corpora.dedup import Spans, span_hashes
from corpora.document_counts import DocumentCounter
from corpora.quality import Profiles
from corpora.sources import find_source

words = st.text(min_size=1).filter(lambda text: not text.isspace())
parts = st.lists(st.tuples(st.sampled_from(KINDS), words), min_size=2, max_size=4)
contents = st.one_of(words, parts.map(lambda items: [{"type": kind, "text": text} for kind, text in items]))


@st.composite
def conversations(draw: Any) -> list[dict[str, Any]]:
    messages = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages += [{"role": "user", "content": draw(words)}, {"role": "assistant", "content": draw(contents)}]
    return messages


@given(messages=conversations())
def test_messages_are_rebuilt_from_text_and_turns(messages: list[dict[str, Any]]) -> None:
    text, turns = to_text(messages_of(messages))
    assert from_text(text, json.loads(json.dumps(turns))) == messages
    for wrong in (text + "x", text[:-1]):
        with pytest.raises(ValueError, match="characters"):
            from_text(wrong, turns)


def test_the_usual_spellings_are_read() -> None:
    asked = {"role": "user", "content": "ما العاصمة؟"}
    call = {"name": "f", "arguments": '{"x": 1}'}
    answer = {"role": "assistant", "content": [{"type": "reasoning", "text": "أفكر"}, {"type": "text", "text": "أ"}]}
    for thought in ("reasoning_content", "reasoning", "thinking"):
        assert messages_of([asked, {"role": "assistant", "content": "أ", thought: "أفكر"}]) == [asked, answer]
    shared = [{"from": "human", "value": "س"}, {"from": "gpt", "value": "ج"}]
    assert messages_of(shared) == [{"role": "user", "content": "س"}, {"role": "assistant", "content": "ج"}]
    called = [
        asked,
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": call}]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "3"},
    ]
    assert messages_of(called)[1]["content"] == [{"type": "tool_call", "text": json.dumps(call)}]
    agent = [{"from": "human", "value": "x"}, {"from": "function_call", "value": "{}"}]
    agent += [{"from": "observation", "value": "1"}, {"from": "gpt", "value": "2"}]
    assert [message["role"] for message in messages_of(agent)] == ["user", "assistant", "tool", "assistant"]
    assert messages_of(agent)[1]["content"] == [{"type": "tool_call", "text": "{}"}]


USER, ANSWER = {"role": "user", "content": "س"}, {"role": "assistant", "content": "ج"}
WRONG = [
    ("text", "messages are no list"),
    ([], "no turns"),
    (["text"], "a turn is no object"),
    ([USER, {"role": "critic", "content": "x"}], "unknown role"),
    ([USER, {"content": "x"}], "unknown role"),
    ([USER, {"role": "assistant", "content": " \n"}], "empty turn"),
    ([USER, {"role": "assistant", "content": None}], "empty turn"),
    ([USER, USER, ANSWER], "two turns of one role"),
    ([USER, ANSWER, ANSWER], "two turns of one role"),
    ([USER], "no answer"),
    ([{"role": "system", "content": "x"}], "no answer"),
    ([ANSWER, USER], "it does not begin with a user's turn"),
    ([USER, {"role": "system", "content": "x"}, ANSWER], "system turn after the first"),
    ([USER, {"role": "assistant", "content": 3}], "text of a turn is not a string"),
    ([USER, {"role": "assistant", "content": [{"type": "image_url", "image_url": {}}]}], "a part is not text"),
    ([USER, {"role": "assistant", "content": "x", "tool_calls": ["f"]}], "a tool call is no object"),
]


@pytest.mark.parametrize(("messages", "reason"), WRONG)
def test_what_is_no_conversation_has_its_own_reason(messages: Any, reason: str) -> None:
    with pytest.raises(NotAConversation) as caught:
        messages_of(messages)
    assert str(caught.value) == reason


def documents(*conversations: list[dict[str, Any]]) -> list[Document]:
    result = []
    for number, messages in enumerate(conversations):
        text, turns = to_text(messages)
        columns = {"source": "chat", "category": "chat", "language": "arb_Arab", "license": "", "url": "", "date": ""}
        result.append(Document(text=text, id=str(number), metadata={**columns, "metadata": {"turns": turns}}))
    return result


def messages(document: Document) -> list[dict[str, Any]]:
    return from_text(document.text, document.metadata["metadata"]["turns"])


def through(step: Any, counter: DocumentCounter, given_: list[Document]) -> list[Document]:
    for document in given_:
        counter.count_input(len(document.text.encode()), len(document.text))
    kept = list(step.run(given_))
    for document in kept:
        counter.count_output(document)
    assert counter.balanced
    return kept


def test_cleaning_keeps_turns_and_changes_no_calls() -> None:
    source, counter = find_source("chat")(), DocumentCounter()
    code = [{"type": "text", "text": "احسبـــ\ufeff "}, {"type": "python", "text": "1\u00a0+\u00a01"}]
    given_ = documents(
        [{"role": "user", "content": "مرحبــــا\r\n"}, {"role": "assistant", "content": [*code]}],
        [{"role": "user", "content": "س"}, {"role": "assistant", "content": "\u200f\ufeff"}],
        [
            {"role": "user", "content": "س"},
            {"role": "assistant", "content": [{"type": "reasoning", "text": "\ufeff"}, {"type": "text", "text": "ج"}]},
        ],
        [{"role": "user", "content": "س" * (1 << 20) + "ــ"}, {"role": "assistant", "content": "جـ"}],
    )
    first, second, third = through(Clean(source, Normalisation(), counter), counter, given_)
    answer = [{"type": "text", "text": "احسب "}, {"type": "python", "text": "1\u00a0+\u00a01"}]
    assert messages(first) == [{"role": "user", "content": "مرحبا\n"}, {"role": "assistant", "content": answer}]
    assert messages(second) == [USER, ANSWER]
    assert messages(third) == [{"role": "user", "content": "س" * (1 << 20)}, ANSWER]
    assert counter.dropped["documents"] == {"turn is empty after cleaning": 1}


def test_personal_data_is_masked_within_turns() -> None:
    counter = DocumentCounter()
    given_ = documents(
        [
            {"role": "user", "content": "بريدي a.person@mail.sa"},
            {"role": "assistant", "content": [{"type": "text", "text": "هاتف"}, {"type": "tool_call", "text": "{}"}]},
        ]
    )
    (document,) = through(MaskPersonalData(find_source("chat")(), counter), counter, given_)
    assert messages(document)[0] == {"role": "user", "content": "بريدي email@example.com"}
    assert messages(document)[1]["content"][1] == {"type": "tool_call", "text": "{}"}


def test_rules_of_web_pages_and_cuts_of_spans_leave_conversations_whole() -> None:
    profiles = Profiles(find_source("chat")(), "web")
    assert profiles({"category": "chat", "language": "arb_Arab"}) == "none"
    lines = "\n".join(f"سطر رقم {number} من نص طويل" for number in range(9))
    columns = {"text": [lines] * 2, "source": ["s"] * 2, "category": ["chat", "arabic"], "language": ["arb_Arab"] * 2}
    spans = span_hashes(pa.table(columns), Spans("lines", 3))
    assert set(np.unique(spans["row"])) == {1}
