"""Pre-tokenized input: write files of ids as a sealed tokens folder, of the form that tokenize writes.

Each file is one part. Files are identified by their sha256, with that of an index beside them. A file whose size,
times or inode change between hashing and reading is refused, and so is a changed file of the tokenizer. The tokenizer
is required: ids have no meaning without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.run import Finish, Part, PartWriter, Stage, Work, check_if_sealed
from sharding import seal
from sharding.seal import Counts

if TYPE_CHECKING:
    from corpora.reading import File

VERSION = 2
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.tiktoken",
    "tokenizer_meta.json",
    "token_bytes.npy",
    "token_chars.npy",
)
SPLIT = re.compile(r"(?:^|[/_.-])(train|test|validation|valid|val|dev|eval)(?=[/_.-]|$)")
"""A split in the name of a file or folder."""


def pretokenized_stage(
    folder: Path, inputs: Sequence[Path], tokenizer: Path, labels: Mapping[str, str], column: str | None = None
) -> Stage:
    """Import files of ids (`sharding.packing.foreign_ids`), or all such files below a folder.

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
    opened = [[_open(path) for path in _with_index(path)] for path in files]
    hashes = [[seal.hash_file(Path(file.path)).sha256 for file in group] for group in opened]
    for group in opened:
        _refuse_changed(group)

    def work() -> Work:
        parts = [Part(f"part-{number:05d}", " ".join(sha256)) for number, sha256 in enumerate(hashes)]
        write = _Import(opened, home, tokenizer_hashes, dict(labels), column)
        return Work(parts, [], write, lambda finish: _finish(finish, home, tokenizer_hashes))

    digests = {f"{number} {path.name}": " ".join(hashes[number]) for number, path in enumerate(files)}
    identity = {"labels": dict(labels), "column": column}
    digests["tokenizer"] = seal.digest_of(tokenizer_hashes)
    return Stage("tokenize", VERSION, folder, identity, digests, work)


def find_id_files(inputs: Sequence[Path]) -> list[Path]:
    """Return the given files of ids and, sorted by name, those below the given folders.

    Of a folder written by `datasets.save_to_disk` these are the files that it names. Raises UsageError for a folder
    without ids, and for one that holds several splits.
    """
    from sharding.packing import SUFFIXES

    files = []
    for path in inputs:
        below = _files_below(path) if path.is_dir() else [path]
        matches = [file for file in below if file.suffix in SUFFIXES]
        if not matches or not all(file.is_file() for file in matches):
            raise UsageError(f"{path} holds no ids: give a folder of sealed tokens, or {', '.join(SUFFIXES)} files")
        splits: dict[str, Path] = {}
        for file in matches if path.is_dir() else []:
            if match := SPLIT.search(str(file.relative_to(path).with_suffix("")).lower()):
                splits.setdefault(match[1], file)
        if len(splits) > 1:
            places = ", ".join(f"{name} ({file})" for name, file in splits.items())
            raise UsageError(f"{path} holds several splits, {places}: give the files or the folder of one of them")
        files += matches
    return files


def _files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted; hidden ones are left out."""
    files = []
    for name, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here, state = Path(name), Path(name) / "state.json"
        saved = _saved_files(state) if "state.json" in names and "dataset_info.json" in names else None
        files += [here / name for name in sorted(names if saved is None else saved) if not name.startswith(".")]
    return sorted(files)


def _saved_files(state: Path) -> list[str]:
    """Return the data files that `datasets.save_to_disk` has named. Raises InputError for another form."""
    try:
        value = seal.parsed(state.read_bytes())
        names = [str(file["filename"]) for file in value["_data_files"]]
        if value.get("_indices_data_files"):
            raise ValueError("its rows are chosen by an index: call flatten_indices before save_to_disk")
        if any("/" in name for name in names):
            raise ValueError("it names files of other folders")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{state} is no state of a saved dataset ({error}): save it again by save_to_disk") from None
    return names


def _with_index(path: Path) -> list[Path]:
    """Return a file and the index beside it, if there is one."""
    from sharding.packing import index_beside

    index = index_beside(path) if path.suffix == ".bin" else None
    return [path] if index is None else [path, index]


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
        files: Sequence[Sequence[File]],
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
        id_range = IdRange(
            loaded.vocab_size, loaded.bos, loaded.eos, loaded.token_bytes, loaded.token_chars, loaded.pad
        )
        files = self.files[part.number]
        path = Path(files[0].path)
        _refuse_changed(files)
        if path.suffix == ".parquet":
            check_sizes(files[0])
        with writer.file(".bin") as ids:
            imported = import_ids(path, id_range, self.labels, ids, column=self.column)
            _refuse_changed(files)
        with writer.file(".parquet") as index:
            pq.write_table(_labelled(imported.index), index, compression="zstd", write_page_checksum=True)
        if imported.mask is not None:
            with writer.file(".mask") as mask:
                mask.write(imported.mask)
        documents = len(imported.index)
        removed = sum(imported.removed.values())
        writer.counts = {
            "documents": Counts(input=documents, out=documents),
            "tokens": Counts(input=imported.tokens + removed, out=imported.tokens, dropped=imported.removed),
        }


def _labelled(index: Any) -> Any:
    """Return an index with the dataset's labels of languages; names that are not known stay, without spaces."""
    import pyarrow as pa

    from corpora.languages import known

    names = index["language"].to_pylist()
    label_of = {name: known(name) or "-".join(name.split()) for name in set(names)}
    position = index.schema.get_field_index("language")
    labels = pa.array([label_of[name] for name in names], index.schema.field(position).type)
    return index.set_column(position, index.schema.field(position), labels)


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
