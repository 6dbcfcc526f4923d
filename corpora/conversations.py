"""Conversations as documents: messages to text and back, exactly.

The text of a document of category `chat` is the texts of all parts of its messages in order, parted by an empty line,
so that filters, deduplication and samples read it like any other. What rebuilds the messages is in the metadata:

    {"turns": [{"role": "user", "parts": [["text", 12]]}, {"role": "assistant", "parts": [["text", 40], ...]}]}

with the kind and the length in characters of each part. Nothing is stored twice.

A message has `role` and `content`: a text, or a list of parts with `type` and `text`, as in transformers. Kinds of
parts: `text`; `reasoning`, which stands before an answer; `tool_call`, as JSON; and nanochat's `python` and
`python_output`. `messages_of` reads the usual spellings: OpenAI's `reasoning_content` and `tool_calls`, ShareGPT's
`from` and `value` with human, gpt and observation.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

SEPARATOR = "\n\n"
TURNS = "turns"
"""Key of the metadata."""

USER, ASSISTANT, SYSTEM, TOOL = "user", "assistant", "system", "tool"
TEXT, REASONING, TOOL_CALL = "text", "reasoning", "tool_call"
KINDS = (TEXT, REASONING, TOOL_CALL, "python", "python_output")
PROSE = (TEXT, REASONING)
"""Kinds of parts that are cleaned; calls, code and its output stay as they are."""

ROLES: Mapping[str, str] = {
    **{role: role for role in (USER, ASSISTANT, SYSTEM, TOOL)},
    **dict.fromkeys(("human", "prompter"), USER),
    **dict.fromkeys(("gpt", "bot", "model", "chatgpt", "function_call"), ASSISTANT),
    **dict.fromkeys(("function", "observation", "ipython", "tool_response"), TOOL),
}
"""Role of each name of a role in lower case."""
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_OTHER_KINDS = {"thinking": REASONING, "input_text": TEXT, "output_text": TEXT}

Message = dict[str, Any]
Turn = dict[str, Any]


class NotAConversation(ValueError):
    """A record is no conversation that a model can learn from. Its message is the reason."""


def messages_of(value: Any, roles: Mapping[str, str] = ROLES, names: tuple[str, str] = ("role", "content")) -> Any:
    """Return the messages of a record, checked and in the form of this module.

    value: the list of messages. roles: role by name. names: of the fields of role and content in a message; `from`
    and `value` are read too.
    Raises NotAConversation with the reason.
    """
    if not isinstance(value, list | tuple):
        raise NotAConversation("messages are no list")
    messages: list[Message] = []
    for turn in value:
        if not isinstance(turn, Mapping):
            raise NotAConversation("a turn is no object")
        role_name, content = (
            turn[own] if turn.get(own) is not None else turn.get(other)
            for own, other in zip(names, ("from", "value"), strict=True)
        )
        name = role_name.strip().lower() if isinstance(role_name, str) else ""
        if name not in roles:
            raise NotAConversation("unknown role")
        role, kind = roles[name], TOOL_CALL if name == "function_call" else TEXT
        parts = _parts(turn, content, kind)
        if not parts or all(text.isspace() for _, text in parts):
            raise NotAConversation("empty turn")
        messages.append(_message(role, parts))
    check(messages)
    return messages


def check(messages: Sequence[Message]) -> None:
    """Raise NotAConversation unless turns follow one another as in a conversation, with an answer."""
    spoken = [message["role"] for message in messages]
    if not spoken:
        raise NotAConversation("no turns")
    if SYSTEM in spoken[1:]:
        raise NotAConversation("system turn after the first")
    if any(role == before and role != TOOL for before, role in itertools.pairwise(spoken)):
        raise NotAConversation("two turns of one role")
    if ASSISTANT not in spoken:
        raise NotAConversation("no answer")
    if spoken[spoken[0] == SYSTEM] != USER:
        raise NotAConversation("it does not begin with a user's turn")


def to_text(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """Return the text of a conversation, and the turns that rebuild it."""
    texts, turns = [], []
    for message in messages:
        parts = _content(message)
        texts += [text for _, text in parts]
        turns.append({"role": message["role"], "parts": [[kind, len(text)] for kind, text in parts]})
    return SEPARATOR.join(texts), turns


def from_text(text: str, turns: Sequence[Turn]) -> list[Message]:
    """Return the messages of which `to_text` made a text and turns. Raises ValueError if they do not fit together."""
    pieces = iter(split(text, turns))
    return [_message(turn["role"], [(kind, next(pieces)) for kind, _ in turn["parts"]]) for turn in turns]


def split(text: str, turns: Sequence[Turn]) -> list[str]:
    """Return the texts of all parts, in order. Raises ValueError if their lengths are not those of the text."""
    pieces, position = [], 0
    for _, length in (part for turn in turns for part in turn["parts"]):
        pieces.append(text[position : position + length])
        position += length + len(SEPARATOR)
    described = position - len(SEPARATOR)
    if described != len(text) or SEPARATOR.join(pieces) != text:
        raise ValueError(f"its turns describe {max(described, 0)} characters, it has {len(text)}")
    return pieces


def kinds_of(turns: Sequence[Turn]) -> list[str]:
    """Return the kinds of all parts, in order."""
    return [kind for turn in turns for kind, _ in turn["parts"]]


def joined(pieces: Sequence[str], turns: Sequence[Turn]) -> tuple[str, list[Turn]]:
    """Return text and turns with new texts of the parts, in order. Parts without text are left out.

    Raises NotAConversation if nothing is left of a turn.
    """
    remaining = iter(pieces)
    messages = []
    for turn in turns:
        parts = [(kind, text) for kind, text in [(kind, next(remaining)) for kind, _ in turn["parts"]] if text]
        if all(text.isspace() for _, text in parts):
            raise NotAConversation("turn is empty after cleaning")
        messages.append(_message(turn["role"], parts))
    return to_text(messages)


def _message(role: str, parts: Sequence[tuple[str, str]]) -> Message:
    if len(parts) == 1 and parts[0][0] == TEXT:
        return {"role": role, "content": parts[0][1]}
    return {"role": role, "content": [{"type": kind, "text": text} for kind, text in parts]}


def _content(message: Message) -> list[tuple[str, str]]:
    content = message["content"]
    return [(TEXT, content)] if isinstance(content, str) else [(part["type"], part["text"]) for part in content]


def _parts(turn: Mapping[str, Any], content: Any, kind: str) -> list[tuple[str, str]]:
    """Return the parts of a message that have text, as kind and text. Raises NotAConversation."""
    parts = [(REASONING, turn[name]) for name in _THOUGHTS if isinstance(turn.get(name), str)][:1]
    if isinstance(content, str):
        parts.append((kind, content))
    elif isinstance(content, list | tuple):
        parts += [_part(part) for part in content]
    elif content is not None:
        raise NotAConversation("text of a turn is not a string")
    for call in turn.get("tool_calls") or []:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise NotAConversation("a tool call is no object")
        parts.append((TOOL_CALL, json.dumps(function, ensure_ascii=False)))
    return [(kind, text) for kind, text in parts if text]


def _part(part: Any) -> tuple[str, str]:
    if isinstance(part, str):
        return TEXT, part
    kind = part.get("type") if isinstance(part, Mapping) else None
    text = part.get("text", part.get("thinking")) if isinstance(part, Mapping) else None
    kind = _OTHER_KINDS.get(str(kind), kind)
    if kind not in KINDS or not isinstance(text, str):
        raise NotAConversation("a part is not text")
    return str(kind), text
