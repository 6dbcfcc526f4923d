"""A SentencePiece model file (.model), converted to the bytes of a tokenizer.json.

The file is a protocol buffer, `ModelProto` in SentencePiece's sentencepiece_model.proto. Of it, six numbers and texts
of each piece and of two specifications are needed, in three wire types: reading them takes less code than a
dependency on protobuf and generated classes.

    pieces (1)            text (1), score (2), type (3)
    trainer_spec (2)      model_type (3), byte_fallback (35), bos_id, eos_id, pad_id (41 to 43)
    normalizer_spec (3)   precompiled_charsmap (2), add_dummy_prefix (3), remove_extra_whitespaces (4)

Two differences to SentencePiece remain, because `tokenizers` normalises in another way: it drops a mark that follows a
character which the table of normalisation replaces (a line end, a ligature), and it removes extra spaces beside a
user-defined piece as at the ends of a text.

Unigram pieces keep their scores. BPE pieces become merges: SentencePiece joins the pair whose piece has the best
score, so each split of a piece into two pieces is a merge, in the order of the scores. User-defined pieces become
added tokens that are no special tokens, control pieces become special tokens.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenization.errors import FolderError
from tokenization.model.spelling import SPACE_SIGN
from tokenization.model.tokenizer import Tokenizer
from tokenization.untrusted import shaped

UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6
UNIGRAM, BPE = 1, 2
_ROLES = {"bos": (41, 1), "eos": (42, 2), "pad": (43, -1)}
"""The field of each role's id in the trainer_spec, and its default."""
_NEVER = -1e6  # score of pieces that no text becomes


class Piece(NamedTuple):
    """A line of the vocabulary; its id is its place. `kind`: 1 for a normal piece, else one of the constants above."""

    text: str
    score: float
    kind: int


def open_sentencepiece(path: Path) -> Tokenizer:
    """Open a SentencePiece model file. Raises FolderError for a damaged file and for models of words or characters."""
    with shaped(str(path)):
        model = dict(_grouped(path.read_bytes(), str(path)))
        pieces = [_piece(data, str(path)) for data in model.get(1, [])]
        trainer = {number: values[-1] for number, values in _grouped(_last(model, 2), str(path))}
        normalizer = {number: values[-1] for number, values in _grouped(_last(model, 3), str(path))}
        kind = trainer.get(3, UNIGRAM)
        if not (2 in model and 3 in model):  # the specifications follow the pieces
            raise _damaged(str(path), path.stat().st_size)
        if not pieces or kind not in (UNIGRAM, BPE):
            raise FolderError(
                f"{path}: holds {len(pieces):,} pieces of model type {kind}; give a SentencePiece model of type "
                "unigram or bpe"
            )
        roles = {}
        for role, (field, default) in _ROLES.items():
            number = _signed(trainer.get(field, default))
            if 0 <= number < len(pieces) and pieces[number].kind == CONTROL:
                roles[role] = pieces[number].text
        source = _tokenizer_json(pieces, kind, bool(trainer.get(35, 0)), normalizer)
        return Tokenizer(source, name=str(path), meta={}, roles=roles)


def _tokenizer_json(pieces: Sequence[Piece], kind: int, byte_fallback: bool, normalizer: dict[int, Any]) -> bytes:
    unknown = next((number for number, piece in enumerate(pieces) if piece.kind == UNKNOWN), None)
    texts = [piece.text.replace(SPACE_SIGN, " ") if piece.kind == USER_DEFINED else piece.text for piece in pieces]
    model: dict[str, Any]
    if kind == UNIGRAM:
        apart = (UNKNOWN, CONTROL, BYTE)
        scores = [_NEVER if piece.kind in apart else piece.score for piece in pieces]
        model = {
            "type": "Unigram",
            "unk_id": unknown,
            "vocab": [list(pair) for pair in zip(texts, scores, strict=True)],
        }
    else:
        model = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None if unknown is None else pieces[unknown].text,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "vocab": {text: number for number, text in enumerate(texts)},
            "merges": _merges(pieces),
        }
    model["byte_fallback"] = byte_fallback
    leads, trims = (bool(normalizer.get(field, 1)) for field in (3, 4))
    charsmap = normalizer.get(2, b"")
    normalizers: list[dict[str, Any]] = []
    if charsmap:
        encoded = base64.b64encode(charsmap).decode()
        normalizers.append({"type": "Precompiled", "precompiled_charsmap": encoded})
    if trims:
        normalizers += [_replace({"Regex": r"\A +| +\z"}, ""), _replace({"Regex": " {2,}"}, " ")]
    normalizers += [{"type": "Prepend", "prepend": SPACE_SIGN}] if leads else []
    normalizers.append(_replace({"String": " "}, SPACE_SIGN))
    decoders = [_replace({"String": SPACE_SIGN}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    decoders += [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if leads else []
    values = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": texts[number],
                **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
                "special": piece.kind != USER_DEFINED,
            }
            for number, piece in enumerate(pieces)
            if piece.kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": model,
    }
    return json.dumps(values, ensure_ascii=False).encode()


def _merges(pieces: Sequence[Piece]) -> list[list[str]]:
    """Return each split of a piece into two pieces, in the order in which SentencePiece joins them."""
    numbers = {piece.text: number for number, piece in enumerate(pieces) if piece.kind not in (UNKNOWN, CONTROL, BYTE)}
    merges = []
    for text, number in numbers.items():
        for place in range(1, len(text)):
            left, right = numbers.get(text[:place]), numbers.get(text[place:])
            if left is not None and right is not None:
                merges.append((-pieces[number].score, number, left, right))
    return [[pieces[left].text, pieces[right].text] for _, _, left, right in sorted(merges)]


def _replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def _piece(data: bytes, name: str) -> Piece:
    fields = {number: values[-1] for number, values in _grouped(data, name)}
    (score,) = struct.unpack("<f", fields.get(2, bytes(4)))
    return Piece(fields[1].decode(), score, fields.get(3, 1))


# -- protocol buffers ------------------------------------------------------------------------------------------


def _last(message: dict[int, list[Any]], number: int) -> bytes:
    value = message.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def _grouped(data: bytes, name: str) -> Iterator[tuple[int, list[Any]]]:
    """Return the values of each field of a message."""
    values: dict[int, list[Any]] = {}
    for number, value in _fields(data, name):
        values.setdefault(number, []).append(value)
    return iter(values.items())


def _fields(data: bytes, name: str) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and value of each field of a message. Raises FolderError where the bytes are no message."""
    place = 0
    while place < len(data):
        begin = place
        key, place = _varint(data, place, name)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(data, place, name)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, place = _varint(data, place, name)
        if size is None or place + size > len(data):
            raise _damaged(name, begin)
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int, name: str) -> tuple[int, int]:
    """Return the number at a place, seven bits a byte, and the place after it."""
    value = shift = 0
    begin = place
    while place < len(data) and shift < 70:
        value |= (data[place] & 0x7F) << shift
        shift += 7
        place += 1
        if data[place - 1] < 0x80:
            return value, place
    raise _damaged(name, begin)


def _damaged(name: str, place: int) -> FolderError:
    return FolderError(
        f"{name}: its messages end within a field (byte {place:,} of one): it is no SentencePiece model, or is cut "
        "short; fetch the file again"
    )


def _signed(value: int) -> int:
    """Return a number of 64 bits with its sign."""
    return value - (1 << 64) if value >= 1 << 63 else value
