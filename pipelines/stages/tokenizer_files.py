"""Tokenizers that were made elsewhere, taken in; and ours, written for others.

`import`: any form that `tokenization.model.import_foreign` reads becomes a sealed tokenizer folder, as training makes
it, so that `tokenize` and everything behind it know one kind. `export`: only the files that one kind of reader wants.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UsageError
from pipelines.run import Finish, Stage, Work, check_if_sealed

if TYPE_CHECKING:
    from tokenization.model import Tokenizer

VERSION = 1
EXPORTS = {
    "hf": ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    "tiktoken": ("tokenizer.tiktoken", "tokenizer_meta.json"),
    "arrays": ("token_bytes.npy", "token_chars.npy"),
}


def import_stage(folder: Path, tokenizer: str) -> Stage:
    """A sealed folder of a tokenizer that was made elsewhere. Raises FolderError for one that can't be read."""
    from tokenization.model import open_tokenizer

    check_if_sealed(tokenizer)
    return _stage("tokenizer", folder, open_tokenizer(tokenizer), None)


def export_stage(folder: Path, tokenizer: str, to: str) -> Stage:
    """The files of a tokenizer for one kind of reader. Raises UsageError if it can't be written so."""
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
                    f"{tokenizer.name}: tiktoken can't give its ids (it changes text first, has no single pattern, or "
                    "its merges aren't in the order of its ids): export it with --to hf"
                )
            finish.write(file, files[file])
        finish.summary = {"vocab_size": tokenizer.vocab_size}

    # The roles are no part of a tokenizer.json, and change what is written.
    made_of = {"tokenizer": tokenizer.sha256, "roles": f"{tokenizer.bos} {tokenizer.eos} {tokenizer.pad}"}
    return Stage(
        name, VERSION, folder, {"to": to} if to else {"made": "elsewhere"}, made_of, lambda: Work(finish=write)
    )
