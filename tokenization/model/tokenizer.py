"""A byte-level BPE tokenizer, opened from a folder or a tokenizer.json and checked.

Own folders, Hugging Face folders with a `tokenizer.json`, and such a file alone can be opened if the model is
byte-level BPE. Only then does every id stand for bytes, so that bits per byte, fertility and lossless decoding are
defined. `tokenizers` is the reference engine: its ids are correct by definition. `encode` encodes many texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EncodingError, EncodingMismatch, FolderError
from tokenization.model.alphabet import token_to_bytes
from tokenization.model.pattern import GPT2
from tokenization.untrusted import NPY_FAULTS, no_panic, parsed, read_json, shaped

TOKENIZER_JSON = "tokenizer.json"
CONFIG_JSON = "tokenizer_config.json"
SPECIALS_JSON = "special_tokens_map.json"
META_JSON = "tokenizer_meta.json"
TOKEN_BYTES = "token_bytes.npy"
TOKEN_CHARS = "token_chars.npy"


class Tokenizer:
    """A byte-level BPE tokenizer. Names of special tokens inside a text are encoded as text.

    `name`: the name used in messages. `json`: the bytes of the tokenizer.json. `sha256`: their digest, which
    identifies the tokenizer. `vocab_size`: number of ids, without holes. `bos`, `eos`, `pad`: ids, or None.
    `specials`: ids of special tokens by name. `pieces[id]`: bytes of a token, empty for special tokens. `config`: the
    file without its model. `meta`: how the tokenizer was made; empty for foreign tokenizers.
    """

    def __init__(self, source: bytes, *, name: str, meta: dict[str, Any], roles: dict[str, str]) -> None:
        """Open the bytes of a tokenizer.json, called `name` in messages. Raises FolderError."""
        self.name = name
        self.meta = meta
        self.json = source
        self.sha256 = hashlib.sha256(source).hexdigest()
        with shaped(name):
            self._read(roles)

    def _read(self, roles: dict[str, str]) -> None:
        from tokenizers import Tokenizer as Reference

        config, name = _parsed(self.json, self.name), self.name
        try:
            with no_panic(FolderError, f"{name}: `tokenizers` cannot read it"):
                self._reference: Any = Reference.from_str(self.json.decode())
        except FolderError:
            raise
        except Exception as error:  # the engine raises Exception itself
            raise FolderError(f"{name}: `tokenizers` cannot read it ({error}); save it with version 0.22") from error
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
            raise FolderError(f"{path}: there is no {TOKENIZER_JSON}; give a tokenizer folder or such a file")
        folder = path if path.is_dir() else None
        meta = _read_meta(folder / META_JSON) if folder else {}
        tokenizer = cls(file.read_bytes(), name=str(file), meta=meta, roles=read_roles(folder))
        if folder and meta:
            tokenizer._check_arrays(folder)
        return tokenizer

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
        steps = _steps(self.config.get("pre_tokenizer"))
        splits = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split" and "Regex" in step["pattern"]]
        splits += [GPT2 for step in steps if step["type"] == "ByteLevel" and step.get("use_regex", True)]
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

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids: special tokens as their names, incomplete characters as U+FFFD."""
        names = self._names
        return b"".join([self.pieces[token] or names[token] for token in ids]).decode(errors="replace")

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

    def _role(self, name: str | None) -> int | None:
        if name is None:
            return None
        if name not in self.specials:
            raise FolderError(
                f"{self.name}: {name!r} has a role in {CONFIG_JSON}, but is not a special token of {TOKENIZER_JSON}"
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
            try:
                stored = np.load(folder / name, allow_pickle=False)
            except NPY_FAULTS as error:
                raise FolderError(f"{folder / name}: cannot be read ({error}); make the tokenizer again") from error
            if not np.array_equal(stored, computed):
                raise FolderError(f"{folder / name}: does not match {TOKENIZER_JSON}; make the tokenizer again")


def _parsed(source: bytes, name: str) -> dict[str, Any]:
    config = parsed(source, name)
    if not isinstance(config, dict):
        raise FolderError(f"{name}: is not a JSON object; give a tokenizer.json")
    model = config.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        raise FolderError(f"{name}: has no model with a vocabulary; give a tokenizer.json")
    if model.get("type") != "BPE" or "ByteLevel" not in [step.get("type") for step in _steps(config.get("decoder"))]:
        raise FolderError(f"{name}: is a {model.get('type')} model; only byte-level BPE is supported")
    config["added_tokens"] = config.get("added_tokens") or []
    return config


def _steps(step: Any) -> list[dict[str, Any]]:
    """Return the steps of a pre-tokenizer or decoder, with nested sequences flattened."""
    if not isinstance(step, dict):
        return []
    inner = step.get("pretokenizers", step.get("decoders"))
    return [step] if inner is None else [flat for part in inner for flat in _steps(part)]


def _vocabulary(config: dict[str, Any], name: str) -> tuple[list[bytes], dict[str, int]]:
    """Return the bytes of each id, and the ids of special tokens. Raises FolderError for holes."""
    added = {token["id"]: token for token in config["added_tokens"]}
    pieces: dict[int, bytes] = {}
    for token, token_id in config["model"]["vocab"].items():
        if token_id in added:
            continue
        if token_id in pieces:
            raise FolderError(f"{name}: two tokens have the id {token_id}")
        try:
            pieces[token_id] = token_to_bytes(token)
        except KeyError as error:
            raise FolderError(f"{name}: token {token!r} is not in the byte-level alphabet") from error
    specials = {}
    for token_id, token in added.items():
        pieces[token_id] = b"" if token["special"] else token["content"].encode()
        if token["special"]:
            specials[token["content"]] = token_id
    missing = next((token_id for token_id in range(len(pieces)) if token_id not in pieces), None)
    if missing is not None:
        raise FolderError(
            f"{name}: id {missing} has no token, and engines number differently after such holes; "
            "fill it with an unused token"
        )
    return [pieces[token_id] for token_id in range(len(pieces))], specials


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
    for role in ("bos", "eos", "pad"):
        token = config.get(f"{role}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None:
            if not isinstance(token, str):
                raise FolderError(f"{folder / CONFIG_JSON}: {role}_token is no name of a token; fetch it again")
            roles[role] = token
    return roles
