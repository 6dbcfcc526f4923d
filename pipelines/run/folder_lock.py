"""One writer for a folder: a lock that the kernel drops when its holder dies, however it dies.

POSIX record locks (`lockf`), not `flock`: a forked child does not inherit them, so that no helper process can hold
a folder after the run that it served was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import Failure

STATE = ".arcorp"
"""Folder for what is no part of a result: the lock, what the folder is for, logs."""


@contextlib.contextmanager
def lock(folder: Path, *, patience: float = 0) -> Iterator[None]:
    """Hold `folder` for writing, and note who does.

    Raises Failure if another process holds it, and goes on to for `patience` seconds.
    """
    path = folder / STATE / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    until = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same(descriptor, path):
                    break
                os.close(descriptor)  # another process removed the folder while this one waited for its lock
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
            except (BlockingIOError, PermissionError):
                if time.monotonic() < until:
                    time.sleep(0.1)
                    continue
                holder = os.read(descriptor, 100).decode(errors="replace").strip()
                raise Failure(
                    f"{folder} is being written by another arcorp ({holder or 'just starting'}): "
                    "wait for it to end, or choose another --out"
                ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_held(folder: Path) -> bool:
    """Whether another process is writing here: asked of the kernel, so that a folder that can only be read will do."""
    try:
        descriptor = os.open(folder / STATE / "lock", os.O_RDONLY)
    except OSError:
        return False
    mac = sys.platform == "darwin"
    layout = "qqihh" if mac else "hhqqi4x"  # struct flock
    asked = (0, 0, 0, fcntl.F_WRLCK, 0) if mac else (fcntl.F_WRLCK, 0, 0, 0, 0)
    try:
        told = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(layout, *asked)))
        return bool(told[3 if mac else 0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(descriptor)
