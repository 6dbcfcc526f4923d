"""Input files: finding them by path, folder, glob or address in a fixed order, and opening them.

Local paths are opened directly. Addresses (`hf://`, `s3://`, `https://`, ...) are opened with fsspec, which is
imported when needed.

Every file has a *version*. The version of a local file is its size, its times of modification and change, and its
inode. The version of a remote file is its size and a checksum or a time given by the server; a file whose server gives
neither is compared by size alone. A file is refused if its version is different when it is opened, or when it has been
read to its end (`check_unchanged`). Versions are valid on one machine for one run and are not sealed. The seal has the
hash of the bytes that were read (`corpora.reading.reads`).
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import io
import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from corpora.addresses import bare, has_secrets, is_remote, scrub
from corpora.errors import BadInput, Changed, NothingFound, Unreachable
from corpora.reading.local_paths import OnBad, local_files, local_path
from corpora.reading.parallel import in_parallel
from corpora.reading.reads import Reads, Recorded

Version = tuple[int | str, ...]
"""Properties of a file that change when it is rewritten. An empty version is not compared."""

_CHECKSUMS = ("blob_id", "ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest")
_TIMES = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")
"""Keys of fsspec's `info`, by file system."""

COMPRESSIONS = ("gz", "bgz", "zst", "zstd", "xz", "bz2", "zip")
"""Endings of compressed files, which are added to the name of a file."""


@dataclass(frozen=True, slots=True)
class File:
    """An input file.

    path      local path or address; an address may contain secrets and is shown only in its `bare` form
    name      path relative to the input; outputs contain this name and never `path`
    size      bytes
    version   version of the file when it was found; empty if it is not compared
    reads     record of the bytes that are read from the file, if given
    """

    path: str = field(repr=False)
    name: str
    size: int
    version: Version = field(default=(), compare=False)
    reads: Reads | None = field(default=None, compare=False, repr=False)


# -- finding ----------------------------------------------------------------------------------------------


def find_files(
    inputs: Sequence[str | Path], patterns: Sequence[str], *, folder: bool = False, on_bad: OnBad = None
) -> list[File]:
    """Return the files of `inputs`, in the order of the inputs, then by name.

    inputs    paths or addresses of files or folders, or globs
    patterns  patterns of file names (fnmatch on the last component, in any case, with or without the ending of a
              compression); they select the files of a folder at any depth, except hidden files. A file that is itself
              an input is always selected
    folder    begin the names with the name of the input folder, or of the parent folder of an input file, so that
              files with the same name in two corpora are distinguished
    on_bad    called with the error of each file of a local folder that can't be read, which is then left out

    Names that several files have are extended by the folders above them. A file that is in two inputs, or reached by
    links too, is read once.
    Raises NothingFound if an input has no files, BadInput if two files can't be distinguished by name.
    """
    result: list[File] = []
    for files, bad in in_parallel(partial(_listed, patterns, keep_bad=on_bad is not None), inputs):
        for error in bad:
            if on_bad is not None:
                on_bad(error)
        if folder:
            files = [replace(file, name=f"{_folder(file)}/{file.name}".lstrip("/")) for file in files]
        result += files
    return _distinct(result)


def _listed(patterns: Sequence[str], item: str | Path, *, keep_bad: bool) -> tuple[list[File], list[BadInput]]:
    """Return the files of one input by name, and the errors of those that can't be read if these are kept."""
    bad: list[BadInput] = []
    location = local_path(os.fspath(item))
    search = _remote if is_remote(location) else partial(_local, on_bad=bad.append if keep_bad else None)
    files = sorted(search(location, patterns), key=lambda file: file.name)
    if not files:
        expected = " or ".join(patterns)
        other = next(iter(search(location, ("*",))), None)
        there = f" (there is {bare(other.name)})" if other else ""
        raise NothingFound(
            f"{bare(location)}: no file here is called {expected}{there}; name the files themselves or use a glob"
        )
    return files, bad


def _folder(file: File) -> str:
    """Return the name of the folder to which the name of a file is relative."""
    return PurePosixPath(bare(_whole(file)).removesuffix(file.name)).name


def _whole(file: File) -> str:
    """Return the absolute path or the address of a file, which may contain secrets."""
    return file.path if is_remote(file.path) else os.path.abspath(file.path)  # noqa: PTH100 (resolve() follows links)


def _local(location: str, patterns: Sequence[str], on_bad: OnBad = None) -> Iterator[File]:
    for path, name in local_files(location, lambda name: name_matches(name, patterns), on_bad):
        yield _local_file(path, name)


def _local_file(path: Path, name: str) -> File:
    status = path.stat()
    return File(str(path), name, status.st_size, _version(status))


def _version(status: os.stat_result) -> Version:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _remote(location: str, patterns: Sequence[str]) -> Iterator[File]:
    import fsspec

    with remote_errors(location):
        system, path = fsspec.core.url_to_fs(location)
        single = False
        if _has_magic(path) and not _exists(system, path):
            entries, base = system.glob(path, detail=True), _fixed_address(path)
            for folder in [name for name, info in entries.items() if info["type"] == "directory"]:
                contents = system.find(folder, detail=True)
                entries |= {name: info for name, info in contents.items() if name_matches(name, patterns)}
        elif _is_folder(system, path):
            contents = system.find(path, detail=True)
            entries, base = {name: info for name, info in contents.items() if name_matches(name, patterns)}, path
        else:
            entries, base, single = {path: system.info(path)}, "", True
        for name, info in entries.items():
            if info["type"] == "file":
                if info.get("size") is None:  # an HTML page of links has no sizes
                    info = system.info(name)
                address = system.unstrip_protocol(name)
                relative = _last(location) if single else _below(base, name)
                yield File(address, relative, int(info.get("size") or 0), _remote_version(info))


def _last(address: str) -> str:
    """Return the last component of an address: the name of the server if the address has no path."""
    return bare(address).rstrip("/").rpartition("/")[2]


def _below(base: str, name: str) -> str:
    """Return the path of a file relative to a folder. Both may be addresses."""
    return bare(name).removeprefix(bare(base).rstrip("/") + "/")


def _is_folder(system: Any, path: str) -> bool:
    """Return True for the address of a folder.

    On a web server a folder's address ends in "/": a request to find out would download the file.
    """
    return bare(path).endswith("/") if is_remote(path) else bool(system.isdir(path))


def _exists(system: Any, path: str) -> bool:
    """Return whether a path with wildcards is the name of a file or folder."""
    try:
        return bool(system.exists(path))
    except Exception:  # a server may refuse such a name; the search for files has the error
        return False


def _has_magic(path: str) -> bool:
    """Return True if a path of a file system is a pattern. In an address `?` begins the query."""
    return any(sign in bare(path) for sign in "*[") if is_remote(path) else glob.has_magic(_unversioned(path))


def _unversioned(path: str) -> str:
    return path.partition("?versionId=")[0]


def _fixed_address(pattern: str) -> str:
    """Return the parent folder of the first component with wildcards, of an address or a path of a file system."""
    return "/".join(itertools.takewhile(lambda part: not glob.has_magic(part), bare(pattern).split("/")))


def _remote_version(info: dict[str, Any]) -> Version:
    size = int(info.get("size") or 0)
    mark = next((str(info[key]) for key in (*_CHECKSUMS, *_TIMES) if info.get(key)), "")
    return (size, mark) if mark else (size,)


def name_matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a file is selected from a folder: see `find_files` for `patterns`."""
    last = name.rsplit("/", 1)[-1].lower()
    stem, _, ending = last.rpartition(".")
    names = (last, stem) if ending in COMPRESSIONS else (last,)
    return any(fnmatch.fnmatchcase(name, pattern.lower()) for name in names for pattern in patterns)


def _distinct(files: Sequence[File]) -> list[File]:
    """Return each file once, with names that differ."""
    unique: dict[str, File] = {}
    for file in files:
        unique.setdefault(file.path if is_remote(file.path) else os.path.realpath(file.path), file)
    files = list(unique.values())
    names = [file.name for file in files]
    for depth in itertools.count(1):
        repeated = {name for name, count in Counter(names).items() if count > 1}
        longer = [
            _with_folders(file, depth) if name in repeated else name for file, name in zip(files, names, strict=True)
        ]
        if not repeated:
            break
        if longer == names:
            first, second = [file for file, name in zip(files, names, strict=True) if name in repeated][:2]
            reason = f"{bare(first.path)} would have the same name, {second.name}"
            raise BadInput(second.path, reason, mend="ingest them apart")
        names = longer
    return [replace(file, name=name) for file, name in zip(files, names, strict=True)]


def _with_folders(file: File, depth: int) -> str:
    """Return the name of a file with the names of `depth` folders above it, or of as many as there are."""
    parents = bare(_whole(file)).removesuffix(file.name).strip("/").split("/")
    return "/".join([*parents[-depth:], file.name]).lstrip("/")


# -- opening ----------------------------------------------------------------------------------------------


def open_raw(file: File) -> IO[bytes]:
    """Open a file and return its stored bytes, without decompression.

    Raises BadInput if the file can't be opened, Changed if its version is not the one that was found.
    """
    raw: Any
    if is_remote(file.path):
        raw = _Remote(file.path)
    else:
        try:
            raw = Path(file.path).open("rb")  # noqa: SIM115
        except OSError as error:
            raise BadInput(file.path, f"can't be opened ({error.strerror})") from error
        if file.version and _version(os.fstat(raw.fileno())) != file.version:
            raw.close()
            raise _changed(file)
    return raw if file.reads is None else Recorded(raw, file.reads)  # type: ignore[return-value]


def check_unchanged(file: File) -> None:
    """Raise Changed if the version of a file is not the one that was found. Call it after the last byte was read.

    A local file that was deleted is accepted: the bytes that were read belong to the version that was found.
    """
    if not file.version:
        return
    if is_remote(file.path):
        if version_now(file) != file.version:
            raise _changed(file)
        return
    try:
        now = Path(file.path).stat()
    except OSError:
        return
    if _version(now) != file.version:
        raise _changed(file)


def version_now(file: File) -> Version:
    """Request the version of a remote file again, without caches.

    Raises Unreachable if the server gives no answer, NothingFound if the file does not exist any more.
    """
    import fsspec

    with remote_errors(file.path):
        system, path = fsspec.core.url_to_fs(file.path)
        if system.protocol == "hf" or "hf" in system.protocol:
            return _remote_version(system.info(path, refresh=True, expand_info=True))
        system.invalidate_cache(path)
        return _remote_version(system.info(path))


def _changed(file: File) -> Changed:
    return Changed(file.path, "was changed while it was read", mend="run again, once nothing writes to it")


class _Remote(io.RawIOBase):
    """A remote file. An error while it is read is raised as BadInput with the byte offset."""

    def __init__(self, address: str) -> None:
        import fsspec

        self._address = address
        with remote_errors(address):
            self._file = fsspec.open(address, "rb").open()

    def read(self, size: int = -1) -> bytes:
        with remote_errors(self._address, f"byte {self._file.tell()}"):
            data: bytes = self._file.read(size)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextlib.contextmanager
def remote_errors(address: str, place: str = "") -> Iterator[None]:
    """Translate exceptions of network libraries to Unreachable or NothingFound.

    address  address of the file; its secrets are removed from the message
    place    position in the file, for the message

    The original exception is kept as the cause only if the address has no secrets, since a traceback would show them.
    """
    try:
        yield
    except (BadInput, NothingFound):
        raise
    except Exception as error:  # huggingface_hub, httpx, botocore and aiohttp have no common base class
        raise _unreachable(address, place, error) from (None if has_secrets(address) else error)


def _unreachable(address: str, place: str, error: Exception) -> Unreachable | NothingFound:
    if isinstance(error, ImportError):
        mend = "pip install 'arcorp[sources]'"
        return Unreachable(address, f"needs a package that is not installed ({error})", mend=mend)
    if any("Gated" in type(cause).__name__ for cause in _causes(error)):
        mend = "accept its terms on its page, and log in with `hf auth login`"
        return Unreachable(address, "is gated, and its terms are not accepted", mend=mend)
    if isinstance(error, FileNotFoundError) and not any(_is_of_the_network(cause) for cause in _causes(error)):
        return NothingFound(f"{bare(address)}: no such file or folder, or it is not visible without a login")
    shown = scrub(str(error), address).strip() or type(error).__name__
    reason = f"can't be reached ({shown.splitlines()[0][:200]})"
    mend = "check the address and the network, and run again to resume"
    return Unreachable(address, reason, place=place, mend=mend)


def _is_of_the_network(error: BaseException) -> bool:
    """Return whether a server was not reached. fsspec raises FileNotFoundError then, with the cause."""
    return isinstance(error, ConnectionError | TimeoutError) or "ClientConnect" in type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and the chain of its causes."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
