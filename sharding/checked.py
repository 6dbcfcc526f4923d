"""Checks of untrusted names and numbers that are read from files on disk.

A digest proves that a manifest, sidecar, plan, schedule or checkpoint is unchanged. It does not prove that arcorp
wrote it. Each name is checked where it is read, before it is joined to a folder; each number is checked before it
sizes or indexes an array. All functions return the value, and raise ValueError if it is invalid. Standard library
only: the trainer uses this module too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST = 2**53
"""Largest count: every JSON reader represents it exactly, and a sum of many still fits an int64."""
LONGEST_NAME = 1024
"""Longest file name, in characters."""


def file_name(value: Any) -> str:
    """Return a relative, normalized path below a folder: `shards/train-00000-of-00001.bin`.

    Raises ValueError for an absolute path, an empty, `.` or `..` component, a backslash, a character that is not
    printable (NUL, line ends, ESC, bidirectional controls, lone surrogates), and a name above `LONGEST_NAME`.
    """
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        raise ValueError(f"{value!r:.80} is not the name of a file")
    if "\\" in value or not value.isprintable() or any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError(f"{value!r} is not a relative path below the folder")
    return value


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Raise ValueError if a folder between `folder` and one of `names` is a symbolic link.

    The file itself may be a link (the cache of the Hugging Face Hub stores files this way): a file is checked against
    its hash when it is read, and written by a rename that replaces the link.
    """
    seen: set[str] = set()
    for name in names:
        parent = name.rpartition("/")[0]
        while parent and parent not in seen:
            seen.add(parent)
            if (folder / parent).is_symlink():
                raise ValueError(f"{parent} is a symbolic link: {folder} must contain real folders only")
            parent = parent.rpartition("/")[0]


def count(value: Any, what: str, *, least: int = 0, most: int = MOST) -> int:
    """Return an integer between `least` and `most`, both included, and no bool. `what` names it in the error."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{what} is {value!r:.40}, not a whole number from {least} to {most}")
    return value


def text(value: Any, what: str) -> str:
    """Return a string that can be encoded as UTF-8."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r:.40}, not a string")
    value.encode()
    return value


def sha256(value: Any, what: str) -> str:
    """Return a string of 64 lower-case hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{what} is {value!r:.80}, not a sha256")
    return value


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {value!r:.40}, not an object")
    return value
