"""Durable files: bytes that appear under their final name complete, or not at all.

A file or folder is written under a temporary name, hashed while it is written, fsynced, renamed to its final name,
and its parent folder is fsynced. JSON is written in one canonical form, so that equal values give equal bytes and
equal digests. Standard library only: the trainer uses this module too.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharding import checked

TEMPORARY = ".tmp-"
"""Prefix of every temporary name. A file or folder with this prefix is never data."""
_TEMPORARY_NAME = re.compile(r"\.tmp-\d+-.+", re.DOTALL)  # .tmp-<process>-<final name>


# -- JSON -------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and one trailing newline. Equal values give equal bytes.

    Raises ValueError for values that JSON or UTF-8 cannot represent: NaN, infinities, lone surrogates, and values
    that are nested deeper than the interpreter's recursion limit.
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return text.encode() + b"\n"


def parsed(text: bytes) -> Any:
    """Return the value of untrusted JSON text. Raises ValueError for invalid JSON and for too deep nesting."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def digest_of(value: Any) -> str:
    """Return the hex sha256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value)).hexdigest()


# -- records of files -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and hex sha256 of one file."""

    bytes: int
    sha256: str

    @classmethod
    def from_json(cls, value: Any) -> FileRecord:
        """Return the record stored as `[bytes, sha256]`. Raises ValueError for any other shape."""
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"{value!r:.80} is not the size and sha256 of a file")
        return cls(checked.count(value[0], "size"), checked.sha256(value[1], "hash"))


def records_from_json(value: Any) -> dict[str, FileRecord]:
    """Return the file records of a manifest, sidecar or plan, by file name.

    Raises ValueError for a name that is not a relative path below the folder, and for an invalid record.
    """
    files = checked.mapping(value, "files")
    return {checked.file_name(name): FileRecord.from_json(record) for name, record in files.items()}


@contextlib.contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Add `path` as the file name of any exception that has none.

    Reads, writes and fsyncs take a descriptor, so their OSError does not contain the file name.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "filename", None) is None:
            with contextlib.suppress(AttributeError):
                error.filename = str(path)  # type: ignore[attr-defined]
        raise


def hash_file(path: Path) -> FileRecord:
    """Read a file once and return its size and sha256. Raises OSError."""
    with naming(path), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(file.tell(), sha256)


# -- writing ----------------------------------------------------------------------------------------------


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that the names in it are durable: fsync of a file does not include its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class HashingFile(io.RawIOBase):
    """A write-only, sequential binary file that is hashed while it is written.

    An existing file at `path` is deleted and never opened. `record` is valid once the file is closed.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # left by a killed process with the same number; it may be a symbolic link
        self._path = path
        self._file = path.open("xb", buffering=1 << 20)
        self._hash = hashlib.sha256()
        self._bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._bytes

    def write(self, data: Any) -> int:
        """Write any object that supports the buffer protocol. Returns the number of bytes written."""
        if not memoryview(data).nbytes:  # an empty view cannot be cast
            return 0
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        with naming(self._path):
            self._file.write(view)
        self._hash.update(view)
        self._bytes += len(view)
        return len(view)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Flush, fsync and close the file. Raises OSError that names the file."""
        if not self._file.closed:
            try:
                with naming(self._path):
                    self._file.flush()
                    os.fsync(self._file.fileno())
            finally:
                self._file.close()
        super().close()

    @property
    def record(self) -> FileRecord:
        """Size and sha256 of the bytes written so far."""
        return FileRecord(self._bytes, self._hash.hexdigest())


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[HashingFile]:
    """Write a file that appears at `path` complete, or not at all if the block raises.

    >>> with atomic_file(folder / "ids.bin") as file:
    ...     file.write(ids)
    >>> file.record                            # size and sha256, computed while writing
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    file = HashingFile(temporary)
    try:
        yield file
        file.close()
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> FileRecord:
    """Write `value` as canonical JSON, atomically. Returns the file's record. Raises as `canonical` does."""
    with atomic_file(path) as file:
        file.write(canonical(value))
    return file.record


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `path` at the end, or deleted if the block raises.

    Every file in it is fsynced before the rename, and has the mode that the umask gives. Raises FileExistsError if
    `path` exists already.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already; choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    mode = temporary.stat().st_mode & 0o666
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                (Path(folder) / name).chmod(mode)  # safetensors makes files that others can't read
                with (Path(folder) / name).open("rb") as file:
                    os.fsync(file.fileno())
            sync_folder(Path(folder))
        temporary.rename(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


# -- temporaries ------------------------------------------------------------------------------------------


def is_temporary(name: str) -> bool:
    """Return True if a file or folder name has the form of a temporary name: `.tmp-<process>-<final name>`."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def remove_temporaries(folder: Path) -> int:
    """Delete the temporary files and folders that a killed writer left below `folder`. Returns their number.

    The caller must hold the lock of `folder`. Only names of the form `.tmp-<process>-<name>` are removed. Symbolic
    links are neither followed nor removed.
    """
    removed = 0
    for parent_name, folder_names, file_names in os.walk(folder):
        parent = Path(parent_name)
        for name in filter(is_temporary, file_names):
            if not (parent / name).is_symlink():
                (parent / name).unlink(missing_ok=True)
                removed += 1
        for name in list(filter(is_temporary, folder_names)):
            folder_names.remove(name)
            if not (parent / name).is_symlink():
                shutil.rmtree(parent / name)
                removed += 1
    return removed
