r"""Tokenizers of others, read into the one form that is used here: the bytes of a tokenizer.json.

    FOLDER with tokenizer.json, or such a file      as it is
    FOLDER with vocab.json and merges.txt           GPT-2's form (openai/gpt-2, aub-mind/aragpt2): bytes as printable
                                                    characters, GPT-2's own pre-tokenizer
    FILE.tiktoken                                   lines of base64 and rank, one for each token
    gpt2, cl100k_base, o200k_base, ...              by name, where tiktoken is installed and has them or gets them

tiktoken keeps ranks and no merges: a token's merge is what BPE over the ranks below its own leaves of it, two
pieces. It also looks a whole pre-token up before it merges, which is `ignore_merges` in a tokenizer.json. A .tiktoken
file doesn't say its pattern: OpenAI's files are known by their names, others need a `tokenizer_meta.json` beside
them, as arcorp's own tokenizer folders have it. Ids that a vocabulary leaves out (cl100k_base has 16) are filled with
unused special tokens, see `vocabulary`. Nothing is unpickled, ever: nanochat's tokenizer.pkl is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenization.errors import FolderError
from tokenization.model.alphabet import CHAR_OF_BYTE, bytes_to_token
from tokenization.model.pattern import GPT2, split_config
from tokenization.model.tokenizer import META_JSON, TOKENIZER_JSON, Tokenizer, read_json, read_roles
from tokenization.model.tokenizer_json import pairs_in_alphabet, tokenizer_json

VOCAB, MERGES, ADDED = "vocab.json", "merges.txt", "added_tokens.json"

_CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# As tiktoken 0.14 has them, but for two things that Oniguruma reads otherwise: possessive quantifiers, none of which
# keeps a character that could be given back, and `$`, which ends a line there and the text here.
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
    """A tokenizer by path or name, in any of the forms above. Raises FolderError."""
    path = Path(name)
    if path.is_dir() and not (path / TOKENIZER_JSON).is_file() and (path / VOCAB).is_file():
        return _of_vocab_and_merges(path)
    if path.is_dir() or path.suffix == ".json":
        return Tokenizer.load(path)
    if path.suffix in (".pkl", ".pickle", ".pt", ".bin"):
        raise FolderError(f"{path}: a pickle runs code when it is read; name a tokenizer.json or a .tiktoken file")
    if path.is_file():
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
                raise FolderError(f"{path}, line {number}: is no base64 and rank, as .tiktoken files have") from error
    meta = read_json(path.with_name(META_JSON))
    layout = meta.get("layout", {})
    pattern = meta.get("pattern") or PATTERNS.get(path.stem)
    if pattern is None:
        raise FolderError(
            f"{path}: a .tiktoken file doesn't say its pattern; give it one of the names {', '.join(PATTERNS)}, "
            f'or put {META_JSON} with {{"pattern": ...}} beside it'
        )
    specials = layout.get("specials", {"<|endoftext|>": _END[path.stem]} if path.stem in _END else {})
    return tokenizer_of_ranks(ranks, pattern, specials, str(path), layout.get("roles", {}))


def _of_name(name: str) -> Tokenizer:
    try:
        import tiktoken
    except ImportError:
        raise FolderError(f"{name}: there is no such path; for tiktoken's encodings: pip install tiktoken") from None
    if name not in tiktoken.list_encoding_names():
        known = ", ".join(tiktoken.list_encoding_names())
        raise FolderError(f"{name}: there is no such path, and tiktoken knows none of this name (it has {known})")
    if name not in PATTERNS:
        raise FolderError(f"{name}: its pattern isn't known here; those of {', '.join(PATTERNS)} are")
    try:
        encoding = tiktoken.get_encoding(name)
    except Exception as error:  # whatever its downloader raises
        raise FolderError(
            f"{name}: tiktoken can't get it ({type(error).__name__}): set TIKTOKEN_CACHE_DIR to where it lies, or "
            f"name its file {name}.tiktoken"
        ) from error
    return tokenizer_of_ranks(encoding._mergeable_ranks, PATTERNS[name], encoding._special_tokens, name, {})


def tokenizer_of_ranks(
    ranks: Mapping[bytes, int], pattern: str, specials: Mapping[str, int], name: str, held: Mapping[str, str]
) -> Tokenizer:
    """A tokenizer of tiktoken's parts: tokens by rank, which are their ids, special tokens by name, and a pattern.

    `held` are the special tokens that are bos, eos, pad. Raises FolderError for parts that don't fit together.
    """
    if len(set(ranks.values())) < len(ranks) or set(ranks.values()) & set(specials.values()):
        raise FolderError(f"{name}: two tokens have the same id")
    if any(bytes([byte]) not in ranks for byte in range(256)):
        raise FolderError(f"{name}: not every byte is a token, so that there is text it can't encode")
    if max(ranks.values()) > 2 * len(ranks):
        raise FolderError(f"{name}: ranks up to {max(ranks.values()):,} for {len(ranks):,} tokens: it is damaged")
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
    return Tokenizer(source, name=name, meta={}, roles=dict(held))


def _last_merge(token: bytes, ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The two pieces that a token is merged of; none where the ranks below its own leave more than two."""
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
        raise FolderError(f"{folder / VOCAB}: is no vocabulary of tokens and ids; fetch it again")
    try:
        lines = (folder / MERGES).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"{folder / MERGES}: can't be read as text ({error}); fetch it again") from error
    merges = []
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or any(part not in vocab for part in (*pair, "".join(pair))):
            raise FolderError(f"{folder / MERGES}, line {number}: {line!r} is no merge of tokens of {VOCAB}")
        merges.append((pair[0], pair[1]))
    config = read_json(folder / "tokenizer_config.json")
    held = read_roles(folder)
    names = {*held.values(), *_names(config.get("unk_token")), *_names(config.get("additional_special_tokens"))}
    added = {token_id: name for name, token_id in read_json(folder / ADDED).items()}
    names |= set(added.values())
    alphabet = set(CHAR_OF_BYTE)
    products = {"".join(pair) for pair in merges}
    # What no merge makes and is no byte is never found in text: a special token, named as one or not.
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
    return Tokenizer(source, name=str(folder), meta={}, roles=held)


def _names(tokens: Any) -> list[str]:
    entries = tokens if isinstance(tokens, list) else [tokens]
    return [entry["content"] if isinstance(entry, dict) else entry for entry in entries if entry]
