"""Foreign input files between runs: a file that is not the one that parts were made of is named, and never mixed in.

`.arcorp/inputs.json` holds the version of each file when it was read last: size, times and inode, or what a server
gives. It is of this machine and is not sealed. Where a version differs the bytes decide: each part's sidecar holds the
ranges that it read and their sha256, which are taken again. So a file that was only touched, moved or copied back is
accepted once, and one that was rewritten is refused, with size and time restored or not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError
from pipelines.run import STATE
from sharding import seal

if TYPE_CHECKING:
    from corpora.reading import File

INPUTS = f"{STATE}/inputs.json"

_FRESH = 100_000_000
"""Nanoseconds: a file that was written so shortly before may be written again within one tick of the file system's
clock, with no change in its times. Its version is not kept, so that its bytes are compared on the next run."""


def refuse_changed(folder: Path, files: Sequence[File]) -> None:
    """Compare the files with what the parts in `folder` were made of, and note their versions.

    Call it under the folder's lock, before parts are made. Raises UsageError for a file with other bytes, and what
    reading files raises.
    """
    before = _read(folder / INPUTS)
    now = {file.name: _version(file) for file in files}
    suspects = [file for file in files if now[file.name] is None or before.get(file.name) != now[file.name]]
    made = _made_of(folder) if suspects else {}
    for file in suspects:
        for ranges, sha256 in made.get(file.name, ()):
            if _digest(file, ranges) != sha256:
                from corpora.addresses import bare

                raise UsageError(
                    f"{bare(file.path)} was changed since {folder} was made of it: --restart to read it again"
                )
    if before != now:
        seal.write_json(folder / INPUTS, now)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = seal.parsed(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}  # unknown: the bytes decide
    return found if isinstance(found, dict) else {}


def _version(file: File) -> list[int | str] | None:
    """The version to keep; None if it says too little."""
    if not file.version or len(file.version) == 1:
        return None
    times = [one for one in file.version[1:3] if isinstance(one, int)]
    return list(file.version) if all(one < time.time_ns() - _FRESH for one in times) else None


def _made_of(folder: Path) -> dict[str, list[tuple[list[list[int]], str]]]:
    """Ranges and sha256 of what was read of each file, by name: of the parts, and of files that were set aside."""
    found: dict[str, list[tuple[list[list[int]], str]]] = {}
    for path in sorted(folder.glob("part-*.json")):
        try:
            sidecar = json.loads(path.read_bytes())
            if sidecar.pop("digest") != seal.digest_of(sidecar):
                continue  # the part will be made again
            pieces = sidecar["summary"]["inputs"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        for piece in pieces:
            found.setdefault(piece["name"], []).append((piece["ranges"], piece["sha256"]))
    try:
        aside = seal.read_manifest(folder).summary.get("set_aside", {})
    except seal.SealError:
        aside = {}
    for name, (size, sha256) in aside.items():
        found.setdefault(name, []).append(([[0, size]], sha256))
    return found


def _digest(file: File, ranges: list[list[int]]) -> str:
    from corpora.reading import check_unchanged, open_raw, reads_digest

    with open_raw(replace(file, reads=None)) as raw:
        sha256 = reads_digest(raw, ranges)
    check_unchanged(file)
    return sha256


def whole(file: File) -> tuple[int, str]:
    """Size and sha256 of a file."""
    return file.size, _digest(file, [[0, file.size]])


def digests(pieces: Sequence[dict[str, Any]]) -> dict[str, str]:
    """One sha256 for each file of what was read of it: of its bytes if it was read at once, else of its pieces'."""
    by_name: dict[str, list[str]] = {}
    for piece in pieces:
        by_name.setdefault(piece["name"], []).append(piece["sha256"])
    return {name: found[0] if len(found) == 1 else seal.digest_of(found) for name, found in by_name.items()}
