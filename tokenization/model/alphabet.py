"""The byte-level alphabet: bytes as printable characters, as every tokenizer.json since GPT-2 is written.

GPT-2 (`encoder.py`, `bytes_to_unicode`) writes a byte as itself if it is a printable Latin-1 character, otherwise as
the next free character from U+0100 on. `tokenizers` orders the 256 byte tokens by these characters, and breaks ties
between equally frequent pairs by id. To learn the same merges, single bytes must have the same ids, which are not the
byte values.
"""

from __future__ import annotations

_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = tuple(byte for byte in range(256) if byte not in set(_PRINTABLE))

CHAR_OF_BYTE: tuple[str, ...] = tuple(
    chr(byte) if byte in set(_PRINTABLE) else chr(256 + _OTHERS.index(byte)) for byte in range(256)
)
BYTE_OF_CHAR: dict[str, int] = {char: byte for byte, char in enumerate(CHAR_OF_BYTE)}
BYTE_OF_ID: tuple[int, ...] = tuple(BYTE_OF_CHAR[char] for char in sorted(CHAR_OF_BYTE))
"""The byte of each of the ids 0..255."""


def bytes_to_token(token: bytes) -> str:
    """Return a token as written in a tokenizer.json."""
    return "".join([CHAR_OF_BYTE[byte] for byte in token])


def token_to_bytes(token: str) -> bytes:
    """Return the bytes of a token of a tokenizer.json. Raises KeyError for a character outside the alphabet."""
    return bytes(map(BYTE_OF_CHAR.__getitem__, token))
