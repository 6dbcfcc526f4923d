"""Bytes as printable characters: the byte-level alphabet that every tokenizer.json since GPT-2 is written in.

GPT-2 (`encoder.py`, `bytes_to_unicode`) shows a byte as itself where it is a printable Latin-1 character, and
as the next free character from U+0100 on where it is not. `tokenizers` gives the 256 bytes their ids in the
order of these characters, and breaks ties between equally frequent pairs by id: to learn the same merges, ids
of single bytes are theirs, not the byte values.
"""

from __future__ import annotations

_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = tuple(byte for byte in range(256) if byte not in set(_PRINTABLE))

CHAR_OF_BYTE: tuple[str, ...] = tuple(
    chr(byte) if byte in set(_PRINTABLE) else chr(256 + _OTHERS.index(byte)) for byte in range(256)
)
BYTE_OF_CHAR: dict[str, int] = {char: byte for byte, char in enumerate(CHAR_OF_BYTE)}
BYTE_OF_ID: tuple[int, ...] = tuple(BYTE_OF_CHAR[char] for char in sorted(CHAR_OF_BYTE))
"""The byte that each of the ids 0..255 stands for."""


def bytes_to_token(token: bytes) -> str:
    """A token as a tokenizer.json writes it."""
    return "".join([CHAR_OF_BYTE[byte] for byte in token])


def token_to_bytes(token: str) -> bytes:
    """The bytes of a token of a tokenizer.json. Raises KeyError where a character is not of the alphabet."""
    return bytes(map(BYTE_OF_CHAR.__getitem__, token))
