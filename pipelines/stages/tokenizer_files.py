"""Import of tokenizers that other programs made, and export of tokenizers for other programs.

`import` writes any form that `tokenization.model.import_foreign` reads as a sealed tokenizer folder, of the form that
training writes and the later stages read. `export` writes only the files for one kind of reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UsageError
from pipelines.run import Finish, Stage, Work, check_if_sealed
from sharding.seal import digest_of

if TYPE_CHECKING:
    from tokenization.model import Tokenizer

VERSION = 2
EXPORTS = {
    "hf": ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    "tiktoken": ("tokenizer.tiktoken", "tokenizer_meta.json"),
    "arrays": ("token_bytes.npy", "token_chars.npy"),
}


def import_stage(folder: Path, tokenizer: str, roles: Mapping[str, str]) -> Stage:
    """Import a tokenizer into a sealed folder.

    roles: names of special tokens for bos, eos and pad, instead of the tokenizer's own. Raises FolderError if it can't
    be read, and for a name that is no special token of it.
    """
    from tokenization.model import open_tokenizer

    check_if_sealed(tokenizer)
    return _stage("tokenizer", folder, open_tokenizer(tokenizer).with_roles(roles), None)


def export_stage(folder: Path, tokenizer: str, to: str) -> Stage:
    """Write the files of a tokenizer for one kind of reader, a key of EXPORTS.

    Raises UsageError if that form can't express the tokenizer.
    """
    from tokenization.model import open_tokenizer

    check_if_sealed(tokenizer)
    return _stage("tokenizer export", folder, open_tokenizer(tokenizer), to)


def _stage(name: str, folder: Path, tokenizer: Tokenizer, to: str | None) -> Stage:
    def write(finish: Finish) -> None:
        from tokenization.model import adopted_files

        files = adopted_files(tokenizer)
        for file in EXPORTS[to] if to else sorted(files):
            if file not in files:
                raise UsageError(
                    f"{tokenizer.name}: tiktoken can't produce its ids (it normalizes text, has no single pattern, or "
                    "its merges are not in the order of its ids): export it with --to hf"
                )
            finish.write(file, files[file])
        finish.summary = {"vocab_size": tokenizer.vocab_size}

    # The roles of special tokens and the other settings are not in tokenizer.json, and affect the output.
    inputs = {"tokenizer": tokenizer.sha256, "roles": f"{tokenizer.bos} {tokenizer.eos} {tokenizer.pad}"}
    if tokenizer.settings:
        inputs["settings"] = digest_of(tokenizer.settings)
    identity = {"to": to} if to else {"made": "elsewhere"}
    return Stage(name, VERSION, folder, identity, inputs, lambda: Work(finish=write))
