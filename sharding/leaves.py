"""The leaves of a manifest: the records of a folder with many files, in files of their own.

    manifest.json                     the root: names the leaves and their hashes, so its digest covers every byte
    manifest/00000.json               a leaf: "files", the records of the first LEAF files by name, and "folded", the
                                      names of the sidecars among them that have no files of their own
    manifest/00000-sidecars.json      the content of these sidecars by name

A leaf is read when a record in it is first needed, and checked against its hash. So a folder is opened without reading
all records. Standard library only: the trainer uses this module too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sharding import checked
from sharding.damage import Damaged, Fault, check_file
from sharding.durable import (
    FileRecord,
    canonical,
    naming,
    parsed,
    records_from_json,
    write_json,
)

FOLDER = "manifest"
SIDECARS = "-sidecars.json"
LEAF = 1000
"""Number of files of a leaf."""
KEPT = 64
"""Number of leaves in memory."""

Index = list[tuple[str, int]]
"""The name of the first file of each leaf, and the number of its files."""


class Leaves(Mapping[str, FileRecord]):
    """The records of all files of a folder by name, read leaf by leaf.

    folder: the sealed folder; files: records of the files of the leaves by name; index: of the leaves, in order.
    Raises ValueError if these are inconsistent. Reading a record raises Damaged, which names the file of the leaf.
    """

    def __init__(self, folder: Path, files: Mapping[str, FileRecord], index: Index) -> None:
        self.folder, self.own = folder, dict(files)
        self.index = [(checked.file_name(name), checked.count(count, "files", least=1)) for name, count in index]
        self._firsts = [name for name, _ in self.index]
        names = {_name(number) for number in range(len(self.index))}
        sidecars = {_name(number, SIDECARS) for number in range(len(self.index))}
        if self._firsts != sorted(set(self._firsts)) or not names <= self.own.keys() <= names | sidecars:
            raise ValueError("its leaves are not those of its index")
        checked.refuse_links(folder, self.own)
        self._leaf = lru_cache(KEPT)(self._read_leaf)
        self._sidecars = lru_cache(2)(self._read_sidecars)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the root without its leaves: each process reads those that it needs."""
        return Leaves, (self.folder, self.own, self.index)

    def __getitem__(self, name: str) -> FileRecord:
        number = bisect_right(self._firsts, name) - 1
        if number < 0:
            raise KeyError(name)
        return self._leaf(number)[0][name]

    def __iter__(self) -> Iterator[str]:
        return (name for number in range(len(self.index)) for name in self._leaf(number)[0])

    def __len__(self) -> int:
        return sum(count for _, count in self.index)

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin with `prefix`. Only leaves that may have one are read."""
        first = max(bisect_right(self._firsts, prefix) - 1, 0)
        last = bisect_left(self._firsts, f"{prefix}\U0010ffff")
        return [name for number in range(first, last) for name in self._leaf(number)[0] if name.startswith(prefix)]

    def folded(self) -> Iterator[str]:
        """Yield the names of the sidecars that have no files of their own."""
        return (name for number in range(len(self.index)) for name in sorted(self._leaf(number)[1]))

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a sidecar that has no file of its own, None for any other file."""
        number = bisect_right(self._firsts, name) - 1
        if number < 0 or name not in self._leaf(number)[1]:
            return None
        return canonical(self._sidecars(number)[name])

    def faults(self, *, full: bool = True) -> list[Fault]:
        """Return the damaged files of leaves. full: hash them, else compare their sizes."""
        never = 1 << 63  # a time after all modification times
        faults = (check_file(self.folder, *item, full=full, sealed_at=never) for item in self.own.items())
        return [fault for fault in faults if fault is not None]

    def stored(self, faults: Collection[Fault] = ()) -> Iterator[tuple[str, FileRecord]]:
        """Yield the records of the files that exist as such, by name. faults: of leaves, which are left out."""
        damaged = {fault.file for fault in faults}
        for number in range(len(self.index)):
            if _name(number) not in damaged:
                records, folded = self._leaf(number)
                yield from ((name, record) for name, record in records.items() if name not in folded)

    def _read_leaf(self, number: int) -> tuple[dict[str, FileRecord], frozenset[str]]:
        name = _name(number)
        try:
            value = checked.mapping(self._json(name), "leaf")
            records = records_from_json(value.get("files"))
            folded = frozenset(checked.text(each, "folded") for each in value["folded"])
            names = list(records)
            first, count = self.index[number]
            following = self._firsts[number + 1] if number + 1 < len(self.index) else None
            if names != sorted(names) or names[:1] != [first] or len(names) != count:
                raise ValueError("its names are not those of the index")
            if following is not None and names[-1] >= following:
                raise ValueError("its names are not those of the index")
            if not folded <= records.keys() or bool(folded) != (_name(number, SIDECARS) in self.own):
                raise ValueError("it names sidecars that are not in its leaf")
            checked.refuse_links(self.folder, records)
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(name, str(error)) from None
        return records, folded

    def _read_sidecars(self, number: int) -> dict[str, Any]:
        name = _name(number, SIDECARS)
        try:
            sidecars = checked.mapping(self._json(name), "sidecars")
            if sidecars.keys() != self._leaf(number)[1]:
                raise ValueError("its sidecars are not those of its leaf")
        except ValueError as error:
            raise self._damaged(name, str(error)) from None
        return sidecars

    def _json(self, name: str) -> Any:
        """Return the value of a file of the tree. Raises Damaged unless it has the hash of its record."""
        fault = check_file(self.folder, name, self.own[name], full=True)
        if fault is not None:
            raise self._damaged(name, fault.what)
        with naming(self.folder / name):
            return parsed((self.folder / name).read_bytes())

    def _damaged(self, name: str, what: str) -> Damaged:
        return Damaged(f"{self.folder / name}: {what}; build the folder again")


def write_leaves(folder: Path, files: Mapping[str, FileRecord], fold: Collection[str]) -> Leaves:
    """Write the leaves of a folder. fold: names of sidecars, whose content is copied into the leaves."""
    names = sorted(files)
    index: Index = []
    own: dict[str, FileRecord] = {}
    folded = set(fold)
    for number, first in enumerate(range(0, len(names), LEAF)):
        chosen = names[first : first + LEAF]
        index.append((chosen[0], len(chosen)))
        records = {name: [files[name].bytes, files[name].sha256] for name in chosen}
        sidecars = {name: parsed((folder / name).read_bytes()) for name in chosen if name in folded}
        own[_name(number)] = write_json(folder / _name(number), {"files": records, "folded": sorted(sidecars)})
        if sidecars:
            own[_name(number, SIDECARS)] = write_json(folder / _name(number, SIDECARS), sidecars)
    return Leaves(folder, own, index)


def sidecars_in(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and content of the sidecars in all leaves of a folder, sealed or not, sound or not."""
    for path in sorted((folder / FOLDER).glob(f"[0-9]*{SIDECARS}")):
        try:
            sidecars = checked.mapping(parsed(path.read_bytes()), "sidecars")
            yield from ((checked.file_name(name), value) for name, value in sidecars.items())
        except (OSError, ValueError):
            continue  # its parts are made again


def unfold(folder: Path) -> None:
    """Write the sidecars in the leaves as files of their own, for parts that are to be made again."""
    for name, value in sidecars_in(folder):
        if not (folder / name).exists():
            checked.refuse_links(folder, [name])
            write_json(folder / name, value)


def remove_folded(leaves: Leaves) -> None:
    """Remove the files of the sidecars that are in the leaves, the first one last: without it, none is left."""
    first = next(leaves.folded(), None)
    if first is not None and (leaves.folder / first).exists():
        for name in reversed(list(leaves.folded())):
            (leaves.folder / name).unlink(missing_ok=True)


def _name(number: int, ending: str = ".json") -> str:
    return f"{FOLDER}/{number:05d}{ending}"
