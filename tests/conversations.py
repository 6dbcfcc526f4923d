"""Conversations for tests: random ones of any text, and tokenizers whose vocabulary has a chat layout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines import cli
from tokenization.model import Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files

NANOCHAT = ["<|bos|>"]
NANOCHAT += [f"<|{name}_{end}|>" for name in ("user", "assistant", "python", "output") for end in ("start", "end")]
TURNS = ["<|bos|>", "<|eos|>", *(f"<|{name}|>" for name in ("user", "assistant", "system", "eot", "think", "/think"))]
TURNS += ["<|tool_call|>", "<|tool_result|>"]
SPECIALS = {"nanochat": NANOCHAT, "turns": TURNS}

WORDS = ("كتاب", " والمدرسة", "in", " 12", "\n\n", " ", "{}", "'", "<", "|>", "é", "🙂", "<|eot|>", "</s>")


def chat_tokenizer(folder: Path, layout: str) -> Path:
    """Write a sealed tokenizer of bytes and the special tokens of a layout."""
    specials = SPECIALS[layout]
    vocabulary = Vocabulary(VocabularyLayout(256 + len(specials), dict.fromkeys(specials)), ())
    folder.mkdir(parents=True)
    for name, data in tokenizer_files(vocabulary, pretoken_pattern(), {"sample": "tests"}).items():
        (folder / name).write_bytes(data)
    sealed = folder.with_name(f"{folder.name}-sealed")
    assert cli.run(["tokenizer", "import", str(folder), "--out", str(sealed), "--format", "quiet"]) == 0
    return sealed


def conversations(count: int, seed: int, layout: str) -> Iterator[list[dict[str, Any]]]:
    """Yield valid conversations that a layout can express, with several parts in some answers."""
    draw = random.Random(seed)

    def text() -> str:
        return "ن" + "".join(draw.choice(WORDS) for _ in range(draw.randrange(12)))

    for _ in range(count):
        messages: list[dict[str, Any]] = []
        if draw.random() < 0.3:
            messages.append({"role": "system", "content": text()})
        for _ in range(draw.randrange(1, 4)):
            messages.append({"role": "user", "content": text()})
            answer: Any = text()
            called = False
            if draw.random() < 0.4:
                kinds = ["text", "python", "python_output", "text"] if layout == "nanochat" else ["reasoning", "text"]
                called = layout == "turns" and draw.random() < 0.5
                kinds += ["tool_call"] if called else []
                answer = [{"type": kind, "text": text()} for kind in kinds]
            messages.append({"role": "assistant", "content": answer})
            if called:
                messages += [{"role": "tool", "content": text()}, {"role": "assistant", "content": text()}]
        yield messages
