"""A tokenizer as others use it: read from a folder, checked, and asked for ids.

Read are our own folders, Hugging Face folders with a `tokenizer.json`, and such a file alone, as long as the
model is byte-level BPE: only there does every id stand for bytes, so that bits per byte, fertility and lossless
decoding mean anything. `tokenizers` is the reference engine: what it encodes is right by definition; `encode.py`
is how to encode a lot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EncodingError, EncodingMismatch, FolderError
from tokenization.model.alphabet import token_to_bytes
from tokenization.model.pattern import GPT2

TOKENIZER_JSON = "tokenizer.json"
CONFIG_JSON = "tokenizer_config.json"
SPECIALS_JSON = "special_tokens_map.json"
META_JSON = "tokenizer_meta.json"
TOKEN_BYTES = "token_bytes.npy"
TOKEN_CHARS = "token_chars.npy"


class Tokenizer:
    """A byte-level BPE tokenizer; special tokens are found by name, and never in text.

    `sha256` of the tokenizer.json is its identity; `vocab_size` ids, none missing; `bos`, `eos`, `pad` are ids or
    None; `specials` maps the names of special tokens to ids; `pieces[id]` are the bytes of a token, empty for
    special ones; `config` is what the file says beside its model; `meta` is how it was made, empty for tokenizers made
    elsewhere.
    """

    def __init__(self, source: bytes, *, name: str, meta: dict[str, Any], roles: dict[str, str]) -> None:
        """From the bytes of a tokenizer.json, called `name` in messages. Raises FolderError."""
        from tokenizers import Tokenizer as Reference

        self.name = name
        self.meta = meta
        self.json = source
        self.sha256 = hashlib.sha256(source).hexdigest()
        config = _parsed(source, name)
        try:
            self._reference: Any = Reference.from_str(source.decode())
        except Exception as error:  # it raises nothing narrower
            raise FolderError(f"{name}: `tokenizers` can't read it ({error}): save it with version 0.22") from error
        self._reference.encode_special_tokens = True
        self.pieces, self.specials = _vocabulary(config, name)
        self.config = {key: value for key, value in config.items() if key != "model"}
        self.vocab_size = len(self.pieces)
        self._check_numbers(config)
        self.bos, self.eos, self.pad = (self._role(roles.get(role)) for role in ("bos", "eos", "pad"))

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Open a tokenizer folder or a tokenizer.json. Raises FolderError."""
        path = Path(path)
        file = path / TOKENIZER_JSON if path.is_dir() else path
        if not file.is_file():
            raise FolderError(f"{path}: there is no {TOKENIZER_JSON}; name a tokenizer folder or such a file")
        folder = path if path.is_dir() else None
        meta = read_json(folder / META_JSON) if folder else {}
        tokenizer = cls(file.read_bytes(), name=str(file), meta=meta, roles=read_roles(folder))
        if folder and meta:
            tokenizer._check_arrays(folder)
        return tokenizer

    @cached_property
    def token_bytes(self) -> NDArray[np.int32]:
        """Bytes of each token, 0 for special ones."""
        return np.array([len(piece) for piece in self.pieces], np.int32)

    @cached_property
    def token_chars(self) -> NDArray[np.int32]:
        """Bytes of each token that begin a character; over a text they add up to its characters."""
        data = np.frombuffer(b"".join(self.pieces), np.uint8)
        begun = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])  # characters up to each byte
        ends = np.cumsum(self.token_bytes)
        return np.asarray(begun[ends] - begun[ends - self.token_bytes], np.int32)

    @property
    def pattern(self) -> str | None:
        """The pre-token pattern, where a single one says it all."""
        steps = _steps(self.config.get("pre_tokenizer"))
        splits = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split" and "Regex" in step["pattern"]]
        splits += [GPT2 for step in steps if step["type"] == "ByteLevel" and step.get("use_regex", True)]
        return splits[0] if len(splits) == 1 else None

    def encode(self, text: str) -> list[int]:
        """The ids of a text, by the reference engine, no special tokens among them. Raises EncodingError."""
        try:
            ids: list[int] = self._reference.encode(text, add_special_tokens=False).ids
        except TypeError as error:
            raise EncodingError("a text holds lone surrogates and is no Unicode: clean it first") from error
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens by their names, bytes that form no character as U+FFFD."""
        names = self._names
        return b"".join([self.pieces[token] or names[token] for token in ids]).decode(errors="replace")

    def check_golden(self) -> int:
        """Encode the sentences recorded when the tokenizer was made; returns how many there are.

        Raises EncodingMismatch for the first one that gives other ids than then, or doesn't decode to itself.
        """
        golden = self.meta.get("golden", [])
        for sentence in golden:
            ids = self.encode(sentence["text"])
            if ids != sentence["ids"] or self.decode(ids) != sentence["text"]:
                raise EncodingMismatch(
                    f"{self.name}: {sentence['text']!r} encodes otherwise than when the tokenizer was made: "
                    "restore the folder, or use the tokenizers version of the lock file"
                )
        return len(golden)

    @cached_property
    def _names(self) -> dict[int, bytes]:
        return {token: name.encode() for name, token in self.specials.items()}

    def _role(self, name: str | None) -> int | None:
        if name is None:
            return None
        if name not in self.specials:
            raise FolderError(f"{self.name}: {name!r} has a role in {CONFIG_JSON}, but is no special token here")
        return self.specials[name]

    def _check_numbers(self, config: dict[str, Any]) -> None:
        """`tokenizers` renumbers added tokens that leave a hole before them, in silence."""
        for token in config["added_tokens"]:
            number = self._reference.token_to_id(token["content"])
            if number != token["id"]:
                raise FolderError(
                    f"{self.name}: {token['content']!r} has id {token['id']}, and `tokenizers` makes it {number}: "
                    "fill the ids between vocabulary and added tokens with unused tokens"
                )

    def _check_arrays(self, folder: Path) -> None:
        for name, computed in ((TOKEN_BYTES, self.token_bytes), (TOKEN_CHARS, self.token_chars)):
            try:
                stored = np.load(folder / name, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise FolderError(f"{folder / name}: can't be read ({error}); make the tokenizer again") from error
            if not np.array_equal(stored, computed):
                raise FolderError(f"{folder / name}: doesn't belong to {TOKENIZER_JSON}; make the tokenizer again")


def _parsed(source: bytes, name: str) -> dict[str, Any]:
    try:
        config = json.loads(source)
    except ValueError as error:
        raise FolderError(f"{name}: is no JSON ({error}); make or fetch it again") from error
    if not isinstance(config, dict):
        raise FolderError(f"{name}: is no JSON object; is it a tokenizer.json?")
    model = config.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        raise FolderError(f"{name}: has no model with a vocabulary; is it a tokenizer.json?")
    if model.get("type") != "BPE" or "ByteLevel" not in [step.get("type") for step in _steps(config.get("decoder"))]:
        raise FolderError(f"{name}: is a {model.get('type')} model, and only byte-level BPE is read here")
    config["added_tokens"] = config.get("added_tokens") or []
    return config


def _steps(step: Any) -> list[dict[str, Any]]:
    """The steps of a pre-tokenizer or decoder, sequences laid out flat."""
    if not isinstance(step, dict):
        return []
    inner = step.get("pretokenizers", step.get("decoders"))
    return [step] if inner is None else [flat for part in inner for flat in _steps(part)]


def _vocabulary(config: dict[str, Any], name: str) -> tuple[list[bytes], dict[str, int]]:
    """The bytes of each id, and the special tokens. Raises FolderError for holes and foreign alphabets."""
    added = {token["id"]: token for token in config["added_tokens"]}
    pieces: dict[int, bytes] = {}
    for token, token_id in config["model"]["vocab"].items():
        if token_id in added:
            continue
        if token_id in pieces:
            raise FolderError(f"{name}: id {token_id} stands for two tokens")
        try:
            pieces[token_id] = token_to_bytes(token)
        except KeyError as error:
            raise FolderError(f"{name}: token {token!r} isn't written in the byte-level alphabet") from error
    specials = {}
    for token_id, token in added.items():
        pieces[token_id] = b"" if token["special"] else token["content"].encode()
        if token["special"]:
            specials[token["content"]] = token_id
    missing = next((token_id for token_id in range(len(pieces)) if token_id not in pieces), None)
    if missing is not None:
        raise FolderError(
            f"{name}: id {missing} has no token, and engines number differently around such holes: "
            "fill it with an unused token"
        )
    return [pieces[token_id] for token_id in range(len(pieces))], specials


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise FolderError(f"{path}: is no JSON ({error}); make or fetch the tokenizer again") from error
    if not isinstance(value, dict):
        raise FolderError(f"{path}: is no JSON object; make or fetch the tokenizer again")
    return value


def read_roles(folder: Path | None) -> dict[str, str]:
    """Which special tokens begin and end texts and fill rows, as Hugging Face folders say it."""
    if folder is None:
        return {}
    config = read_json(folder / SPECIALS_JSON) | read_json(folder / CONFIG_JSON)
    roles = {}
    for role in ("bos", "eos", "pad"):
        token = config.get(f"{role}_token")
        if token is not None:
            roles[role] = token["content"] if isinstance(token, dict) else token
    return roles
