"""Tokens from elsewhere: files of ids become a sealed tokens folder, as if tokenize had made it.

One part for each file. Files are identified by the sha256 of their bytes; a file that is another when it is read than
when it was hashed, by size, times or inode, is refused, and so is a changed file of the tokenizer. The tokenizer must
be named: ids mean nothing without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.run import Finish, Part, PartWriter, Stage, Work, check_if_sealed
from sharding import seal
from sharding.seal import Counts

if TYPE_CHECKING:
    from corpora.reading import File

VERSION = 1
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.tiktoken",
    "tokenizer_meta.json",
    "token_bytes.npy",
    "token_chars.npy",
)


def pretokenized_stage(
    folder: Path, inputs: Sequence[Path], tokenizer: Path, labels: Mapping[str, str], column: str | None = None
) -> Stage:
    """Take in files of ids (`sharding.packing.foreign_ids`), or all those of a folder.

    labels: source, language and category of documents that don't say. Raises UsageError for files of other kinds.
    """
    files = find(inputs)
    home = tokenizer if tokenizer.is_dir() else tokenizer.parent
    check_if_sealed(home)
    made_of = {name: seal.hash_file(home / name).sha256 for name in TOKENIZER_FILES if (home / name).is_file()}
    if "tokenizer.json" not in made_of:
        raise UsageError(f"{tokenizer}: there is no tokenizer.json; --tokenizer wants the folder of a tokenizer")
    found = [_found(path) for path in files]
    hashes = [seal.hash_file(path).sha256 for path in files]
    _refuse_changed(found)

    def work() -> Work:
        parts = [Part(f"part-{number:05d}", sha256) for number, sha256 in enumerate(hashes)]
        write = _Import(found, home, made_of, dict(labels), column)
        return Work(parts, [], write, lambda finish: _finish(finish, home, made_of))

    digests = {
        f"{number} {path.name}": sha256 for number, (path, sha256) in enumerate(zip(files, hashes, strict=True))
    }
    given = {"labels": dict(labels), "column": column}
    return Stage("tokenize", VERSION, folder, given, {**digests, "tokenizer": seal.digest_of(made_of)}, work)


def find(inputs: Sequence[Path]) -> list[Path]:
    """The files of ids that are named, and those of the folders that are named, by name."""
    from sharding.packing import SUFFIXES

    files = []
    for path in inputs:
        found = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES) if path.is_dir() else [path]
        if not found or not all(one.is_file() and one.suffix in SUFFIXES for one in found):
            raise UsageError(f"{path}: there are no ids here; name sealed tokens, or {', '.join(SUFFIXES)} files")
        files += found
    return files


def _found(path: Path) -> File:
    from corpora.reading import find_files

    return find_files([path], [])[0]


def _refuse_changed(files: Sequence[File]) -> None:
    from corpora.reading import check_unchanged

    for file in files:
        check_unchanged(file)


class _Import:
    """Makes one part of one file."""

    def __init__(
        self,
        files: Sequence[File],
        tokenizer: Path,
        made_of: dict[str, str],
        labels: dict[str, str],
        column: str | None,
    ) -> None:
        self.files, self.tokenizer, self.made_of, self.labels = files, tokenizer, made_of, labels
        self.column = column

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import pyarrow.parquet as pq

        from corpora.reading import check_sizes
        from sharding.packing import IdRange, import_ids
        from tokenization.model import Tokenizer

        known = Tokenizer.load(self.tokenizer)
        _refuse_changed_tokenizer(self.tokenizer, self.made_of)
        vocabulary = IdRange(known.vocab_size, known.bos, known.eos, known.token_bytes, known.token_chars)
        file = self.files[part.number]
        path = Path(file.path)
        _refuse_changed([file])
        if path.suffix == ".parquet":
            check_sizes(file)
        with writer.file(".bin") as ids:
            imported = import_ids(path, vocabulary, self.labels, ids, column=self.column)
            _refuse_changed([file])
        with writer.file(".parquet") as index:
            pq.write_table(imported.index, index, compression="zstd", write_page_checksum=True)
        documents = len(imported.index)
        taken_out = sum(imported.specials.values())
        writer.counts = {
            "documents": Counts(input=documents, out=documents),
            "tokens": Counts(input=imported.tokens + taken_out, out=imported.tokens, dropped=imported.specials),
        }


def _refuse_changed_tokenizer(home: Path, made_of: Mapping[str, str]) -> None:
    for name, sha256 in made_of.items():
        if seal.hash_file(home / name).sha256 != sha256:
            raise InputError(f"{home / name} was changed while it was read: run again, once nothing writes to it")


def _finish(finish: Finish, tokenizer: Path, made_of: Mapping[str, str]) -> None:
    from sharding.layout import dtype_for
    from tokenization.model import Tokenizer

    if not finish.counts["documents"].out:
        raise InputError("the files hold no ids")
    known = Tokenizer.load(tokenizer)
    known.check_golden()
    for name in sorted(made_of):
        finish.write(f"tokenizer/{name}", (tokenizer / name).read_bytes())
        if finish.files[f"tokenizer/{name}"].sha256 != made_of[name]:
            _refuse_changed_tokenizer(tokenizer, made_of)
            raise InputError(f"{tokenizer / name} was changed while it was read: run again")
    finish.summary = {
        "tokenizer": known.sha256,
        "vocab_size": known.vocab_size,
        "dtype": dtype_for(known.vocab_size),
    }
