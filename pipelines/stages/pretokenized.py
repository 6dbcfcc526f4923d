"""Pre-tokenized input: write files of ids as a sealed tokens folder, of the form that tokenize writes.

Each file is one part. Files are identified by their sha256. A file whose size, times or inode change between hashing
and reading is refused, and so is a changed file of the tokenizer. The tokenizer is required: ids have no meaning
without it.
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
    """Import files of ids (`sharding.packing.foreign_ids`), or all such files of a folder.

    labels: source, language and category of documents that have none. column: the ids' column in Parquet files.
    Raises UsageError for files of other kinds.
    """
    files = find_id_files(inputs)
    home = tokenizer if tokenizer.is_dir() else tokenizer.parent
    check_if_sealed(home)
    tokenizer_hashes = {
        name: seal.hash_file(home / name).sha256 for name in TOKENIZER_FILES if (home / name).is_file()
    }
    if "tokenizer.json" not in tokenizer_hashes:
        raise UsageError(f"{tokenizer} has no tokenizer.json: give --tokenizer the folder of a tokenizer")
    opened = [_open(path) for path in files]
    hashes = [seal.hash_file(path).sha256 for path in files]
    _refuse_changed(opened)

    def work() -> Work:
        parts = [Part(f"part-{number:05d}", sha256) for number, sha256 in enumerate(hashes)]
        write = _Import(opened, home, tokenizer_hashes, dict(labels), column)
        return Work(parts, [], write, lambda finish: _finish(finish, home, tokenizer_hashes))

    digests = {
        f"{number} {path.name}": sha256 for number, (path, sha256) in enumerate(zip(files, hashes, strict=True))
    }
    identity = {"labels": dict(labels), "column": column}
    digests["tokenizer"] = seal.digest_of(tokenizer_hashes)
    return Stage("tokenize", VERSION, folder, identity, digests, work)


def find_id_files(inputs: Sequence[Path]) -> list[Path]:
    """Return the given files of ids and, sorted by name, those of the given folders. Raises UsageError."""
    from sharding.packing import SUFFIXES

    files = []
    for path in inputs:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        matches = [file for file in inside if file.suffix in SUFFIXES]
        if not matches or not all(file.is_file() for file in matches):
            raise UsageError(f"{path} holds no ids: give a folder of sealed tokens, or {', '.join(SUFFIXES)} files")
        files += matches
    return files


def _open(path: Path) -> File:
    from corpora.reading import find_files

    return find_files([path], [])[0]


def _refuse_changed(files: Sequence[File]) -> None:
    from corpora.reading import check_unchanged

    for file in files:
        check_unchanged(file)


class _Import:
    """Makes one part from one file."""

    def __init__(
        self,
        files: Sequence[File],
        tokenizer: Path,
        tokenizer_hashes: dict[str, str],
        labels: dict[str, str],
        column: str | None,
    ) -> None:
        self.files, self.tokenizer, self.tokenizer_hashes = files, tokenizer, tokenizer_hashes
        self.labels, self.column = labels, column

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import pyarrow.parquet as pq

        from corpora.reading import check_sizes
        from sharding.packing import IdRange, import_ids
        from tokenization.model import Tokenizer

        loaded = Tokenizer.load(self.tokenizer)
        _refuse_changed_tokenizer(self.tokenizer, self.tokenizer_hashes)
        id_range = IdRange(loaded.vocab_size, loaded.bos, loaded.eos, loaded.token_bytes, loaded.token_chars)
        file = self.files[part.number]
        path = Path(file.path)
        _refuse_changed([file])
        if path.suffix == ".parquet":
            check_sizes(file)
        with writer.file(".bin") as ids:
            imported = import_ids(path, id_range, self.labels, ids, column=self.column)
            _refuse_changed([file])
        with writer.file(".parquet") as index:
            pq.write_table(imported.index, index, compression="zstd", write_page_checksum=True)
        documents = len(imported.index)
        removed = sum(imported.specials.values())
        writer.counts = {
            "documents": Counts(input=documents, out=documents),
            "tokens": Counts(input=imported.tokens + removed, out=imported.tokens, dropped=imported.specials),
        }


def _refuse_changed_tokenizer(home: Path, hashes: Mapping[str, str]) -> None:
    for name, sha256 in hashes.items():
        if seal.hash_file(home / name).sha256 != sha256:
            raise InputError(f"{home / name} was changed while it was read: run again when no program writes to it")


def _finish(finish: Finish, tokenizer: Path, hashes: Mapping[str, str]) -> None:
    from sharding.layout import dtype_for
    from tokenization.model import Tokenizer

    if not finish.counts["documents"].out:
        raise InputError("the files hold no ids: give others")
    loaded = Tokenizer.load(tokenizer)
    loaded.check_golden()
    for name in sorted(hashes):
        finish.write(f"tokenizer/{name}", (tokenizer / name).read_bytes())
        if finish.files[f"tokenizer/{name}"].sha256 != hashes[name]:
            _refuse_changed_tokenizer(tokenizer, hashes)
            raise InputError(f"{tokenizer / name} was changed while it was read: run again")
    finish.summary = {
        "tokenizer": loaded.sha256,
        "vocab_size": loaded.vocab_size,
        "dtype": dtype_for(loaded.vocab_size),
    }
