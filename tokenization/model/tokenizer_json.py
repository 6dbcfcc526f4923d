"""The writer of tokenizer.json, the file that `tokenizers`, AutoTokenizer and fastokens read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tokenization.model.alphabet import bytes_to_token

_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
_DECODER = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def tokenizer_json(
    vocab: Mapping[str, int],
    merges: Iterable[tuple[str, str]],
    specials: Mapping[int, str],
    pre_tokenizer: Mapping[str, Any],
    *,
    ignore_merges: bool = False,
    imported: bool = False,
) -> bytes:
    """Return the bytes of a tokenizer.json of a byte-level BPE model.

    `vocab` and `merges` hold tokens in the byte-level alphabet, see `alphabet`. `specials` maps ids to names.
    `ignore_merges`: a pre-token that is a token is not split further, as in tiktoken. `imported`: the keys without a
    value are omitted, and so is the final newline. The two forms are equivalent; both are kept because the digest of
    the file identifies a tokenizer.
    """
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": ignore_merges,
        "vocab": dict(vocab),
        "merges": [list(pair) for pair in merges],
    }
    added = [{"id": token_id, "content": specials[token_id], **_FLAGS} for token_id in sorted(specials)]
    values = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": dict(pre_tokenizer),
        "post_processor": None,
        "decoder": _DECODER,
        "model": model,
    }
    if imported:
        values = {key: value for key, value in values.items() if value is not None}
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + (b"" if imported else b"\n")


def pairs_in_alphabet(merges: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return merges of bytes as merges of tokens in the byte-level alphabet."""
    return [(bytes_to_token(left), bytes_to_token(right)) for left, right in merges]
