"""Token ids back to text, from `tokenizer.json` alone: no tokenizer library is needed where the model trains.

In a byte-level BPE vocabulary, each character of a token's string stands for one byte, by the table of GPT-2's
encoder.py.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from training.errors import InputError


def byte_characters() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


class TokenBytes:
    """The bytes of each id of a byte-level `tokenizer.json`; special tokens have none."""

    def __init__(self, tokenizer: Path) -> None:
        """Read a tokenizer folder. Raises InputError if its tokenizer.json is missing or not byte-level."""
        path = tokenizer / "tokenizer.json"
        table = byte_characters()
        try:
            data = json.loads(path.read_bytes())
            added = {token["id"]: token for token in data.get("added_tokens", [])}
            self._bytes = {
                id: bytes(table[char] for char in token)
                for token, id in data["model"]["vocab"].items()
                if id not in added
            }
            self._bytes |= {id: b"" if token["special"] else token["content"].encode() for id, token in added.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{path} is not byte-level BPE ({error!r}): its text can't be decoded; pack with a byte-level "
                "tokenizer, or train with generate.prompts 0"
            ) from None

    def of(self, id: int) -> bytes:
        """Return the bytes of an id; empty for special and unknown ones."""
        return self._bytes.get(id, b"")

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids. Bytes that are not UTF-8 become U+FFFD; unknown ids are skipped."""
        return "".join(self.stream(ids))

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of ids in pieces: a character as soon as its last byte is read."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for id in ids:
            yield decoder.decode(self.of(id))
        yield decoder.decode(b"", final=True)
