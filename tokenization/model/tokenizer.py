"""A tokenizer, opened from a folder or a tokenizer.json and checked.

Own folders, Hugging Face folders with a `tokenizer.json`, and such a file alone can be opened if every id stands for
bytes: byte-level BPE, and BPE and unigram models of SentencePiece's kind (see `spelling`). `tokenizers` is the
reference engine: its ids are correct by definition. `encode` encodes many texts.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EncodingError, EncodingMismatch, FolderError
from tokenization.model.chat import chat_layout, render, runs_of
from tokenization.model.pattern import GPT2
from tokenization.model.spelling import changing_steps, filled, read_config, read_vocabulary, spelling_of, steps
from tokenization.untrusted import no_panic, read_json, read_npy, shaped

TOKENIZER_JSON = "tokenizer.json"
CONFIG_JSON = "tokenizer_config.json"
SPECIALS_JSON = "special_tokens_map.json"
META_JSON = "tokenizer_meta.json"
TOKEN_BYTES = "token_bytes.npy"
TOKEN_CHARS = "token_chars.npy"
TEMPLATE = "chat_template.jinja"
ROLES = ("bos", "eos", "pad")
NO_MAXIMUM = 10**30
"""The model_max_length that transformers writes for any length."""


class Tokenizer:
    """A tokenizer whose ids stand for bytes. Names of special tokens inside a text are encoded as text.

    `name`: the name used in messages. `json`: the bytes of the tokenizer.json. `sha256`: their digest, which
    identifies the tokenizer. `vocab_size`: number of ids, without holes. `bos`, `eos`, `pad`: ids, or None.
    `specials`: ids of special tokens by name. `pieces[id]`: bytes of a token, empty for special tokens. `spelling`:
    how tokens spell bytes. `config`: the file without its model. `meta`: how the tokenizer was made; empty for foreign
    tokenizers. `settings`: what a folder states beside its tokenizer.json and is kept, see `read_settings`.
    """

    def __init__(
        self,
        source: bytes,
        *,
        name: str,
        meta: dict[str, Any],
        roles: dict[str, str],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the bytes of a tokenizer.json, called `name` in messages. Raises FolderError."""
        self.name = name
        self.meta = meta
        self.settings = dict(settings or {})
        self.json = source
        self.sha256 = hashlib.sha256(source).hexdigest()
        with shaped(name):
            self._read(roles)

    def _read(self, roles: dict[str, str]) -> None:
        from tokenizers import Tokenizer as Reference

        config, name = read_config(self.json, self.name), self.name
        self.spelling = spelling_of(config, name)
        try:
            with no_panic(FolderError, f"{name}: `tokenizers` cannot read it"):
                self._reference: Any = Reference.from_str(self.json.decode())
        except FolderError:
            raise
        except Exception as error:  # the engine raises Exception itself
            raise FolderError(f"{name}: `tokenizers` cannot read it ({error}); save it with version 0.22") from error
        self._reference.encode_special_tokens = True
        self._reference.no_truncation()
        self._reference.no_padding()
        self.pieces, self.specials, self._spelled = read_vocabulary(config, self.spelling, name)
        model = config["model"]
        self._unknown: int | None = model.get("unk_id", self.specials.get(model.get("unk_token")))
        self.config = {key: value for key, value in config.items() if key != "model"}
        self.vocab_size = len(self.pieces)
        self._check_numbers(config)
        self.bos, self.eos, self.pad = (self._role(roles.get(role), CONFIG_JSON) for role in ROLES)

    @classmethod
    def load(cls, path: Path | str, *, fill: bool = False) -> Tokenizer:
        """Open a tokenizer folder or a tokenizer.json. Raises FolderError.

        `fill`: give ids without a token an unused special token, which changes the file's identity.
        """
        path = Path(path)
        file = path / TOKENIZER_JSON if path.is_dir() else path
        if not file.is_file():
            raise FolderError(f"{path}: there is no {TOKENIZER_JSON}; give a tokenizer folder or such a file")
        folder = path if path.is_dir() else None
        meta = _read_meta(folder / META_JSON) if folder else {}
        settings = read_settings(folder)
        source = file.read_bytes()
        if fill:
            source = filled(source, str(file))
        tokenizer = cls(source, name=str(file), meta=meta, roles=read_roles(folder), settings=settings)
        if folder and meta:
            tokenizer._check_arrays(folder)
        return tokenizer

    def with_roles(self, names: Mapping[str, str]) -> Tokenizer:
        """Return the tokenizer with other special tokens as bos, eos or pad. Raises FolderError for an unknown one."""
        changed = copy.copy(self)
        for role, name in names.items():
            setattr(changed, role, self._role(name, f"--{role}"))
        return changed

    @cached_property
    def token_bytes(self) -> NDArray[np.int32]:
        """Number of bytes of each token, 0 for special tokens."""
        return np.array([len(piece) for piece in self.pieces], np.int32)

    @cached_property
    def token_chars(self) -> NDArray[np.int32]:
        """Number of bytes of each token that begin a character; summed over a text they give its characters."""
        data = np.frombuffer(b"".join(self.pieces), np.uint8)
        begun = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])  # characters before each byte
        ends = np.cumsum(self.token_bytes)
        return np.asarray(begun[ends] - begun[ends - self.token_bytes], np.int32)

    @property
    def pattern(self) -> str | None:
        """The pre-token pattern, or None if the pre-tokenizer is not a single pattern."""
        parts = steps(self.config.get("pre_tokenizer"))
        splits = [step["pattern"]["Regex"] for step in parts if step["type"] == "Split" and "Regex" in step["pattern"]]
        splits += [GPT2 for step in parts if step["type"] == "ByteLevel" and step.get("use_regex", True)]
        return splits[0] if len(splits) == 1 else None

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text by the reference engine, without special tokens.

        Raises EncodingError for lone surrogates, and for a pattern that the regex engine gives up on this text.
        """
        refusal = (
            f"{self.name}: its pattern takes too long for a text of {len(text):,} characters; simplify the pattern"
        )
        try:
            with no_panic(EncodingError, refusal):
                ids: list[int] = self._reference.encode(text, add_special_tokens=False).ids
        except TypeError as error:
            raise EncodingError("a text contains lone surrogates and is not Unicode text; clean it first") from error
        return ids

    def encode_chat(
        self, messages: Sequence[Mapping[str, Any]], *, prompt: bool = False, without: Sequence[str] = ()
    ) -> tuple[list[int], list[bool]]:
        """Return the ids of a conversation, and for each whether it is trained on. `chat` describes the layouts.

        `prompt`: end with the token before an assistant message. `without`: types of parts of answers that are not
        trained on. Raises EncodingError for a tokenizer without such
        special tokens, and for a message that its layout cannot express.
        """
        layout = chat_layout(self.specials)
        if layout is None:
            raise EncodingError(f"{self.name}: has no special tokens for the turns of a conversation; give another")
        ids: list[int] = []
        answers: list[bool] = []
        bos = None if self.bos is None else self._names[self.bos].decode()
        parts = render(layout.training(without=without), messages, bos, prompt=prompt)
        for run in runs_of(parts):
            encoded = [self.specials[name] for name in run.specials] or self.encode(run.text)
            ids += encoded
            answers += [run.answer] * len(encoded)
        return ids, answers

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids: special tokens as their names, incomplete characters as U+FFFD."""
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """Return the bytes of the text of ids, special tokens as their names."""
        names = self._names
        return b"".join([self.pieces[token] or names[token] for token in ids]).removeprefix(self.spelling.lead)

    def split(self, text: str) -> list[bytes]:
        """Return the bytes of each token of a text. Together they are the text, unless `changes` names something."""
        return self.pieces_of(self.encode(text))

    def split_word(self, word: str) -> list[bytes]:
        """Return the bytes of each token of a word after a space, as in running text: together the space and word."""
        if self.spelling.lead:
            return [self.pieces[token] for token in self.encode(word)]
        return self.split(f" {word}")

    def pieces_of(self, ids: Sequence[int]) -> list[bytes]:
        """Return the bytes of each token of a text, given its ids; special tokens have none."""
        pieces = [self.pieces[token] for token in ids]
        return [pieces[0].removeprefix(self.spelling.lead), *pieces[1:]] if pieces else []

    def ids_of_token(self, token: int) -> list[int]:
        """Return the ids that the model gives for the spelling of a token, without the steps before the model.

        For `<0x0A>`, which stands for a byte that other tokens lack, its own id.
        """
        if self.spelling.is_byte(self._spelled[token]):
            return [token]
        return [each.id for each in self._reference.model.tokenize(self._spelled[token])]

    def check_golden(self) -> int:
        """Encode the golden sentences stored with the tokenizer, and return their number.

        Raises EncodingMismatch for the first sentence whose ids differ from the stored ones, or that is not decoded to
        itself.
        """
        golden = self.meta.get("golden", [])
        for sentence in golden:
            ids = self.encode(sentence["text"])
            if ids != sentence["ids"] or self.decode(ids) != sentence["text"]:
                raise EncodingMismatch(
                    f"{self.name}: {sentence['text']!r} is not encoded as it was when the tokenizer was made; "
                    "restore the folder, or use the tokenizers version of the lock file"
                )
        return len(golden)

    @cached_property
    def _names(self) -> dict[int, bytes]:
        return {token: name.encode() for name, token in self.specials.items()}

    def changes(self) -> list[str]:
        """Return the steps of tokenizer.json that change a text before it is encoded, so that ids lose it."""
        return [*changing_steps(self.config, self.spelling, self._unknown is not None), *self._read_as_special]

    @cached_property
    def _read_as_special(self) -> list[str]:
        """The names of special tokens that inside a text become their ids, as unigram models give them."""
        if self.spelling.kind == "byte-level":
            return []
        names = [
            name for name, token in self.specials.items() if token != self._unknown and token in self.encode(name)
        ]
        read = [f"the text {name!r} becomes a special token" for name in names]
        byte = "<0x0A>" if self.spelling.byte_fallback else ""
        return [*read, f"the text {byte!r} becomes a byte"] if b"\n" in self.split(byte) else read

    def encoded_text(self, text: str) -> str:
        """Return the text that the ids of `text` decode to: itself, unless `changes` names something."""
        return self.decode(self.encode(text)) if self.changes() else text

    def _role(self, name: str | None, place: str) -> int | None:
        if name is None:
            return None
        if name not in self.specials:
            known = ", ".join(list(self.specials)[:20]) or "none"
            raise FolderError(
                f"{self.name}: {name!r} has a role in {place}, but is not a special token of {TOKENIZER_JSON}: "
                f"name one that it has ({known})"
            )
        return self.specials[name]

    def _check_numbers(self, config: dict[str, Any]) -> None:
        """Raise FolderError if `tokenizers` renumbers added tokens: it does so after a hole, without a warning."""
        for token in config["added_tokens"]:
            number = self._reference.token_to_id(token["content"])
            if number != token["id"]:
                raise FolderError(
                    f"{self.name}: {token['content']!r} has id {token['id']}, but `tokenizers` reads {number}; "
                    "fill the ids between vocabulary and added tokens with unused tokens"
                )

    def _check_arrays(self, folder: Path) -> None:
        for name, computed in ((TOKEN_BYTES, self.token_bytes), (TOKEN_CHARS, self.token_chars)):
            if not np.array_equal(read_npy(folder / name), computed):
                raise FolderError(f"{folder / name}: does not match {TOKENIZER_JSON}; make the tokenizer again")


def _read_meta(path: Path) -> dict[str, Any]:
    """Return the object in a tokenizer_meta.json; an empty one if there is no file. Raises FolderError."""
    meta = read_json(path)
    golden = meta.get("golden", [])
    if not isinstance(golden, list) or not all(_is_encoding(encoding) for encoding in golden):
        raise FolderError(f"{path}: its golden encodings are not texts with ids; make the tokenizer again")
    return meta


def _is_encoding(value: Any) -> bool:
    """Return whether a value has the form {"text": str, "ids": [int, ...]}."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or not isinstance(value.get("ids"), list):
        return False
    return all(type(token_id) is int for token_id in value["ids"])


def read_roles(folder: Path | None) -> dict[str, str]:
    """Return the special token of each role (bos, eos, pad), as stored in a Hugging Face folder."""
    if folder is None:
        return {}
    config = read_json(folder / SPECIALS_JSON) | read_json(folder / CONFIG_JSON)
    roles = {}
    for role in ROLES:
        token = _name(config.get(f"{role}_token"))
        if token is not None:
            if not isinstance(token, str):
                raise FolderError(f"{folder / CONFIG_JSON}: {role}_token is no name of a token; fetch it again")
            roles[role] = token
    return roles


def read_settings(folder: Path | None) -> dict[str, Any]:
    """Return what a Hugging Face folder states of its tokenizer beside tokenizer.json and bos, eos, pad.

    `chat_template` (a text, or a list of names and texts), `model_max_length`, and the tokens of further roles: unk,
    sep, cls, mask, additional. Raises FolderError for a template of another form.
    """
    if folder is None:
        return {}
    config = read_json(folder / SPECIALS_JSON) | read_json(folder / CONFIG_JSON)
    settings: dict[str, Any] = {}
    template = config.get("chat_template")
    if (folder / TEMPLATE).is_file():
        template = (folder / TEMPLATE).read_bytes().decode(errors="replace")
    if template is not None:
        entries = template if isinstance(template, list) else [{"name": "default", "template": template}]
        if not all(
            isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("template"), str)
            for entry in entries
        ):
            raise FolderError(f"{folder / CONFIG_JSON}: its chat_template is no text and no list; fetch it again")
        settings["chat_template"] = template
    longest = config.get("model_max_length")
    if isinstance(longest, int | float) and longest is not True and 0 < longest < NO_MAXIMUM:
        settings["model_max_length"] = int(longest)
    for role in ("unk", "sep", "cls", "mask"):
        if isinstance(token := _name(config.get(f"{role}_token")), str):
            settings[f"{role}_token"] = token
    more = config.get("additional_special_tokens") or config.get("extra_special_tokens")
    if isinstance(more, list) and all(isinstance(_name(token), str) for token in more):
        settings["additional_special_tokens"] = [_name(token) for token in more]
    return settings


def _name(token: Any) -> Any:
    """Return the name of a token that is stored as a name, or as an object with its flags."""
    return token.get("content") if isinstance(token, dict) else token
