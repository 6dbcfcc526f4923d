"""Fault points: every write, fsync and rename of a result is counted, and a fault is injected at one of them.

    python -m tests.faults.points FOLDER STRIDE MODE:FIRST:STAGES...

builds the small demo in FOLDER once. Then, for each MODE, each of its STAGES (joined by commas), and each of the
points FIRST, FIRST + STRIDE, and so on: remove the folder of the stage, build with the fault at that point, build
again without a fault, and compare every byte with the first build. The output is a line of JSON per fault. All runs
are forked from this process, which has loaded and compiled everything, so that a fault takes a second.

MODE is the fault:

- `kill`: the process is killed before the operation.
- `full`: the operation fails with ENOSPC, as on a full disk (renames succeed there).
- `cut`: a power cut before the operation. Data that was not fsynced is lost: a file has the length of its last fsync.
- `cut-names`: as `cut`, and names that were not fsynced are lost too: a rename is undone if its folder was not fsynced
  after it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builds import build, tree

from sharding import seal

STAGES = {
    "raw": "raw",
    "ingest": "documents",
    "dedup": "unique",
    "tokenizer": "tokenizer",
    "tokenize": "tokens",
    "pack": "dataset",
    "verify": "verified",
}
"""Each stage's folder in a build."""


class Points:
    """Counts the durable operations under `folder`, and injects the fault at number `target` (None: at none)."""

    def __init__(self, folder: Path, mode: str, target: int | None) -> None:
        self.folder, self.mode, self.target = folder.resolve(), mode, target
        self.count = 0
        self.durable: dict[int, int] = {}
        """Inode -> length at its last fsync."""
        self.renamed: list[tuple[Path, Path]] = []
        """(from, to) of renames after which the folder was not fsynced."""
        before = {path.stat().st_ino: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
        self.durable.update(before)

    def install(self) -> None:
        fsync, replace, rename, write = os.fsync, os.replace, os.rename, seal.HashingFile.write
        self._rename = rename

        def noted_fsync(descriptor: int) -> None:
            self._reach("fsync")
            fsync(descriptor)
            stat = os.fstat(descriptor)
            self.durable[stat.st_ino] = stat.st_size
            synced = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.renamed = [(old, new) for old, new in self.renamed if new.parent != synced]

        def noted(move: Callable[..., None]) -> Callable[..., None]:
            def moving(old: Any, new: Any, **more: Any) -> None:
                self._reach("rename")
                move(old, new, **more)
                self.renamed.append((Path(old).absolute(), Path(new).absolute()))

            return moving

        def noted_write(file: seal.HashingFile, data: Any) -> int:
            self._reach("write")
            return write(file, data)

        os.fsync, os.replace, os.rename = noted_fsync, noted(replace), noted(rename)
        seal.HashingFile.write = noted_write  # type: ignore[method-assign]

    def _reach(self, operation: str) -> None:
        self.count += 1
        if self.count != self.target:
            return
        if self.mode == "full" and operation != "rename":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.mode == "cut-names":
            for old, new in reversed(self.renamed):
                if new.exists() and not old.exists():
                    self._rename(new, old)
        if self.mode.startswith("cut"):
            for path in self.folder.rglob("*"):
                if path.is_file():
                    kept = self.durable.get(path.stat().st_ino, 0)
                    if path.stat().st_size > kept:
                        os.truncate(path, kept)
        if self.mode != "full":
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], int]) -> tuple[int, str]:
    """Run `work` in a fork of this process. Returns its exit code (-9: killed) and its stderr."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 70
        try:
            code = work()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as pipe:
        output = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def run(out: Path, mode: str, target: int | None, counted: Path | None = None) -> tuple[int, str]:
    """Build with a fault at point `target`. The number of points is written to `counted`."""

    def work() -> int:
        points = Points(out, mode, target)
        points.install()
        code = build(out, "--workers", "1")
        if counted:
            counted.write_text(str(points.count))
        return code

    return forked(work)


def wrong_data(out: Path, right: dict[str, str]) -> list[str]:
    """Return the files that a seal or a sidecar lists and whose bytes differ from `right`."""
    there = tree(out)
    wrong = []
    for name in there:
        if Path(name).name.startswith(seal.TEMPORARY) or not name.endswith(".json"):
            continue
        try:
            files = json.loads((out / name).read_bytes()).get("files", {})
        except (ValueError, AttributeError):
            wrong.append(name)  # a record is whole, or it is not there
            continue
        for file in files:
            paths = [(above / file).as_posix() for above in Path(name).parents]
            path = next(path for path in paths if path in right)
            if there.get(path) != right[path]:
                wrong.append(path)
    return wrong


def sweep(folder: Path, stride: int, modes: dict[str, tuple[int, list[str]]]) -> None:
    """Print a report of each fault. `modes`: mode -> the first point of each stage, and the stages."""
    undisturbed = folder / "undisturbed"
    if build(undisturbed, "--workers", "1"):
        raise SystemExit("the undisturbed build failed")
    right = tree(undisturbed)
    for stage, name in STAGES.items():
        out, counted = folder / stage, folder / "points"
        shutil.copytree(undisturbed, out)
        run(out, "kill", None)  # which hashes the copies and notes it: the runs below have fewer points
        for _ in range(2):  # and fewer again once the other folders have noted the files that were made anew
            shutil.rmtree(out / name)
            run(out, "kill", None, counted)
        total = int(counted.read_text())
        for mode, (first, stages) in modes.items():
            for point in range(first, total + 1, stride) if stage in stages else ():
                shutil.rmtree(out / name)
                code, output = run(out, mode, point)
                wrong = wrong_data(out, right)
                again, complaint = run(out, mode, None)
                report = {
                    "mode": mode,
                    "stage": stage,
                    "point": point,
                    "of": total,
                    "code": code,
                    "message": output.splitlines()[-1:],
                    "wrong": wrong,
                    "again": again,
                    "complaint": complaint if again else "",
                    "identical": tree(out) == right,
                }
                print(json.dumps(report), flush=True)  # noqa: T201
        shutil.rmtree(out)


if __name__ == "__main__":
    words = (word.split(":") for word in sys.argv[3:])
    chosen = {mode: (int(first), stages.split(",")) for mode, first, stages in words}
    sweep(Path(sys.argv[1]), int(sys.argv[2]), chosen)
