"""Checks of names and numbers that are read from a file on disk: anyone may have written it.

A digest proves that a manifest, sidecar, plan, schedule or checkpoint is as it was written. It does not prove that it
was written by arcorp. Each name is checked once, where it is read, before it is joined to a folder; each number before
it sizes an array or indexes one. All functions raise ValueError. Standard library only: the trainer uses this too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST = 2**53
"""Largest count: it is exact in JSON of any reader, and sums of many still fit an int64."""
LONGEST_NAME = 1024


def file_name(value: Any) -> str:
    """A relative, normal path below a folder: `shards/train-00000-of-00001.bin`.

    Raises ValueError for what is absolute, has an empty, `.` or `..` component, a backslash, or a character that is
    not printable (NUL, line ends, ESC, bidirectional controls, lone surrogates).
    """
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        raise ValueError(f"{value!r:.80} is not the name of a file")
    if "\\" in value or not value.isprintable() or any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError(f"{value!r} is not a relative path below the folder")
    return value


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Raise ValueError if a folder on the way from `folder` to one of `names` is a symbolic link.

    A file itself may be a link to its bytes (the cache of the Hugging Face Hub stores files so): files are read
    against their hash, and written by a rename that replaces the link.
    """
    seen: set[str] = set()
    for name in names:
        above = name.rpartition("/")[0]
        while above and above not in seen:
            seen.add(above)
            if (folder / above).is_symlink():
                raise ValueError(f"{above} is a symbolic link: folders of {folder} must lie in it")
            above = above.rpartition("/")[0]


def count(value: Any, what: str, *, least: int = 0, most: int = MOST) -> int:
    """A whole number from `least` to `most`; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{what} is {value!r:.40}, not a whole number from {least} to {most}")
    return value


def text(value: Any, what: str) -> str:
    """A string that UTF-8 can hold."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r:.40}, not a string")
    value.encode()
    return value


def sha256(value: Any, what: str) -> str:
    """64 lower-case hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{what} is {value!r:.80}, not a sha256")
    return value


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {value!r:.40}, not an object")
    return value
