"""Seals: how a folder proves what is in it.

A folder is *sealed* by a `manifest.json` that is written last and holds the size and sha256 of every file,
the stage that made it with the version of its code and its options, the roots of the folders it was made
from, and ledgers of counts that balance. The *digest* is the sha256 of that manifest: one line that stands for
every byte. It knows no time, host, path, executor or number of workers, so the same inputs and options give
the same digest anywhere.

Nothing appears under its final name before it is whole: files are written under a temporary name, hashed as
they are written, fsynced, renamed, and the folder fsynced. Standard library only: the trainer uses this too.

    SealError
    ├── Unsealed      no manifest: the folder is unfinished, or is not ours
    └── Damaged       a file is missing, cut, changed or of another stage; or a manifest does not add up

A seal speaks of the files it names, and readers open no others: what else lies in a folder (the state of a run,
schedules beside a dataset, a card that was added before it was shared) is neither trusted nor a fault.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding import checked

FORMAT = 1
MANIFEST = "manifest.json"
TEMPORARY = ".tmp-"  # every temporary name begins so; a name that does is never data
_TEMPORARY_NAME = re.compile(r"\.tmp-\d+-.+", re.DOTALL)  # .tmp-<process>-<final name>


class SealError(Exception):
    """A folder can't be trusted; the message names the folder, the file and the mend."""


class Unsealed(SealError):
    """There is no manifest."""


class Damaged(SealError):
    """What the manifest says and what lies there differ."""


# -- bytes ------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and one trailing newline: equal values give equal bytes.

    Raises ValueError for what JSON or UTF-8 cannot say: NaN, infinities, lone surrogates, nesting without end.
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return text.encode() + b"\n"


def parsed(text: bytes) -> Any:
    """JSON that anyone may have written. Raises ValueError, also where it is nested deeper than a parser goes."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def digest_of(value: Any) -> str:
    """Hex sha256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and hex sha256 of one file."""

    bytes: int
    sha256: str

    @classmethod
    def from_json(cls, value: Any) -> FileRecord:
        """From `[bytes, sha256]`. Raises ValueError for another shape."""
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"{value!r:.80} is not the size and sha256 of a file")
        return cls(checked.count(value[0], "size"), checked.sha256(value[1], "hash"))


def records_from_json(value: Any) -> dict[str, FileRecord]:
    """The files that a manifest, sidecar or plan names. Raises ValueError for a name that leads out of the folder."""
    files = checked.mapping(value, "files")
    return {checked.file_name(name): FileRecord.from_json(record) for name, record in files.items()}


@contextlib.contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Name `path` in any exception that has no file name: reads, writes and fsyncs have a descriptor alone."""
    try:
        yield
    except Exception as error:
        if getattr(error, "filename", None) is None:
            with contextlib.suppress(AttributeError):
                error.filename = str(path)  # type: ignore[attr-defined]
        raise


def hash_file(path: Path) -> FileRecord:
    """Read a file once and record it."""
    with naming(path), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(file.tell(), sha256)


# -- writing ----------------------------------------------------------------------------------------------


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (fsync of a file says nothing about its name)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class HashingFile(io.RawIOBase):
    """A write-only binary file, sequential, that hashes what passes through. `record` once closed.

    The file is made anew: one that exists is removed first.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # of a killed process with the same number; never opened: it may be a link
        self._path = path
        self._file = path.open("xb", buffering=1 << 20)
        self._hash = hashlib.sha256()
        self._bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._bytes

    def write(self, data: Any) -> int:  # any buffer
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
        """Flush, fsync, close."""
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
        return FileRecord(self._bytes, self._hash.hexdigest())


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[HashingFile]:
    """Write a file that appears whole or not at all.

    >>> with atomic_file(folder / "ids.bin") as file:
    ...     file.write(ids)
    >>> file.record                            # size and sha256, hashed as it was written
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
    """Write canonical JSON atomically."""
    with atomic_file(path) as file:
        file.write(canonical(value))
    return file.record


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears whole or not at all; every file in it is fsynced before the rename.

    Raises FileExistsError if `path` is there already.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with (Path(folder) / name).open("rb") as file:
                    os.fsync(file.fileno())
            sync_folder(Path(folder))
        temporary.rename(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def is_temporary(name: str) -> bool:
    """Whether a file or folder has the name of one that is being written: `.tmp-<process>-<final name>`."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def remove_temporaries(folder: Path) -> int:
    """Delete what a killed writer left under temporary names. Returns how many. Call it under a lock.

    Only names of the form `.tmp-<process>-<name>` are removed. Symbolic links are neither followed nor removed.
    """
    removed = 0
    for at, folders, files in os.walk(folder):
        here = Path(at)
        for name in filter(is_temporary, files):
            if not (here / name).is_symlink():
                (here / name).unlink(missing_ok=True)
                removed += 1
        for name in list(filter(is_temporary, folders)):
            folders.remove(name)
            if not (here / name).is_symlink():
                shutil.rmtree(here / name)
                removed += 1
    return removed


# -- counting ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Counts:
    """What went in and what became of it, for one unit (documents, tokens, ...), each way out by reason.

    `input + added == out + dropped` must hold when a stage is sealed.
    """

    input: int = 0
    added: dict[str, int] = field(default_factory=dict)
    out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, count: int = 1) -> None:
        self.added[reason] = self.added.get(reason, 0) + count

    def drop(self, reason: str, count: int = 1) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    @property
    def balanced(self) -> bool:
        return self.input + sum(self.added.values()) == self.out + sum(self.dropped.values())

    def __iadd__(self, other: Counts) -> Counts:
        self.input += other.input
        self.out += other.out
        for reason, count in other.added.items():
            self.add(reason, count)
        for reason, count in other.dropped.items():
            self.drop(reason, count)
        return self

    def to_json(self) -> dict[str, Any]:
        return {"in": self.input, "added": self.added, "out": self.out, "dropped": self.dropped}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counts:
        """Raises ValueError for what is not a count, KeyError or TypeError for what is not a ledger."""
        given, out = (checked.count(value[way], way) for way in ("in", "out"))
        added, dropped = (
            {reason: checked.count(number, reason) for reason, number in value[way].items()}
            for way in ("added", "dropped")
        )
        return cls(given, added, out, dropped)


CountsByUnit = dict[str, Counts]
"""Ledgers by unit: {"documents": Counts, "tokens": Counts}."""


def total(counts: Iterable[CountsByUnit]) -> CountsByUnit:
    """Add up the counts of many parts."""
    result: CountsByUnit = {}
    for one in counts:
        for unit, ledger in one.items():
            result.setdefault(unit, Counts())
            result[unit] += ledger
    return result


# -- the manifest -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    """What a sealed folder says of itself. `summary` is free for the stage (JSON, no times, no paths)."""

    stage: str
    version: int
    options: dict[str, Any]
    inputs: dict[str, str]
    counts: CountsByUnit
    files: dict[str, FileRecord]
    summary: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON of `manifest.json`, less its `digest`."""
        return {
            "format": FORMAT,
            "stage": self.stage,
            "version": self.version,
            "options": self.options,
            "inputs": self.inputs,
            "counts": {unit: ledger.to_json() for unit, ledger in self.counts.items()},
            "files": {name: [record.bytes, record.sha256] for name, record in self.files.items()},
            "summary": self.summary,
        }

    @property
    def digest(self) -> str:
        """Hex sha256 that stands for every byte of the folder."""
        return digest_of(self.to_json())


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Seal a folder: the last write. Returns the digest. Raises Damaged if a ledger does not balance."""
    for unit, ledger in manifest.counts.items():
        if not ledger.balanced:
            raise Damaged(f"{folder}: {unit} do not balance: {ledger.to_json()}; nothing was sealed")
    digest = manifest.digest
    write_json(folder / MANIFEST, {**manifest.to_json(), "root": digest})
    return digest


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest and check it against its own digest.

    Raises Unsealed if there is none, Damaged if it was cut or changed, or has a format this code can't read.
    """
    path = folder / MANIFEST
    try:
        with naming(path):
            text = path.read_bytes()
        data = parsed(text)
        whole = text == canonical(data)
    except (FileNotFoundError, NotADirectoryError):
        raise Unsealed(
            f"{folder} is not sealed: it has no {MANIFEST}; run the command that makes it to its end"
        ) from None
    except ValueError as error:
        raise Damaged(f"{path} is not JSON ({error}); delete it and build again") from None
    try:
        if data["format"] != FORMAT:
            raise Damaged(f"{path} has format {data['format']}, this arcorp reads {FORMAT}")
        manifest = Manifest(
            stage=checked.text(data["stage"], "stage"),
            version=checked.count(data["version"], "version"),
            options=checked.mapping(data["options"], "options"),
            inputs={name: checked.text(digest, name) for name, digest in data["inputs"].items()},
            counts={unit: Counts.from_json(value) for unit, value in data["counts"].items()},
            files=records_from_json(data["files"]),
            summary=checked.mapping(data["summary"], "summary"),
        )
        digest = data["root"]
        checked.refuse_links(folder, manifest.files)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = error if isinstance(error, ValueError) else repr(error)
        raise Damaged(f"{path} is not a manifest ({why}); delete it and build again") from None
    if manifest.digest != digest:
        raise Damaged(f"{path} was changed: its digest is {manifest.digest[:16]}, it says {str(digest)[:16]}")
    if not whole:  # what a parser does not see: a lost newline, a space, a key given twice
        raise Damaged(f"{path} was changed: it is not written as arcorp writes; delete it and build again")
    for unit, ledger in manifest.counts.items():
        if not ledger.balanced:
            raise Damaged(f"{path}: its {unit} do not balance: {ledger.to_json()}; delete it and build again")
    return manifest


@dataclass(frozen=True)
class Fault:
    """One file that is not what the manifest says, and how."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def check_file(folder: Path, name: str, record: FileRecord, *, full: bool, sealed_at: int) -> Fault | None:
    """Compare one file with its record: the size always, the sha256 if `full` or if it was touched since.

    `sealed_at`: modification time, in ns, of the commit record that names the file. A copy may well give a
    file a later time than its record, so that a later time is no fault by itself, but a reason to hash.
    """
    path = folder / name
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Fault(name, "missing")
    if not stat.S_ISREG(status.st_mode):
        return Fault(name, "not a regular file")
    if status.st_size != record.bytes:
        return Fault(name, f"{status.st_size} bytes, sealed with {record.bytes}")
    if (full or status.st_mtime_ns > sealed_at) and hash_file(path).sha256 != record.sha256:
        return Fault(name, "its sha256 differs from the seal")
    return None


def find_faults(
    folder: Path,
    manifest: Manifest,
    *,
    full: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Fault]:
    """Every file that is not as sealed. `full` reads every byte; `progress` is told the bytes of each file."""
    sealed_at = (folder / MANIFEST).stat().st_mtime_ns
    faults = []
    for name, record in manifest.files.items():
        fault = check_file(folder, name, record, full=full, sealed_at=sealed_at)
        if fault:
            faults.append(fault)
        progress(record.bytes)
    return faults


class Sealed:
    """A sealed folder, opened: sizes and times are checked now, bytes as they are read.

    Raises Unsealed or Damaged; Damaged also if `stage` is named and the folder is of another.
    """

    def __init__(self, path: Path | str, stage: str | None = None) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        if stage is not None and self.manifest.stage != stage:
            raise Damaged(f"{self.path} is a '{self.manifest.stage}' folder; a '{stage}' folder is wanted here")
        faults = find_faults(self.path, self.manifest, full=False)
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise Damaged(f"{self.path / faults[0].file}: {faults[0].what}{more}; build the folder again to mend it")
        self.digest = self.manifest.digest

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Names of the sealed files, sorted."""
        return sorted(n for n in self.manifest.files if n.startswith(prefix) and n.endswith(suffix))

    def read(self, name: str) -> bytes:
        """The whole of a file, proven against its seal. Raises Damaged, also for a name that is not sealed."""
        record = self.manifest.files.get(name)
        if record is None:
            raise Damaged(f"{self.path / name} is not one of the sealed files; build the folder again to mend it")
        with naming(self.path / name):
            data = (self.path / name).read_bytes()
        if len(data) != record.bytes or hashlib.sha256(data).hexdigest() != record.sha256:
            raise Damaged(f"{self.path / name} changed since it was sealed; build the folder again to mend it")
        return data

    def read_json(self, name: str) -> Any:
        """The JSON value of a file. Raises Damaged, also for what is not JSON."""
        try:
            return parsed(self.read(name))
        except ValueError as error:
            raise Damaged(f"{self.path / name} is not JSON ({error}); build the folder again to mend it") from None
