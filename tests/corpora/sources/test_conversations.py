"""Sources of conversations: the usual forms are read, each fault has its reason, and other files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datatrove.data import Document

from corpora.conversations import from_text
from corpora.errors import BadInput
from corpora.reading import find_files
from corpora.sources import find_source, recognise

ASKED = [{"role": "user", "content": "ما عاصمة مصر؟"}, {"role": "assistant", "content": "القاهرة"}]
PAIR = ("ما عاصمة مصر؟", "القاهرة")


def messages(document: Document) -> list[dict[str, Any]]:
    assert document.metadata["category"] == "chat"
    return from_text(document.text, document.metadata["metadata"]["turns"])


def write(folder: Path, kind: str, rows: list[Any]) -> Path:
    path = folder / f"talk.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path


FORMS: list[dict[str, Any]] = [
    {"messages": ASKED},
    {"conversations": [{"from": "human", "value": PAIR[0]}, {"from": "gpt", "value": PAIR[1]}]},
    {"instruction": PAIR[0], "input": "", "output": PAIR[1]},
    {"instruction": "ما عاصمة", "input": "مصر؟", "output": PAIR[1]},
    {"inputs": PAIR[0], "targets": PAIR[1]},
    {"prompt": PAIR[0], "completion": PAIR[1]},
    {"prompt": PAIR[0], "response": PAIR[1]},
    {"question": PAIR[0], "answer": PAIR[1]},
    {"system": "أجب", "instruction": PAIR[0], "output": PAIR[1]},
]


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form))
def test_the_usual_forms_are_read_and_recognised(tmp_path: Path, ingest: Any, form: Any, kind: str) -> None:
    path = write(tmp_path, kind, [form] * 3)
    documents, counter = ingest("chat", tmp_path, language="ar")
    assert counter.balanced
    expected = [{"role": "system", "content": "أجب"}, *ASKED] if "system" in form else ASKED
    if form.get("input"):
        expected = [{"role": "user", "content": "ما عاصمة\n\nمصر؟"}, ASKED[1]]
    assert [messages(document) for document in documents] == [expected] * 3
    assert {document.metadata["language"] for document in documents} == {"arb_Arab"}
    recognised = recognise(find_files([path], ["*"])[0])
    assert (recognised.source, recognised.options) == ("chat", {})


def test_names_of_fields_and_roles_are_mapped(tmp_path: Path, ingest: Any) -> None:
    turns = [{"speaker": "Client", "words": PAIR[0]}, {"speaker": "agent", "words": PAIR[1]}]
    write(tmp_path, "jsonl", [{"data": {"dialog": turns}, "id": 7}])
    names = {"messages": "data.dialog", "role": "speaker", "content": "words"}
    (document,), _ = ingest("chat", tmp_path, names=names, roles={"client": "user", "Agent": "assistant"})
    assert messages(document) == ASKED
    assert document.id == "chat/7"
    (tmp_path / "talk.jsonl").write_text(json.dumps({"q": PAIR[0], "a": PAIR[1], "hint": "سياق"}))
    (document,), _ = ingest("chat", tmp_path, names={"question": "q", "answer": "a", "context": "hint"})
    assert messages(document)[0]["content"] == f"{PAIR[0]}\n\nسياق"
    for wrong in ({"names": {"question_": "q"}}, {"roles": {"client": "customer"}}, {"category": "arabic"}):
        with pytest.raises(ValueError, match=r"question_|customer|category"):
            find_source("chat")(**wrong)
    with pytest.raises(ValueError, match="source chat"):
        find_source("jsonl")(category="chat")


def test_each_fault_is_counted_with_its_reason(tmp_path: Path, ingest: Any) -> None:
    user, answer = ASKED
    rows = [
        {"messages": ASKED},
        {"messages": [user, {"role": "critic", "content": "x"}]},
        {"messages": [user, {"role": "assistant", "content": ""}]},
        {"messages": [user, answer, answer]},
        {"messages": [user]},
        {"messages": []},
        {"messages": "text"},
        {"messages": [user, {"role": "assistant", "content": "<|eot|><|user|>"}]},
    ]
    write(tmp_path, "jsonl", rows)
    documents, counter = ingest("chat", tmp_path)
    assert counter.balanced
    assert [messages(document)[1]["content"] for document in documents] == ["القاهرة", "<|eot|><|user|>"]
    assert counter.dropped["documents"] == {
        "unknown role": 1,
        "empty turn": 1,
        "two turns of one role": 1,
        "no answer": 1,
        "no turns": 1,
        "messages are no list": 1,
    }


def test_a_conversation_of_ten_thousand_turns_is_read(tmp_path: Path, ingest: Any) -> None:
    turns = [{"role": ("user", "assistant")[number % 2], "content": f"دور {number}"} for number in range(10_000)]
    write(tmp_path, "jsonl", [{"messages": turns}])
    (document,), _ = ingest("chat", tmp_path)
    assert messages(document) == turns


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_a_file_with_text_where_messages_should_be_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    write(tmp_path, kind, [{"messages": "user: hello"}] * 3)
    with pytest.raises(BadInput, match=rf"talk\.{kind}.*no conversation.*messages are no list.*names"):
        find_source("chat")().units([tmp_path])
    write(tmp_path, kind, [{"text": "hello"}] * 3)
    with pytest.raises(BadInput, match=rf"talk\.{kind}.*expects the fields .messages"):
        find_source("chat")().units([tmp_path])


def test_the_cases_of_conversations_are_read_or_refused(samples: Path, tmp_path: Path, ingest: Any) -> None:
    cases = samples / "cases/models-out"
    documents, counter = ingest("chat", cases / "chat.jsonl")
    assert counter.balanced
    assert [messages(document)[-1]["content"] for document in documents] == ["القاهرة", "الجو جميل اليوم"]
    with pytest.raises(BadInput, match=r"chat_text\.jsonl"):
        find_source("chat")().units([cases / "chat_text.jsonl"])


def test_smoltalk_and_the_arabic_sets_are_read_by_name(tmp_path: Path, ingest: Any) -> None:
    rows: dict[str, Any] = {
        "smoltalk": {"messages": ASKED, "source": "smol-magpie-ultra"},
        "cidar": {"output": PAIR[1], "instruction": PAIR[0], "index": 5},
        "aya-dataset": {
            "inputs": PAIR[0],
            "targets": PAIR[1],
            "language": "Standard Arabic",
            "language_code": "arb",
            "annotation_type": "original-annotations",
            "user_id": "u",
        },
        "instar-500k": {
            "instruction": PAIR[0],
            "output": PAIR[1],
            "source": "s",
            "task": "Open QA",
            "system": "أجب",
            "uuid": "f-1",
            "topic": "geo",
            "__index_level_0__": 0,
        },
    }
    languages = {"smoltalk": "eng_Latn"}
    for name, row in rows.items():
        folder = tmp_path / name
        folder.mkdir()
        path = write(folder, "parquet", [row])
        (document,), _ = ingest(name, folder)
        assert messages(document)[-2:] == ASKED
        assert (len(messages(document)) == 3) == (name == "instar-500k")
        assert document.metadata["language"] == languages.get(name, "arb_Arab")
        assert document.metadata["license"]
        if name != "smoltalk":  # its text must be in its language
            assert recognise(find_files([path], ["*"])[0]).source == name
    assert {document.id for document in ingest("cidar", tmp_path / "cidar")[0]} == {"cidar/5"}


def test_aya_has_its_arabic_rows_unless_all_are_asked_for(tmp_path: Path, ingest: Any) -> None:
    codes = {"arz": "arz_Arab", "ary": "ary_Arab", "eng": "eng_Latn", "tam": "tam_Taml"}
    row = {"inputs": "q", "targets": "a", "language": "x", "annotation_type": "o", "user_id": "u"}
    write(tmp_path, "parquet", [{**row, "language_code": code} for code in codes])
    documents, counter = ingest("aya-dataset", tmp_path)
    assert [document.metadata["language"] for document in documents] == ["arz_Arab", "ary_Arab"]
    assert counter.dropped["documents"] == {"another language": 2}
    documents, _ = ingest("aya-dataset", tmp_path, every_language=True)
    assert [document.metadata["language"] for document in documents] == list(codes.values())


def test_calculations_of_gsm8k_are_calls_and_their_results(samples: Path, ingest: Any) -> None:
    documents, counter = ingest("gsm8k-chat", samples / "data/math/gsm8k/test.jsonl")
    assert counter.balanced
    assert len(documents) == len((samples / "data/math/gsm8k/test.jsonl").read_text().splitlines())
    for document in documents:
        _, answer = messages(document)
        parts = answer["content"] if isinstance(answer["content"], list) else [{"type": "text"}]
        assert "<<" not in document.text
        assert [part["type"] for part in parts].count("python") == [part["type"] for part in parts].count(
            "python_output"
        )
    first = messages(documents[0])[1]["content"]
    assert {"type": "python", "text": "16-3-4"} in first
    assert first[first.index({"type": "python", "text": "16-3-4"}) + 1] == {"type": "python_output", "text": "9"}


def test_multiple_choice_asks_for_the_letter_that_follows_its_choice(tmp_path: Path, ingest: Any) -> None:
    mmlu = {"question": "2 + 2?", "subject": "math", "choices": ["3", "4", "5", "6"], "answer": 1}
    arc = {"id": "Q1", "question": "2 + 2?", "choices": {"text": ["3", "4"], "label": ["1", "2"]}, "answerKey": "2"}
    prompt = "Multiple Choice question: 2 + 2?\n- 3={}\n- 4={}\n"
    for name, rows, letters in (
        ("mmlu", [mmlu, {**mmlu, "answer": 7}], "AB"),
        ("aux", [{"train": mmlu}], "AB"),
        ("science", [arc], "12"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        path = write(folder, "parquet", rows)
        (document,), counter = ingest("multiple-choice", folder)
        question, answer = messages(document)
        assert question["content"].startswith(prompt.format(*letters))
        assert question["content"].endswith("\n\nRespond only with the letter of the correct answer.")
        assert answer["content"] == letters[1]
        assert counter.dropped["documents"] == ({"answer is none of the choices": 1} if name == "mmlu" else {})
        assert recognise(find_files([path], ["*"])[0]).source == ("arc" if rows == [arc] else "multiple-choice")
    (document,), _ = ingest("arc", tmp_path / "science")
    assert (document.id, document.metadata["license"]) == ("arc/Q1", "CC-BY-SA-4.0")
