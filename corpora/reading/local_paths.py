"""Files of this machine by path, folder or glob. Symbolic links are followed, and no file is found twice.

A folder is walked once, whatever links lead to it: first without links, then through its links, sorted by name. A file
has its name in the folder itself if it is there, not that of a link.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from corpora.errors import BadInput, NothingFound

Result = TypeVar("Result")

_FILE_ADDRESSES = ("file://localhost/", "file://", "local://")


def local_path(location: str) -> str:
    """Return the path of a `file://` address, and any other location unchanged.

    Percent-encoding is decoded if there is no file of the name as it stands.
    """
    prefix = next((prefix for prefix in _FILE_ADDRESSES if location.startswith(prefix)), "")
    if not prefix:
        return location
    path = ("/" if prefix.endswith("localhost/") else "") + location.removeprefix(prefix)
    return path if os.path.lexists(path) or os.path.lexists(_with_literals(path)[1]) else unquote(path)


OnBad = Callable[[BadInput], None] | None
"""Called with the error of a file or folder that can't be read, which is then left out. None: the error is raised."""


def local_files(location: str, selects: Callable[[str], bool], on_bad: OnBad = None) -> Iterator[tuple[Path, str]]:
    """Yield (path, name) of the files at a location: a file, the files in a folder, or those of a glob.

    selects  whether a file of a folder is read, by its name
    on_bad   called with the errors of the files of a folder

    Names are relative to the folder, or to the folder above the first component with wildcards. A name that exists is
    no wildcard: `[x]`, `*` and `?` may be characters of it. Raises NothingFound, and BadInput for a link to nothing.
    """
    path = Path(location)
    if path.is_dir():
        yield from _in_folder(path, selects, on_bad)
    elif os.path.lexists(path):
        yield _checked(path), path.name
    elif glob.has_magic(location):
        pattern, base = _with_literals(location)
        seen: set[str] = set()
        matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob: no absolute patterns)
        for match in sorted(matches, key=lambda match: (match.count("/"), match)):  # links make a name longer
            if os.path.realpath(match) in seen:
                continue
            path = Path(match)
            inside = _in_folder(path, selects, on_bad) if path.is_dir() else [(_checked(path), path.name)]
            for file, _ in inside:
                if (real := os.path.realpath(file)) not in seen:
                    seen.add(real)
                    yield file, file.relative_to(base).as_posix()
    else:
        raise NothingFound(f"{location}: no such file or folder")


def _in_folder(folder: Path, selects: Callable[[str], bool], on_bad: OnBad) -> Iterator[tuple[Path, str]]:
    """Yield the files of a folder that are selected, at any depth, except hidden ones."""
    files: dict[str, str] = {}  # real path -> name
    walked: set[str] = set()
    waiting, links = [""], list[str]()
    while waiting:
        name = waiting.pop(0)
        real = os.path.realpath(folder / name)
        if real not in walked:
            walked.add(real)
            for entry in _tried(_entries, folder / name, on_bad) or ():
                below = f"{name}/{entry.name}" if name else entry.name
                if entry.is_symlink():
                    links.append(below)
                elif entry.is_dir():
                    waiting.append(below)
                elif selects(entry.name):
                    files.setdefault(f"{real}/{entry.name}", below)
        while links and not waiting:  # links come last
            below = links.pop(0)
            if (folder / below).is_dir():
                waiting.append(below)
            elif selects(below) or "." not in below.rpartition("/")[2]:  # without an ending it may have been a folder
                file = _tried(_checked, folder / below, on_bad)
                if file is not None and selects(below):
                    files.setdefault(os.path.realpath(file), below)
    for name in sorted(files.values()):
        file = _tried(_checked, folder / name, on_bad)
        if file is not None:
            yield file, name


def _tried(action: Callable[[Path], Result], path: Path, on_bad: OnBad) -> Result | None:
    """Return the result of an action on a path; None if it raised BadInput and `on_bad` was called."""
    try:
        return action(path)
    except BadInput as error:
        if on_bad is None:
            raise
        on_bad(error)
        return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder that are not hidden, by name. Raises BadInput if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(str(folder), f"can't be opened ({error.strerror})", mend="check its permissions") from error


def _checked(path: Path) -> Path:
    """Return the path of a file. Raises BadInput for a link that leads nowhere, and for what is no file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            reason = f"is a link to {os.readlink(path)}, which does not exist"  # noqa: PTH115
            raise BadInput(str(path), reason, mend="remove the link, or restore what it links to") from error
        raise BadInput(str(path), f"can't be opened ({error.strerror})") from error
    if not stat.S_ISREG(mode):
        raise BadInput(str(path), "is no regular file", mend="write its contents to a file")
    return path


def _with_literals(pattern: str) -> tuple[str, Path]:
    """Return a glob in which the components that exist stand for themselves, and the folder above its wildcards."""
    base = Path()
    parts = Path(pattern).parts
    for number, part in enumerate(parts):
        if glob.has_magic(part) and not os.path.lexists(base / part):
            return os.path.join(glob.escape(str(base)) if number else "", *parts[number:]), base  # noqa: PTH118
        base = base / part
    return glob.escape(str(base)), base
