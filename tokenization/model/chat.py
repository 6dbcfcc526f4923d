"""Conversations as ids: the layouts of the special tokens that mark turns, and the chat template of each.

    turns      <|user|> text <|eot|> <|assistant|> text <|eot|>       the names of Autoresearch-V2-Base's vocabulary
    nanochat   <|user_start|> text <|user_end|> <|assistant_start|> text <|assistant_end|>
               (karpathy/nanochat, tokenizer.py, `render_conversation`, at commit d6d86cb)

Both begin with BOS. A layout is declared once. `render` gives the parts of a conversation, and `chat_template` the
Jinja template from which transformers, vLLM and llama.cpp make the same ids. Names of special tokens in a message stay
text in `render`; a template renders text, in which such a name becomes an id.

A message has `role` and `content`, as in transformers. Content is text, or a list of parts with `type` and `text`:
`text`, or one of the layout's own types. An assistant message of layout `turns` may have `reasoning_content`, which
stands before the content, and `tool_calls`, which follow it as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple

from tokenization.errors import EncodingError

ASSISTANT = "assistant"


class ChatPart(NamedTuple):
    """A part of a rendered conversation.

    `text`: the text, or the name of a special token. `special`: it is a special token. `answer`: the model writes it,
    so that it is trained on.
    """

    text: str
    special: bool
    answer: bool


@dataclass(frozen=True, slots=True)
class ChatLayout:
    """The special tokens of conversations.

    `turns`: the tokens before and after a message, by role. `parts`: the tokens before and after a part of a message,
    by type; None for no token after it. `reads`: types that are not trained on, such as the output of a tool.
    `joins_system`: a system message is put before the text of the first user message.
    """

    turns: Mapping[str, tuple[str, str]]
    parts: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    joins_system: bool = False

    @property
    def tokens(self) -> tuple[str, ...]:
        """Names of all special tokens, each once."""
        pairs = [*self.turns.values(), *self.parts.values()]
        return tuple(dict.fromkeys(name for pair in pairs for name in pair if name is not None))

    def training(self, *, without: Collection[str] = ()) -> ChatLayout:
        """Return the layout in which parts of the types `without` are not trained on, though the model writes them."""
        return replace(self, reads=self.reads | (set(without) & self.parts.keys()))

    def lacks(self, messages: Iterable[Mapping[str, Any]]) -> str:
        """Return the first role or type of part of messages that has no special tokens; "" if all have."""
        for number, message in enumerate(messages):
            role = message["role"]
            if role not in self.turns and not (self.joins_system and role == "system" and number == 0):
                return f"role {role}"
            content = message["content"]
            for part in [] if isinstance(content, str) else content:
                if part["type"] != "text" and (part["type"] not in self.parts or role == "system"):
                    return f"a part of type {part['type']}"
        return ""

    def having(self, names: Mapping[str, int]) -> ChatLayout | None:
        """Return the layout without what needs tokens that are not in `names`; None if user or assistant do."""
        turns = {role: pair for role, pair in self.turns.items() if set(pair) <= names.keys()}
        parts = {kind: pair for kind, pair in self.parts.items() if {*pair} - {None} <= names.keys()}
        if not {"user", ASSISTANT} <= turns.keys():
            return None
        return ChatLayout(turns, parts, self.reads, self.joins_system)


LAYOUTS = (
    ChatLayout(
        {
            "system": ("<|system|>", "<|eot|>"),
            "user": ("<|user|>", "<|eot|>"),
            ASSISTANT: ("<|assistant|>", "<|eot|>"),
            "tool": ("<|tool_result|>", "<|eot|>"),
        },
        {"reasoning": ("<|think|>", "<|/think|>"), "tool_call": ("<|tool_call|>", None)},
    ),
    ChatLayout(
        {"user": ("<|user_start|>", "<|user_end|>"), ASSISTANT: ("<|assistant_start|>", "<|assistant_end|>")},
        {
            "python": ("<|python_start|>", "<|python_end|>"),
            "python_output": ("<|output_start|>", "<|output_end|>"),
        },
        reads=frozenset({"python_output"}),
        joins_system=True,
    ),
)


def chat_layout(specials: Mapping[str, int]) -> ChatLayout | None:
    """Return the first layout whose tokens are among the special tokens; None if there is none."""
    return next((known for layout in LAYOUTS if (known := layout.having(specials))), None)


def render(
    layout: ChatLayout, messages: Sequence[Mapping[str, Any]], bos: str | None, *, prompt: bool = False
) -> list[ChatPart]:
    """Return the parts of a conversation, in order.

    `bos`: the token at the beginning, None for none. `prompt`: end with the token before an assistant message. Raises
    EncodingError for a message that the layout cannot express, with its number.
    """
    rendered = [ChatPart(bos, True, False)] if bos is not None else []
    before = ""  # a system message that joins the first user message
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        if layout.joins_system and role == "system" and number == 0:
            before = f"{message['content']}\n\n"
            continue
        if role not in layout.turns:
            raise EncodingError(f"message {number}: role {role!r} is none of {', '.join(layout.turns)}; rename it")
        begin, end = layout.turns[role]
        answer = role == ASSISTANT
        rendered.append(ChatPart(begin, True, False))
        if before:
            rendered.append(ChatPart(before, False, answer))
            before = ""
        for kind, text in _parts(message, number, layout):
            opening, closing = layout.parts.get(kind, (None, None))
            written = answer and kind not in layout.reads
            rendered += [ChatPart(opening, True, written)] if opening else []
            rendered += [ChatPart(text, False, written)] if text else []
            rendered += [ChatPart(closing, True, written)] if closing else []
        rendered.append(ChatPart(end, True, answer))
    if prompt:
        rendered.append(ChatPart(layout.turns[ASSISTANT][0], True, False))
    return rendered


class ChatRun(NamedTuple):
    """Neighbouring parts that are encoded together: a text, or names of special tokens. `answer`: as of a part."""

    text: str
    specials: tuple[str, ...]
    answer: bool


def runs_of(parts: Iterable[ChatPart]) -> list[ChatRun]:
    """Return rendered parts as runs. A text is not encoded across a border of what is trained on."""
    runs = []
    for (special, answer), run in groupby(parts, key=lambda part: (part.special, part.answer)):
        texts = tuple(part.text for part in run)
        runs.append(ChatRun("", texts, answer) if special else ChatRun("".join(texts), (), answer))
    return runs


def _parts(message: Mapping[str, Any], number: int, layout: ChatLayout) -> list[tuple[str, str]]:
    """Return the parts of a message as type and text."""
    content = message.get("content") or ""
    parts = [("text", content)] if isinstance(content, str) else [(part["type"], part["text"]) for part in content]
    if message["role"] == ASSISTANT:
        if thought := message.get("reasoning_content"):
            parts.insert(0, ("reasoning", thought))
        calls = message.get("tool_calls") or []
        parts += [("tool_call", json.dumps(call["function"], ensure_ascii=False)) for call in calls]
    for kind, _ in parts:
        if kind != "text" and kind not in layout.parts:
            raise EncodingError(
                f"message {number}: the tokenizer has no special tokens for a part of type {kind!r}; remove the part"
            )
    return parts


def chat_template(layout: ChatLayout, *, tracked: bool = True) -> str:
    """Return the Jinja template that renders what `render` does, for `apply_chat_template`.

    `tracked`: mark what the model writes by `{% generation %}`, which transformers needs to return masks and other
    readers of templates do not support.
    """
    marks = ("{% generation %}", "{% endgeneration %}") if tracked else ("", "")
    joined = "{% if loop.first %}{{ before }}{% endif %}" if layout.joins_system else ""
    turns = ""
    for number, (role, (opening, closing)) in enumerate(layout.turns.items()):
        content = _answer(layout, closing, marks) if role == ASSISTANT else _content(layout, _shown) + closing
        turns += f"{{% {'elif' if number else 'if'} message.role == '{role}' %}}{opening}{joined}{content}"
    refused = "{{ raise_exception('role ' ~ message.role ~ ' has no special token') }}"
    return (
        f"{{{{ bos_token or '' }}}}{_JOIN if layout.joins_system else '{% set turns = messages %}'}"
        f"{{% for message in turns %}}{turns}{{% else %}}{refused}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{layout.turns[ASSISTANT][0]}{{% endif %}}"
    )


_JOIN = (
    "{% if messages and messages[0].role == 'system' %}{% set before = messages[0].content + '\\n\\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set before = '' %}{% set turns = messages %}{% endif %}"
)


def _shown(opening: str, text: str, closing: str) -> str:
    return f"{opening}{{{{ {text} }}}}{closing}"


def _kept(opening: str, text: str, closing: str) -> str:
    """Return the template that adds a part to `answer.text`.

    What the model writes is collected and rendered in one block, because transformers loses the last tokens of a block
    that ends in a character of several tokens.
    """
    return f"{{% set answer.text = answer.text + '{opening}' + {text} + '{closing}' %}}"


def _answer(layout: ChatLayout, closing: str, marks: tuple[str, str]) -> str:
    """Return the template of an assistant message after its first token."""

    def part(opening: str, text: str, closing: str) -> str:
        if not any(layout.parts[kind] == (opening, closing or None) for kind in layout.reads):
            return _kept(opening, text, closing)
        before = "{{ answer.text }}".join(marks)
        before = f"{{% if answer.text %}}{before}{{% endif %}}{{% set answer.text = '' %}}"
        return before + _shown(opening, text, closing)

    thought = calls = ""
    if "reasoning" in layout.parts:
        opening, after = layout.parts["reasoning"]
        kept = part(opening, "message.reasoning_content", after or "")
        thought = f"{{% if message.reasoning_content %}}{kept}{{% endif %}}"
    if "tool_call" in layout.parts:
        call = _shown(layout.parts["tool_call"][0], "call.function | tojson", "")
        calls = f"{{% for call in message.tool_calls or [] %}}{call}{{% endfor %}}"
    if "tool_call" in layout.reads:
        written = "{{ answer.text }}".join(marks)
        end = f"{{% if answer.text %}}{written}{{% endif %}}{calls}{closing.join(marks)}"
    else:
        end = f"{{{{ answer.text }}}}{calls}{closing}".join(marks)
    return f"{{% set answer = namespace(text='') %}}{thought}{_content(layout, part)}{end}"


def _content(layout: ChatLayout, part: Callable[[str, str, str], str]) -> str:
    """Return the template of the content of a message: text, or parts, each made by `part`."""
    kinds = f"{{% if part.type == 'text' %}}{part('', 'part.text', '')}"
    for kind, (opening, closing) in layout.parts.items():
        kinds += f"{{% elif part.type == '{kind}' %}}{part(opening, 'part.text', closing or '')}"
    kinds += "{% else %}{{ raise_exception('a part of type ' ~ part.type ~ ' has no special token') }}{% endif %}"
    return (
        f"{{% if message.content is string %}}{part('', 'message.content', '')}{{% else %}}"
        f"{{% for part in message.content or [] %}}{kinds}{{% endfor %}}{{% endif %}}"
    )
