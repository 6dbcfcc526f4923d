"""Input files: found by path, folder, glob or address, in one order, and opened.

Local paths are plain paths; `hf://`, `s3://`, `https://` and the like go through fsspec, imported when needed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from corpora.errors import BadInput, NothingFound, Unreachable


@dataclass(frozen=True, slots=True)
class File:
    """An input file. `path` is where to open it; `name`, relative to its input, is all that outputs may know."""

    path: str
    name: str
    size: int


# -- finding ----------------------------------------------------------------------------------------------


def find(inputs: Sequence[str | Path], patterns: Sequence[str], *, folder: bool = False) -> list[File]:
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
            raise NothingFound(f"{place}: no file here is called {wanted}; name the files themselves or use a glob")
        if folder:
            files = [replace(file, name=f"{_folder(file)}/{file.name}".lstrip("/")) for file in files]
        found += files
    return _distinct(found)


def _folder(file: File) -> str:
    """The name of the folder that the name of a file is relative to."""
    whole = file.path if is_remote(file.path) else os.path.abspath(file.path)  # noqa: PTH100 (resolve() follows links)
    return PurePosixPath(whole.removesuffix(file.name)).name


def is_remote(place: str) -> bool:
    """Whether a place is an address (`hf://`, `s3://`, `https://`), not a path."""
    return "://" in place


def _local(place: str, patterns: Sequence[str]) -> Iterator[File]:
    path = Path(place)
    if path.is_file():
        yield File(str(path), path.name, path.stat().st_size)
    elif path.is_dir():
        for name in _walk(path):
            if _matches(name, patterns):
                yield File(str(path / name), name, (path / name).stat().st_size)
    elif glob.has_magic(place):
        base = _fixed(place)
        for match in sorted(glob.glob(place, recursive=True)):  # noqa: PTH207 (Path.glob takes no absolute pattern)
            if Path(match).is_dir():
                inside = [Path(match) / name for name in _walk(Path(match)) if _matches(name, patterns)]
            else:
                inside = [Path(match)]
            for each in inside:
                yield File(str(each), each.relative_to(base).as_posix(), each.stat().st_size)
    else:
        raise NothingFound(f"{place}: no such file or folder")


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
        if glob.has_magic(path):
            entries, base = system.glob(path, detail=True), str(_fixed(path))
            for folder in [name for name, info in entries.items() if info["type"] == "directory"]:
                inside = system.find(folder, detail=True)
                entries |= {name: info for name, info in inside.items() if _matches(name, patterns)}
        elif system.isdir(path):
            inside = system.find(path, detail=True)
            entries, base = {name: info for name, info in inside.items() if _matches(name, patterns)}, path
        else:
            entries, base = {path: system.info(path)}, str(PurePosixPath(path).parent)
        for name, info in entries.items():
            if info["type"] == "file":
                relative = name.removeprefix(base.rstrip("/") + "/")
                yield File(system.unstrip_protocol(name), relative, int(info.get("size") or 0))


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
                f"{other.path} would have the same name, {file.name}",
                mend="give their common folder as one input, or ingest them apart",
            )
    return list(names.values())


# -- opening ----------------------------------------------------------------------------------------------


def open_raw(file: File) -> IO[bytes]:
    """The bytes as they lie there. Raises BadInput."""
    if is_remote(file.path):
        return _Remote(file.path)  # type: ignore[return-value]
    try:
        return Path(file.path).open("rb")
    except OSError as error:
        raise BadInput(file.path, f"can't be opened ({error.strerror})") from error


def open_seekable(file: File) -> Any:
    """A pyarrow file for random access."""
    import pyarrow

    if is_remote(file.path):
        return pyarrow.PythonFile(open_raw(file), mode="r")
    try:
        return pyarrow.OSFile(file.path)
    except OSError as error:
        raise BadInput(file.path, f"can't be opened ({error})") from error


class _Remote(io.RawIOBase):
    """A file at an address: what goes wrong while it is read is a BadInput too, with the byte it went wrong at."""

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
    """What goes wrong with a file at an address, as Unreachable or NothingFound."""
    try:
        yield
    except (BadInput, NothingFound):
        raise
    except ImportError as error:
        mend = "pip install 'arcorp[sources]'"
        raise Unreachable(place, f"needs a package that is not installed ({error})", mend=mend) from error
    except Exception as error:  # huggingface_hub, httpx, botocore, aiohttp: each has a family of its own
        if any("Gated" in type(cause).__name__ for cause in _causes(error)):
            mend = "accept its terms on its page, and log in with `hf auth login`"
            raise Unreachable(place, "is gated, and its terms are not accepted", mend=mend) from error
        if isinstance(error, FileNotFoundError):
            raise NothingFound(f"{place}: no such file or folder, or none that may be seen without a login") from error
        reason = f"can't be reached ({(str(error) or type(error).__name__).splitlines()[0][:200]})"
        mend = "look at the address and the network, and run again to go on"
        raise Unreachable(place, reason, place=where, mend=mend) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those it came of."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
