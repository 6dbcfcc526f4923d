"""Input files: found by path, folder, glob or address, in one order, and opened.

Local paths are plain paths; `hf://`, `s3://`, `https://` and the like go through fsspec, imported when needed.

A file is found in a *version*: of a local file size, times of modification and change, and inode; of a remote one size
and the server's checksum or time. A file that has another version when it is opened, or when a reader has read it to
the end (`check`), was changed while it was read, and is refused. Versions are of this machine and this day: they are
compared, and never sealed. What is sealed is the hash of the bytes that were read (`corpora.reading.reads`). A server
that gives neither checksum nor time can't be checked in this way.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import io
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from corpora.addresses import bare, has_secrets, is_remote, scrub
from corpora.errors import BadInput, Changed, NothingFound, Unreachable
from corpora.reading.reads import Reads, Recorded

Version = tuple[int | str, ...]
"""What a file is compared by with what it was; empty: it is not compared."""

_CHECKSUMS = ("blob_id", "ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest")
_TIMES = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")
"""Keys of fsspec's `info`, by file system."""


@dataclass(frozen=True, slots=True)
class File:
    """An input file.

    path      where to open it; an address may hold secrets, and is never shown as it is (`bare`)
    name      relative to its input: the only thing that outputs may contain
    version   as it was found; empty if it is not compared
    reads     if given, every byte that is read of it is counted there
    """

    path: str = field(repr=False)
    name: str
    size: int
    version: Version = field(default=(), compare=False)
    reads: Reads | None = field(default=None, compare=False, repr=False)


# -- finding ----------------------------------------------------------------------------------------------


def find_files(inputs: Sequence[str | Path], patterns: Sequence[str], *, folder: bool = False) -> list[File]:
    """Files that `inputs` lead to, in the order of the inputs, then by name.

    An input that names a file is taken whatever it is called; of a folder, files whose name matches one of
    `patterns` (fnmatch on the last component), at any depth, hidden ones apart. With `folder`, names begin with that
    of the folder that was given, or that the file given lies in: without it, files of two corpora are often called
    the same. Raises NothingFound if an input leads to nothing, BadInput if two files would have one name.
    """
    found: list[File] = []
    for given in inputs:
        place = os.fspath(given)
        files = sorted(_remote(place, patterns) if is_remote(place) else _local(place, patterns), key=lambda f: f.name)
        if not files:
            wanted = " or ".join(patterns)
            where = bare(place)
            raise NothingFound(f"{where}: no file here is called {wanted}; name the files themselves or use a glob")
        if folder:
            files = [replace(file, name=f"{_folder(file)}/{file.name}".lstrip("/")) for file in files]
        found += files
    return _distinct(found)


def _folder(file: File) -> str:
    """The name of the folder that the name of a file is relative to."""
    remote = is_remote(file.path)
    whole = bare(file.path) if remote else os.path.abspath(file.path)  # noqa: PTH100 (resolve() follows links)
    return PurePosixPath(whole.removesuffix(file.name)).name


def _local(place: str, patterns: Sequence[str]) -> Iterator[File]:
    path = Path(place)
    if path.is_file():
        yield _found(path, path.name)
    elif path.is_dir():
        for name in _walk(path):
            if _matches(name, patterns):
                yield _found(path / name, name)
    elif glob.has_magic(place):
        base = _fixed(place)
        for match in sorted(glob.glob(place, recursive=True)):  # noqa: PTH207 (Path.glob takes no absolute pattern)
            if Path(match).is_dir():
                inside = [Path(match) / name for name in _walk(Path(match)) if _matches(name, patterns)]
            else:
                inside = [Path(match)]
            for each in inside:
                yield _found(each, each.relative_to(base).as_posix())
    else:
        raise NothingFound(f"{place}: no such file or folder")


def _found(path: Path, name: str) -> File:
    status = path.stat()
    return File(str(path), name, status.st_size, _version(status))


def _version(status: os.stat_result) -> Version:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(here) / name).relative_to(folder).as_posix()


def _remote(place: str, patterns: Sequence[str]) -> Iterator[File]:
    import fsspec

    with remote_errors(place):
        system, path = fsspec.core.url_to_fs(place)
        alone = False
        if _has_magic(path):
            entries, base = system.glob(path, detail=True), _fixed_address(path)
            for folder in [name for name, info in entries.items() if info["type"] == "directory"]:
                inside = system.find(folder, detail=True)
                entries |= {name: info for name, info in inside.items() if _matches(name, patterns)}
        elif _is_folder(system, path):
            inside = system.find(path, detail=True)
            entries, base = {name: info for name, info in inside.items() if _matches(name, patterns)}, path
        else:
            entries, base, alone = {path: system.info(path)}, "", True
        for name, info in entries.items():
            if info["type"] == "file":
                if info.get("size") is None:  # a page of links has no sizes
                    info = system.info(name)
                address = system.unstrip_protocol(name)
                relative = _last(place) if alone else _below(base, name)
                yield File(address, relative, int(info.get("size") or 0), _remote_version(info))


def _last(address: str) -> str:
    """The last name in an address, or the server's where it has no path."""
    return bare(address).rstrip("/").rpartition("/")[2]


def _below(base: str, name: str) -> str:
    """The name of a file in a folder, relative to it; both may be addresses."""
    return bare(name).removeprefix(bare(base).rstrip("/") + "/")


def _is_folder(system: Any, path: str) -> bool:
    """Whether an address is a folder's: of a web server, if it ends in "/", since asking would fetch the file."""
    return bare(path).endswith("/") if is_remote(path) else bool(system.isdir(path))


def _has_magic(path: str) -> bool:
    """Whether a path of a file system is a pattern. In an address `?` begins the query."""
    return any(sign in bare(path) for sign in "*[") if is_remote(path) else glob.has_magic(_unversioned(path))


def _unversioned(path: str) -> str:
    return path.partition("?versionId=")[0]


def _fixed_address(pattern: str) -> str:
    """The folder above the first component that has magic, of an address or a path of a file system."""
    return "/".join(itertools.takewhile(lambda part: not glob.has_magic(part), bare(pattern).split("/")))


def _remote_version(info: dict[str, Any]) -> Version:
    size = int(info.get("size") or 0)
    known = next((str(info[key]) for key in (*_CHECKSUMS, *_TIMES) if info.get(key)), "")
    return (size, known) if known else (size,)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    last = name.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatch(last, pattern) for pattern in patterns)


def _fixed(pattern: str) -> Path:
    """The folder above the first component that has magic."""
    parts: list[str] = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


def _distinct(files: list[File]) -> list[File]:
    names: dict[str, File] = {}
    for file in files:
        other = names.setdefault(file.name, file)
        if other.path != file.path:
            raise BadInput(
                file.path,
                f"{bare(other.path)} would have the same name, {file.name}",
                mend="give their common folder as one input, or ingest them apart",
            )
    return list(names.values())


# -- opening ----------------------------------------------------------------------------------------------


def open_raw(file: File) -> IO[bytes]:
    """The stored bytes. Raises BadInput; Changed if the file is not the one that was found."""
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
    """Raise Changed if there is another file now than was found. Call it once the last byte has been read.

    A file that is gone was not changed: what was read of it is of the version that was found.
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
    """The version of a remote file, asked for again. Raises Unreachable, NothingFound."""
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
    """A file at an address. What fails while it is read is a BadInput, with the byte at which it failed."""

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
def remote_errors(place: str, where: str = "") -> Iterator[None]:
    """What goes wrong with a file at an address, as Unreachable or NothingFound.

    The library's exception is kept as the cause only where the address has no secrets: a traceback would print it.
    """
    try:
        yield
    except (BadInput, NothingFound):
        raise
    except Exception as error:  # huggingface_hub, httpx, botocore, aiohttp: each has a family of its own
        raise _unreachable(place, where, error) from (None if has_secrets(place) else error)


def _unreachable(place: str, where: str, error: Exception) -> Unreachable | NothingFound:
    if isinstance(error, ImportError):
        mend = "pip install 'arcorp[sources]'"
        return Unreachable(place, f"needs a package that is not installed ({error})", mend=mend)
    if any("Gated" in type(cause).__name__ for cause in _causes(error)):
        mend = "accept its terms on its page, and log in with `hf auth login`"
        return Unreachable(place, "is gated, and its terms are not accepted", mend=mend)
    if isinstance(error, FileNotFoundError) and not any(_is_of_the_network(cause) for cause in _causes(error)):
        return NothingFound(f"{bare(place)}: no such file or folder, or none that may be seen without a login")
    shown = scrub(str(error), place).strip() or type(error).__name__
    reason = f"can't be reached ({shown.splitlines()[0][:200]})"
    mend = "look at the address and the network, and run again to go on"
    return Unreachable(place, reason, place=where, mend=mend)


def _is_of_the_network(error: BaseException) -> bool:
    """Return whether a server was not reached. fsspec raises FileNotFoundError then, with the cause."""
    return isinstance(error, ConnectionError | TimeoutError) or "ClientConnect" in type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those it came of."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
