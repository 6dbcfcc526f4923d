"""How a tokenizer.json spells the bytes of its tokens, and what its steps change in a text.

    byte-level      BPE over GPT-2's alphabet (`alphabet`): GPT, Llama 3, Qwen, Mistral's tekken, arcorp's own
    sentencepiece   BPE or unigram over characters, with U+2581 for a space and, with byte fallback, `<0x0A>` for a
                    byte: Gemma, Llama 2, T5, AraNizer SP. Many put a space before every text, which decoding removes

In both, every id stands for bytes, so that bits per byte, fertility and boundaries of tokens are defined. The first
loses nothing of a text. The second reads U+2581 as a space, and without byte fallback it has no id for the characters
that its vocabulary lacks. Other models (WordPiece) are refused: their tokens do not contain the spaces of a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from tokenization.errors import FolderError
from tokenization.model.alphabet import token_to_bytes
from tokenization.untrusted import parsed, shaped

SPACE_SIGN = "\u2581"
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_REMOVING = ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "CharDelimiterSplit", "Metaspace")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How tokens spell bytes.

    `kind`: one of the two kinds above. `lead`: what encoding puts before every text and decoding removes: a space, or
    nothing. `byte_fallback`: whether `<0x0A>` is a byte.
    """

    kind: Literal["byte-level", "sentencepiece"]
    lead: bytes = b""
    byte_fallback: bool = False

    def bytes_of(self, token: str) -> bytes:
        """Return the bytes of a token. Raises KeyError for a character outside the byte-level alphabet."""
        if self.kind == "byte-level":
            return token_to_bytes(token)
        return bytes([int(token[3:5], 16)]) if self.is_byte(token) else self.added(token)

    def is_byte(self, token: str) -> bool:
        """Return whether a token stands for a byte of characters that have no token."""
        return self.byte_fallback and _BYTE.fullmatch(token) is not None

    def added(self, content: str) -> bytes:
        """Return the bytes of an added token that is no special token."""
        return (content if self.kind == "byte-level" else content.replace(SPACE_SIGN, " ")).encode()


def read_config(source: bytes, name: str) -> dict[str, Any]:
    """Return the object in a tokenizer.json, with `added_tokens`. Raises FolderError for a file of another kind."""
    config = parsed(source, name)
    if not isinstance(config, dict):
        raise FolderError(f"{name}: is not a JSON object; give a tokenizer.json")
    model = config.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict | list):
        raise FolderError(f"{name}: has no model with a vocabulary; give a tokenizer.json")
    config["added_tokens"] = config.get("added_tokens") or []
    return config


def filled(source: bytes, name: str) -> bytes:
    """Return a tokenizer.json with an unused special token for each id that has no token.

    Engines number the added tokens after such a hole differently. Files without holes are returned as they are, and so
    are files that have more holes than tokens, which are damaged.
    """
    with shaped(name):
        config = read_config(source, name)
        vocab = config["model"]["vocab"]
        numbers = dict(vocab) if isinstance(vocab, dict) else {entry[0]: number for number, entry in enumerate(vocab)}
        added = {token["id"]: token for token in config["added_tokens"]}
        taken = {*numbers.values(), *added}
        missing = (number for number in range(max(taken, default=-1)) if number not in taken)
        holes = list(islice(missing, len(taken) + 1))
        unused = {f"<|unused_{number}|>": number for number in holes}
        if not holes or len(holes) > len(taken) or unused.keys() & {*numbers, *(t["content"] for t in added.values())}:
            return source
        flags = {**dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False), "special": True}
        last = max(numbers.values(), default=-1)
        for content, number in unused.items():
            added[number] = {"id": number, "content": content, **flags}
            if number < last:  # `tokenizers` takes the id of an added token from the model, if the model has it
                vocab[content] = number
        config["added_tokens"] = [added[number] for number in sorted(added)]
        return json.dumps(config, ensure_ascii=False).encode()


def spelling_of(config: Mapping[str, Any], name: str) -> Spelling:
    """Return how a tokenizer.json spells bytes. Raises FolderError for a model of another kind."""
    model = config["model"]
    decoders = steps(config.get("decoder"))
    kinds = [step.get("type") for step in decoders]
    if model.get("type") == "BPE" and "ByteLevel" in kinds and isinstance(model["vocab"], dict):
        return Spelling("byte-level")
    spaced = "Metaspace" in kinds or any(_restores_spaces(step) for step in decoders)
    form = {"BPE": dict, "Unigram": list}.get(model.get("type") or ("Unigram" if "unk_id" in model else ""))
    if form is None or not spaced or not isinstance(model["vocab"], form):
        raise FolderError(
            f"{name}: is a {model.get('type')} model with the decoders {', '.join(map(str, kinds)) or 'none'}; only "
            "byte-level BPE, and BPE and unigram models of SentencePiece's kind, are supported: give another tokenizer"
        )
    return Spelling("sentencepiece", b" " if _leads(config) else b"", model.get("byte_fallback") is True)


def read_vocabulary(
    config: Mapping[str, Any], spelling: Spelling, name: str
) -> tuple[list[bytes], dict[str, int], list[str]]:
    """Return the bytes of each id, the ids of special tokens by name, and each id as it is spelled.

    Raises FolderError for holes, for two tokens of one id, and for a token outside the byte-level alphabet.
    """
    model = config["model"]
    added = {token["id"]: token for token in config["added_tokens"]}
    vocab = model["vocab"]
    entries = vocab.items() if isinstance(vocab, dict) else ((entry[0], number) for number, entry in enumerate(vocab))
    pieces: dict[int, bytes] = {}
    spelled: dict[int, str] = {}
    specials: dict[str, int] = {}
    unknown = model.get("unk_id") if spelling.kind == "sentencepiece" else None
    for token, token_id in entries:
        spelled[token_id] = token
        if token_id in added:
            continue
        if token_id in pieces:
            raise FolderError(f"{name}: two tokens have the id {token_id}")
        try:
            pieces[token_id] = spelling.bytes_of(token)
        except KeyError as error:
            raise FolderError(f"{name}: token {token!r} is not in the byte-level alphabet") from error
        if spelling.kind == "sentencepiece" and (token_id == unknown or token == model.get("unk_token")):
            pieces[token_id] = b""
            specials[token] = token_id
    for token_id, token in added.items():
        pieces[token_id] = b"" if token["special"] else spelling.added(token["content"])
        spelled.setdefault(token_id, token["content"])
        if token["special"]:
            specials[token["content"]] = token_id
    missing = next((token_id for token_id in range(len(pieces)) if token_id not in pieces), None)
    if missing is not None:
        raise FolderError(
            f"{name}: id {missing} has no token, and engines number differently after such holes; "
            "fill it with an unused token"
        )
    return [pieces[token_id] for token_id in range(len(pieces))], specials, [spelled[n] for n in range(len(pieces))]


def changing_steps(config: Mapping[str, Any], spelling: Spelling, has_unknown: bool) -> list[str]:
    """Return the steps of a tokenizer.json that change a text before it is encoded, so that ids lose it.

    `config`: the file, or the file without its model. `has_unknown`: the model has a token for unknown characters.
    """
    normalizers = [step for step in steps(config.get("normalizer")) if not _is_of_spaces(step, spelling)]
    splits = steps(config.get("pre_tokenizer"))
    pieces = spelling.kind == "sentencepiece"
    removing = [step["type"] for step in splits if _removes(step) and not (pieces and step["type"] == "Metaspace")]
    spaced = [step["type"] for step in splits if step.get("add_prefix_space") and step["type"] == "ByteLevel"]
    stripping = [
        token["content"]
        for token in config["added_tokens"]
        if not token["special"] and (token.get("lstrip") or token.get("rstrip"))
    ]
    return [
        *(step["type"] for step in normalizers),
        *removing,
        *(f"{kind} with add_prefix_space" for kind in spaced),
        *(f"added token {name!r}, which strips spaces" for name in stripping),
        *(["U+2581 becomes a space"] if pieces else []),
        *(["unknown characters become one token"] if pieces and has_unknown and not spelling.byte_fallback else []),
    ]


def steps(step: Any) -> list[dict[str, Any]]:
    """Return the steps of a normalizer, pre-tokenizer or decoder, with nested sequences flattened."""
    if not isinstance(step, dict):
        return []
    inner: Sequence[Any] | None = step.get("pretokenizers", step.get("decoders", step.get("normalizers")))
    return [step] if inner is None else [flat for part in inner for flat in steps(part)]


def _restores_spaces(step: Mapping[str, Any]) -> bool:
    return (
        step.get("type") == "Replace"
        and step.get("pattern") == {"String": SPACE_SIGN}
        and (step.get("content") == " ")
    )


def _is_of_spaces(step: Mapping[str, Any], spelling: Spelling) -> bool:
    """Return whether a normalizer only writes spaces as U+2581, or puts one before the text that decoding removes."""
    if spelling.kind != "sentencepiece":
        return False
    if step["type"] == "Prepend":
        return bool(spelling.lead) and step.get("prepend") == SPACE_SIGN
    return step["type"] == "Replace" and step.get("pattern") == {"String": " "} and (step.get("content") == SPACE_SIGN)


def _leads(config: Mapping[str, Any]) -> bool:
    """Return whether encoding puts a space before a text, and decoding removes it."""
    before = [*steps(config.get("normalizer")), *steps(config.get("pre_tokenizer"))]
    puts = any(step.get("type") == "Prepend" or _prepends(step) for step in before)
    removes = any(
        (step.get("type") == "Strip" and step.get("content") == " " and step.get("start") == 1) or _prepends(step)
        for step in steps(config.get("decoder"))
    )
    return puts and removes


def _prepends(step: Mapping[str, Any]) -> bool:
    """Return whether a step is Metaspace with a space before a text. Older files state this as add_prefix_space."""
    default = "always" if step.get("add_prefix_space", True) else "never"
    return step.get("type") == "Metaspace" and step.get("prepend_scheme", default) != "never"


def _removes(step: Mapping[str, Any]) -> bool:
    """Return whether a step of a pre-tokenizer drops characters of the text."""
    return step.get("behavior") == "Removed" or step["type"] in _REMOVING
