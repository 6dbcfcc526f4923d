"""Opening many files at the same time: a remote file is opened after some round trips, during which others are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 16
"""Number of threads, and of files that are open at the same time."""


def in_parallel(action: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results of `action` on each item, in order. Raises the exception of the first item that has one."""
    if len(items) < 2:
        return [action(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(action, items))  # cancels the items that were not begun if one raises
