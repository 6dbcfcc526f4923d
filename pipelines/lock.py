"""One writer for a folder: a lock that the kernel drops when its holder dies, however it dies.

POSIX record locks (`lockf`), not `flock`: a forked child does not inherit them, so that no helper process can hold
a folder after the run that it served was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import Failure

STATE = ".arcorp"
"""Folder for what is no part of a result: the lock, what the folder is for, logs."""


@contextlib.contextmanager
def lock(folder: Path, *, note: bool = True) -> Iterator[None]:
    """Hold `folder` for writing, and `note` who does. Raises Failure if another process holds it."""
    path = folder / STATE / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.read(descriptor, 100).decode(errors="replace").strip()
            raise Failure(
                f"{folder} is being written by another arcorp ({holder or 'just starting'}): "
                "wait for it to end, or choose another --out"
            ) from None
        if note:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
