"""The files of a tokenizer folder, for all common readers.

    tokenizer.json            `tokenizers`, AutoTokenizer, fastokens
    tokenizer_config.json     AutoTokenizer. The class must be PreTrainedTokenizerFast, because transformers 5 rebuilds
                              the pre-tokenizer of GPT2Tokenizer and drops the pattern (transformers issue 45920).
                              Holds the chat template of the vocabulary's layout, see `chat`
    special_tokens_map.json   the roles of special tokens, for older readers
    tokenizer.tiktoken        ranks for tiktoken; the pattern and the special tokens are in tokenizer_meta.json
    token_bytes.npy           int32 [ids]: number of bytes, 0 for special tokens (for bits per byte, as in nanochat)
    token_chars.npy           int32 [ids]: number of bytes that begin a character
    tokenizer_meta.json       how the tokenizer was made, the golden encodings, and the code points that engines
                              split differently

In other programs a name of a special token in a text becomes its id, as chat templates require. `Tokenizer`, which
encodes documents, treats such names as text: this rule is in the code and in no file. Equal vocabularies give equal
bytes.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.model.alphabet import bytes_to_token
from tokenization.model.chat import chat_layout, chat_template
from tokenization.model.engine_differences import differences_record
from tokenization.model.golden import GOLDEN_SENTENCES
from tokenization.model.pattern import split_config
from tokenization.model.tokenizer import (
    CONFIG_JSON,
    META_JSON,
    NO_MAXIMUM,
    ROLES,
    SPECIALS_JSON,
    TOKEN_BYTES,
    TOKEN_CHARS,
    TOKENIZER_JSON,
    Tokenizer,
)
from tokenization.model.tokenizer_json import pairs_in_alphabet, tokenizer_json
from tokenization.model.vocabulary import Vocabulary
from tokenization.options import ExportKind

TIKTOKEN = "tokenizer.tiktoken"
FORMAT = 1  # of tokenizer_meta.json

EXPORT_FILES: dict[ExportKind, tuple[str, ...]] = {
    "hf": (TOKENIZER_JSON, CONFIG_JSON, SPECIALS_JSON),
    "tiktoken": (TIKTOKEN, META_JSON),
    "arrays": (TOKEN_BYTES, TOKEN_CHARS),
}
"""The files of each kind of export."""


def tokenizer_files(vocabulary: Vocabulary, pattern: str, made: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of the folder of a new tokenizer, by name.

    `made` (JSON values) describes how the tokenizer was made and is stored in tokenizer_meta.json.

    Raises FolderError or EncodingMismatch if the written tokenizer fails its own checks, VocabularyError if a special
    token was also learned from the text.
    """
    layout = vocabulary.layout
    tokens = vocabulary.tokens()
    specials = {name: token_id for token_id, name in enumerate(layout.names(), layout.merged)}
    source = tokenizer_json(
        {bytes_to_token(token): token_id for token_id, token in enumerate(tokens)},
        pairs_in_alphabet(vocabulary.merges),
        {token_id: name for name, token_id in specials.items()},
        split_config(pattern),
    )
    meta: dict[str, Any] = {"golden": []}
    tokenizer = Tokenizer(source, name=TOKENIZER_JSON, meta=meta, roles=layout.roles())
    meta |= {
        "format": FORMAT,
        "pattern": pattern,
        "layout": {"size": layout.size, "merged": layout.merged, "specials": specials, "roles": layout.roles()},
        "made": dict(made),
        "golden": [{"text": text, "ids": tokenizer.encode(text)} for text in GOLDEN_SENTENCES],
    }
    meta["engines"] = differences_record(tokenizer.config)
    tokenizer.check_golden()
    ranks = [b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens)]
    return _written(tokenizer, layout.roles(), meta) | {TIKTOKEN: b"".join(ranks)}


def adopted_files(tokenizer: Tokenizer) -> dict[str, bytes]:
    """Return the files of the folder of an existing tokenizer, own or foreign.

    Golden encodings are stored for the sentences that the tokenizer decodes without change. `tokenizer.tiktoken` is
    included if tiktoken gives the same ids.
    """
    encoded = [(text, tokenizer.encode(text)) for text in GOLDEN_SENTENCES]
    names = {token_id: name for name, token_id in tokenizer.specials.items()}
    ids = {role: getattr(tokenizer, role) for role in ROLES}
    roles = {role: names[token_id] for role, token_id in ids.items() if token_id is not None}
    meta: dict[str, Any] = {**tokenizer.meta} or {
        "format": FORMAT,
        "pattern": tokenizer.pattern,
        "layout": {"size": tokenizer.vocab_size, "specials": tokenizer.specials, "roles": roles},
        "made": {"elsewhere": tokenizer.sha256},
        "golden": [{"text": text, "ids": ids} for text, ids in encoded if tokenizer.decode(ids) == text],
        "engines": differences_record(tokenizer.config) if tokenizer.spelling.kind == "byte-level" else None,
    }
    if isinstance(layout := meta.get("layout"), dict):
        meta["layout"] = {**layout, "roles": roles}
    ranks = _ranks(tokenizer)
    return _written(tokenizer, roles, meta) | ({} if ranks is None else {TIKTOKEN: ranks})


def _ranks(tokenizer: Tokenizer) -> bytes | None:
    """Return tokenizer.tiktoken, or None if tiktoken cannot give the same ids.

    It cannot if the model is not byte-level, if the text is changed before it is split, if there is no single pattern,
    or if the merges are not in the order of the ids.
    """
    if tokenizer.spelling.kind != "byte-level":
        return None
    config = json.loads(tokenizer.json)
    model = config["model"]
    number_of_token = {merged_token(pair): number for number, pair in enumerate(model["merges"])}
    order = [model["vocab"].get(token, -1) for token in number_of_token]
    prefixed = '"add_prefix_space":true' in json.dumps(config.get("pre_tokenizer"), separators=(",", ":"))
    if tokenizer.pattern is None or config.get("normalizer") or prefixed or order != sorted(order):
        return None
    tokens = [(rank, piece) for rank, piece in enumerate(tokenizer.pieces) if rank not in tokenizer.specials.values()]
    return b"".join([b"%s %d\n" % (base64.b64encode(piece), rank) for rank, piece in tokens])


def merged_token(pair: str | list[str]) -> str:
    """Return the token that a merge of a tokenizer.json makes. Merges are single strings before `tokenizers` 0.20."""
    return "".join(pair.split(" ") if isinstance(pair, str) else pair)


def _written(tokenizer: Tokenizer, names: Mapping[str, str], meta: Mapping[str, Any]) -> dict[str, bytes]:
    known = {token["content"] for token in tokenizer.config["added_tokens"]}
    roles: dict[str, Any] = {f"{role}_token": name for role, name in names.items()}
    roles |= {  # AutoTokenizer gives unknown names ids beyond the vocabulary
        key: value
        for key, value in tokenizer.settings.items()
        if (key.endswith("_token") and value in known) or (key.endswith("_tokens") and set(value) <= known)
    }
    layout = chat_layout(tokenizer.specials)
    template = tokenizer.settings.get("chat_template") or (chat_template(layout) if layout else None)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": tokenizer.settings.get("model_max_length", NO_MAXIMUM),
        "clean_up_tokenization_spaces": False,
        **roles,
        **({} if template is None else {"chat_template": template}),
    }
    return {
        TOKENIZER_JSON: tokenizer.json,
        CONFIG_JSON: _json(config),
        SPECIALS_JSON: _json(roles),
        TOKEN_BYTES: _npy(tokenizer.token_bytes),
        TOKEN_CHARS: _npy(tokenizer.token_chars),
        META_JSON: _json(meta),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _npy(array: NDArray[np.int32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array.astype("<i4"), allow_pickle=False)
    return file.getvalue()
