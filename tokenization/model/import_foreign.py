"""Tokenizers made by other tools, converted to the bytes of a tokenizer.json.

    FOLDER with tokenizer.json, or such a file      used as it is, with unused tokens for ids without a token
    FOLDER with vocab.json and merges.txt           GPT-2's form (openai/gpt-2, aub-mind/aragpt2): bytes as printable
                                                    characters, GPT-2's pre-tokenizer
    FILE.tiktoken                                   one line of base64 and rank for each token
    FILE.model, FOLDER with tokenizer.model         SentencePiece, unigram and BPE (see `sentencepiece_model`)
    gpt2, cl100k_base, o200k_base, ...              by name, if tiktoken is installed and has or can download them

tiktoken stores ranks and no merges: the merge of a token is the pair that BPE with the lower ranks leaves of it.
tiktoken also looks up a whole pre-token before it merges, which is `ignore_merges` in a tokenizer.json. A .tiktoken
file does not contain its pattern: OpenAI's files are recognised by their names, others need a `tokenizer_meta.json`
beside them, as in arcorp's tokenizer folders. Ids that a vocabulary leaves out (cl100k_base has 16) become unused
special tokens, see `vocabulary_layout`. Pickle files are refused, nanochat's tokenizer.pkl included.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenization.errors import FolderError
from tokenization.model.alphabet import CHAR_OF_BYTE, bytes_to_token
from tokenization.model.pattern import GPT2, split_config
from tokenization.model.sentencepiece_model import open_sentencepiece
from tokenization.model.tokenizer import META_JSON, TOKENIZER_JSON, Tokenizer, read_roles, read_settings
from tokenization.model.tokenizer_json import pairs_in_alphabet, tokenizer_json
from tokenization.untrusted import read_json, shaped

VOCAB, MERGES, ADDED, MODEL = "vocab.json", "merges.txt", "added_tokens.json", "tokenizer.model"

_CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# The patterns of tiktoken 0.14, with two changes for Oniguruma: no possessive quantifiers (none affects the match),
# and `\z` instead of `$`, which also matches before a line end there.
PATTERNS = {
    "gpt2": GPT2,
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k_base": rf"[^\r\n\p{{L}}\p{{N}}]?{_CASED}*{_SMALL}+{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?{_CASED}+{_SMALL}*{_SHORT}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
PATTERNS |= dict.fromkeys(("r50k_base", "p50k_base", "p50k_edit"), PATTERNS["gpt2"])
PATTERNS["o200k_harmony"] = PATTERNS["o200k_base"]
_END = {"gpt2": 50_256, "r50k_base": 50_256, "p50k_base": 50_256, "cl100k_base": 100_257, "o200k_base": 199_999}


def open_tokenizer(name: Path | str) -> Tokenizer:
    """Open a tokenizer by path or name, in any of the forms above. Raises FolderError."""
    path = Path(name)
    if path.is_dir() and not (path / TOKENIZER_JSON).is_file():
        if (path / MODEL).is_file():
            return open_sentencepiece(path / MODEL)
        if (path / VOCAB).is_file():
            with shaped(str(path)):
                return _of_vocab_and_merges(path)
    if path.is_dir() or path.suffix == ".json":
        return Tokenizer.load(path, fill=True)
    if path.suffix in (".pkl", ".pickle", ".pt", ".bin"):
        raise FolderError(f"{path}: a pickle runs code when it is read; name a tokenizer.json or a .tiktoken file")
    if path.suffix == ".model" and path.is_file():
        return open_sentencepiece(path)
    if path.is_file():
        with shaped(str(path)):
            return _of_file(path)
    return _of_name(str(name))


# -- tiktoken ---------------------------------------------------------------------------------------------


def _of_file(path: Path) -> Tokenizer:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line:
            try:
                token, rank = line.split()
                ranks[base64.b64decode(token, validate=True)] = int(rank)
            except ValueError as error:
                raise FolderError(f"{path}, line {number}: is not base64 and rank; give a .tiktoken file") from error
    meta = read_json(path.with_name(META_JSON))
    layout = meta.get("layout", {})
    pattern = meta.get("pattern") or PATTERNS.get(path.stem)
    if pattern is None:
        raise FolderError(
            f"{path}: a .tiktoken file does not contain its pattern; use one of the file names {', '.join(PATTERNS)}, "
            f'or put {META_JSON} with {{"pattern": ...}} beside it'
        )
    specials = layout.get("specials", {"<|endoftext|>": _END[path.stem]} if path.stem in _END else {})
    return tokenizer_of_ranks(ranks, pattern, specials, str(path), layout.get("roles", {}))


def _of_name(name: str) -> Tokenizer:
    try:
        import tiktoken
    except ImportError:
        raise FolderError(
            f"{name}: the path does not exist; for the encodings of tiktoken: pip install tiktoken"
        ) from None
    if name not in tiktoken.list_encoding_names():
        available = ", ".join(tiktoken.list_encoding_names())
        raise FolderError(
            f"{name}: the path does not exist, and tiktoken has no encoding of this name; choose one of {available}"
        )
    if name not in PATTERNS:
        raise FolderError(f"{name}: its pattern is not supported; choose one of {', '.join(PATTERNS)}")
    try:
        encoding = tiktoken.get_encoding(name)
    except Exception as error:  # the downloader raises several types
        raise FolderError(
            f"{name}: tiktoken cannot download it ({type(error).__name__}): set TIKTOKEN_CACHE_DIR to the folder of "
            f"its file, or give the path of {name}.tiktoken"
        ) from error
    return tokenizer_of_ranks(encoding._mergeable_ranks, PATTERNS[name], encoding._special_tokens, name, {})


def tokenizer_of_ranks(
    ranks: Mapping[bytes, int], pattern: str, specials: Mapping[str, int], name: str, roles: Mapping[str, str]
) -> Tokenizer:
    """Return a tokenizer made from the parts of a tiktoken encoding.

    `ranks`: the rank of each token, which is its id. `pattern`: the pre-token pattern. `specials`: ids by name.
    `name`: the name used in messages. `roles`: the special tokens of bos, eos, pad. Raises FolderError for
    inconsistent parts.
    """
    if len(set(ranks.values())) < len(ranks) or set(ranks.values()) & set(specials.values()):
        raise FolderError(f"{name}: two tokens have the same id; the file is damaged")
    if any(bytes([byte]) not in ranks for byte in range(256)):
        raise FolderError(
            f"{name}: not every byte is a token, so that some text cannot be encoded; the file is damaged"
        )
    if max(ranks.values()) > 2 * len(ranks):
        raise FolderError(
            f"{name}: ranks up to {max(ranks.values()):,} for {len(ranks):,} tokens; the file is damaged"
        )
    taken = {*ranks.values(), *specials.values()}
    holes = [token_id for token_id in range(max(taken)) if token_id not in taken]
    named = {**specials, **{f"<|unused_{number}|>": token_id for number, token_id in enumerate(holes)}}
    tokens = sorted(ranks, key=ranks.__getitem__)
    merges = [pair for token in tokens if len(token) > 1 for pair in _last_merge(token, ranks)]
    source = tokenizer_json(
        {bytes_to_token(token): ranks[token] for token in tokens},
        pairs_in_alphabet(merges),
        {token_id: special for special, token_id in named.items()},
        split_config(pattern),
        ignore_merges=True,
        imported=True,
    )
    return Tokenizer(source, name=name, meta={}, roles=dict(roles))


def _last_merge(token: bytes, ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return the pair that a token is merged from; an empty list if the lower ranks leave more than two pieces."""
    parts = [token[index : index + 1] for index in range(len(token))]
    own = ranks[token]
    while len(parts) > 2:
        best, best_index = own, -1
        for index in range(len(parts) - 1):
            rank = ranks.get(parts[index] + parts[index + 1], own)
            if rank < best:
                best, best_index = rank, index
        if best_index < 0:
            return []
        parts[best_index : best_index + 2] = [parts[best_index] + parts[best_index + 1]]
    return [(parts[0], parts[1])]


# -- GPT-2's vocab.json and merges.txt --------------------------------------------------------------------


def _of_vocab_and_merges(folder: Path) -> Tokenizer:
    vocab = read_json(folder / VOCAB)
    if not vocab or not all(isinstance(token_id, int) for token_id in vocab.values()):
        raise FolderError(f"{folder / VOCAB}: is not a vocabulary of tokens and ids; download it again")
    try:
        lines = (folder / MERGES).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"{folder / MERGES}: cannot be read as text ({error}); download it again") from error
    merges = []
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or any(part not in vocab for part in (*pair, "".join(pair))):
            raise FolderError(
                f"{folder / MERGES}, line {number}: {line!r} is not a merge of tokens of {VOCAB}; download it again"
            )
        merges.append((pair[0], pair[1]))
    config = read_json(folder / "tokenizer_config.json")
    role_tokens = read_roles(folder)
    names = {*role_tokens.values(), *_names(config.get("unk_token")), *_names(config.get("additional_special_tokens"))}
    added = {token_id: name for name, token_id in read_json(folder / ADDED).items()}
    names |= set(added.values())
    alphabet = set(CHAR_OF_BYTE)
    products = {"".join(pair) for pair in merges}
    # A token that no merge makes and that is not a byte cannot occur in text: it is a special token.
    added |= {
        token_id: name
        for name, token_id in vocab.items()
        if name in names or (name not in products and name not in alphabet)
    }
    source = tokenizer_json(
        vocab,
        merges,
        added,
        {
            "type": "ByteLevel",
            "add_prefix_space": bool(config.get("add_prefix_space", False)),
            "trim_offsets": True,
            "use_regex": True,
        },
        imported=True,
    )
    return Tokenizer(source, name=str(folder), meta={}, roles=role_tokens, settings=read_settings(folder))


def _names(tokens: Any) -> list[str]:
    entries = tokens if isinstance(tokens, list) else [tokens]
    return [entry["content"] if isinstance(entry, dict) else entry for entry in entries if entry]
