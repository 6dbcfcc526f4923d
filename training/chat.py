"""A conversation with a trained model: each line of input is a turn, and the answer is written as it is generated.

Turns become ids by the chat template in the folder of the tokenizer, as in training. The template is rendered with a
placeholder for each content. Contents are encoded apart from the text around them, so that a name of a special token
in a turn stays text, and an answer keeps the ids that the model wrote.

jinja2, which torch requires, renders templates, and the package `tokenizers` encodes texts.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from sharding.rows import Dataset
from training.config import Generate
from training.detokenize import TokenBytes
from training.errors import ConfigError, InputError, say, shown
from training.model import Decoder
from training.sampling import generate

_PLACE = re.compile("\ufdd0(\\d+)\ufdd1")  # noncharacters: no template has them


class Turn(NamedTuple):
    """A message. role: user or assistant. ids: those of its content."""

    role: str
    ids: list[int]


class Template:
    """The chat template of a dataset's tokenizer. ends: ids that end an answer."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the template. Raises ConfigError without a template or `tokenizers`, InputError for a faulty one."""
        folder = dataset.tokenizer
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise ConfigError("--chat needs the package tokenizers: pip install tokenizers") from None
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self._errors = TemplateError
        self._file = folder / "tokenizer_config.json"
        text = _template_text(folder)
        if text is None:
            raise ConfigError(
                f"{folder} has no chat template, since the tokenizer has no special tokens for turns, such as "
                "<|user|>, <|assistant|> and <|eot|>: give a run with a tokenizer that has them"
            )
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = self._refuse
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        try:
            # a mark of transformers around what the model writes, which changes no text
            self._template = environment.from_string(re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", text))
        except TemplateError as error:
            raise self._faulty(error) from None
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._content = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._content.encode_special_tokens = True
        bos = dataset.layout.bos
        self._bos = "" if bos is None else self._tokenizer.id_to_token(bos)
        after = self._pieces([Turn("user", []), Turn("assistant", [])], prompt=False)[-1]
        self.ends = {*self._encode(after)[:1], dataset.layout.end} - {None}

    def content(self, text: str) -> list[int]:
        """Return the ids of a message's text. Names of special tokens in it stay text."""
        ids: list[int] = self._content.encode(text, add_special_tokens=False).ids
        return ids

    def ids(self, turns: Sequence[Turn]) -> list[int]:
        """Return the ids of a conversation, up to the beginning of the next answer. Raises InputError."""
        ids: list[int] = []
        for number, piece in enumerate(self._pieces(turns, prompt=True)):
            ids += turns[int(piece)].ids if number % 2 else self._encode(piece)
        return ids

    def _pieces(self, turns: Sequence[Turn], *, prompt: bool) -> list[str]:
        """Return the rendered text, split: text of the template at even places, numbers of turns at odd ones."""
        messages = [{"role": turn.role, "content": f"\ufdd0{i}\ufdd1"} for i, turn in enumerate(turns)]
        try:
            rendered = self._template.render(messages=messages, bos_token=self._bos, add_generation_prompt=prompt)
        except (self._errors, TypeError, KeyError, ValueError) as error:
            raise self._faulty(error) from None
        pieces = _PLACE.split(rendered)
        if [int(piece) for piece in pieces[1::2]] != list(range(len(turns))):
            raise self._faulty("it does not write the content of each message once, in order")
        return pieces

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _refuse(self, message: str) -> None:
        raise ValueError(message)

    def _faulty(self, error: object) -> InputError:
        return InputError(f"{self._file}: its chat_template can't be rendered ({error}): export the tokenizer again")


def _template_text(folder: Path) -> str | None:
    """Return the template in a tokenizer's folder: a text, or the one named `default` in a list."""
    file, beside = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    try:
        template: Any = json.loads(file.read_bytes()).get("chat_template") if file.exists() else None
        if isinstance(template, list):
            template = {each["name"]: each["template"] for each in template}.get("default")
        template = beside.read_text("utf-8") if template is None and beside.exists() else template
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file} can't be read ({error!r}): export the tokenizer again") from None
    return template if isinstance(template, str) else None


def converse(
    lines: Iterable[str], write: Callable[[str], None], model: Decoder, dataset: Dataset, settings: Generate, seed: int
) -> None:
    """Answer each line, until the lines end. The oldest turns are dropped, and reported, where the context is full."""
    template, token_bytes = Template(dataset), TokenBytes(dataset.tokenizer)
    turns: list[Turn] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        turns.append(Turn("user", template.content(line.removesuffix("\n"))))
        ids, before = template.ids(turns), len(turns)
        while len(ids) + settings.tokens > model.config.context and len(turns) > 1:
            del turns[:2]
            ids = template.ids(turns)
        if len(turns) < before:
            say(f"the context is full: the oldest {before - len(turns)} messages were dropped")
        if len(ids) >= model.config.context:
            say(f"this turn has {len(ids)} tokens, and the model reads {model.config.context}: shorten it")
            turns.clear()
            continue
        answer: list[int] = []
        for piece in token_bytes.stream(_kept(template, generate(model, ids, settings, seed + number), answer)):
            write(shown(piece))
        write("\n")
        turns.append(Turn("assistant", answer))


def _kept(template: Template, ids: Iterable[int], answer: list[int]) -> Iterator[int]:
    """Yield ids up to the end of the turn, and append them to `answer`."""
    for id in takewhile(lambda id: id not in template.ends, ids):
        answer.append(id)
        yield id


def read_lines() -> Iterator[str]:
    """Yield the lines of stdin, after a prompt on a terminal."""
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    terminal = sys.stdin.isatty()
    while True:
        if terminal:
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return
        yield line
