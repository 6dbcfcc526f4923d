"""The lock of a folder: one writer at a time. The kernel releases it when the process ends for any reason.

POSIX record locks (`lockf`) are used, not `flock`: a forked child does not inherit them. So no helper process can keep
a folder locked after its run was killed.
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
from pipelines.run.state_files import LOCK


@contextlib.contextmanager
def lock(folder: Path, *, patience: float = 0) -> Iterator[None]:
    """Hold the write lock of `folder`, and write this process's id and host into the lock file.

    patience: seconds to wait for another holder. Raises Failure if another process holds the lock after that time.
    """
    path = folder / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    deadline = time.monotonic() + patience
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
                if time.monotonic() < deadline:
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
    """Return whether an open file is still the file at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_held(folder: Path) -> bool:
    """Return whether another process holds the lock of a folder. The folder may be read-only."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    mac = sys.platform == "darwin"
    form = "qqihh" if mac else "hhqqi4x"  # struct flock
    query = (0, 0, 0, fcntl.F_WRLCK, 0) if mac else (fcntl.F_WRLCK, 0, 0, 0, 0)
    try:
        answer = struct.unpack(form, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(form, *query)))
        return bool(answer[3 if mac else 0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(descriptor)
