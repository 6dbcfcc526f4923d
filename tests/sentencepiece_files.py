"""SentencePiece model files, written field by field, for tests without the sentencepiece package."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def model_file(
    pieces: Sequence[str], *, bpe: bool, lead: bool = True, trim: bool = False, fallback: bool = False
) -> bytes:
    """Return a model of the pieces, best first: the first is unknown, those in angle brackets are control or bytes."""
    out = b""
    for rank, piece in enumerate(pieces):
        kind = 2 if not rank else 6 if piece.startswith("<0x") else 3 if piece.startswith("<") else 1
        out += data(1, data(1, piece.encode()) + b"\x15" + struct.pack("<f", -rank) + number(3, kind))
    out += data(2, number(3, 2 if bpe else 1) + number(35, fallback))
    return out + data(3, data(1, b"identity") + number(3, lead) + number(4, trim))
