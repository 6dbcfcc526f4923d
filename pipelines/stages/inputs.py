"""Foreign input files between runs: a file that changed since parts were made from it is refused.

INPUTS holds the version of each file when it was last read: size, times and inode, or the version that a server gives.
It is valid on this machine only and is not sealed. If a version differs, the bytes are compared: each part's sidecar
holds the ranges that were read and their sha256, which are computed again. So a file that was only touched, moved or
copied is accepted, and a rewritten one is refused, even if its size and times were restored.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError
from pipelines.run.state_files import INPUTS
from sharding import seal

if TYPE_CHECKING:
    from corpora.reading import File

_FRESH = 100_000_000
"""Nanoseconds. A file written less than this time ago may be written again within one tick of the file system's clock,
without a change of its times. Its version is not kept, so that its bytes are compared on the next run."""


def refuse_changed(folder: Path, files: Sequence[File]) -> None:
    """Compare the files with those that the parts in `folder` were made from, and record their versions.

    Must be called under the folder's lock, before parts are made. Raises UsageError for a file with other bytes, and
    the errors of reading files.
    """
    before = _read(folder / INPUTS)
    now = {file.name: _version(file) for file in files}
    suspects = [file for file in files if now[file.name] is None or before.get(file.name) != now[file.name]]
    read = _ranges_read(folder) if suspects else {}
    for file in suspects:
        for ranges, sha256 in read.get(file.name, ()):
            if _digest(file, ranges) != sha256:
                from corpora.addresses import bare

                raise UsageError(
                    f"{bare(file.path)} was changed since {folder} was made from it: use --restart to read it again"
                )
    if before != now:
        seal.write_json(folder / INPUTS, now)


def _read(path: Path) -> dict[str, Any]:
    try:
        versions = seal.parsed(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}  # no versions: the bytes are compared
    return versions if isinstance(versions, dict) else {}


def _version(file: File) -> list[int | str] | None:
    """Return the version to keep; None if it can't prove that the file is unchanged."""
    if not file.version or len(file.version) == 1:
        return None
    times = [value for value in file.version[1:3] if isinstance(value, int)]
    return list(file.version) if all(value < time.time_ns() - _FRESH for value in times) else None


def _ranges_read(folder: Path) -> dict[str, list[tuple[list[list[int]], str]]]:
    """Return by file name the byte ranges that were read and their sha256, from all parts and for files set aside."""
    ranges: dict[str, list[tuple[list[list[int]], str]]] = {}
    for sidecar in _sidecars(folder):
        try:
            if sidecar.pop("digest") != seal.digest_of(sidecar):
                continue  # the part will be made again
            pieces = sidecar["summary"]["inputs"]
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for piece in pieces:
            ranges.setdefault(piece["name"], []).append((piece["ranges"], piece["sha256"]))
    try:
        aside = seal.read_manifest(folder).summary.get("set_aside", {})
    except seal.SealError:
        aside = {}
    for name, (size, sha256) in aside.items():
        ranges.setdefault(name, []).append(([[0, size]], sha256))
    return ranges


def _sidecars(folder: Path) -> Iterator[Any]:
    """Yield the values of all sidecars: those that are files, and those in leaves of the manifest."""
    for path in sorted(folder.glob("part-*.json")):
        with contextlib.suppress(OSError, ValueError):
            yield seal.parsed(path.read_bytes())
    yield from (value for _, value in seal.sidecars_in(folder))


def _digest(file: File, ranges: list[list[int]]) -> str:
    from corpora.reading import check_unchanged, open_raw, reads_digest

    with open_raw(replace(file, reads=None)) as raw:
        sha256 = reads_digest(raw, ranges)
    check_unchanged(file)
    return sha256


def size_and_sha256(file: File) -> tuple[int, str]:
    """Return the size and the sha256 of a file."""
    return file.size, _digest(file, [[0, file.size]])


def digests(pieces: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return by file name the sha256 of the piece that was read of it, or a digest of several pieces' hashes."""
    by_name: dict[str, list[str]] = {}
    for piece in pieces:
        by_name.setdefault(piece["name"], []).append(piece["sha256"])
    return {name: hashes[0] if len(hashes) == 1 else seal.digest_of(hashes) for name, hashes in by_name.items()}
