"""Fault points: every write, fsync and rename that makes a result durable, counted, and what befalls the n-th.

    python -m tests.faults.points FOLDER MODE FIRST STRIDE STAGE...

builds the small demo in FOLDER once; then, for each STAGE and each of its points FIRST, FIRST + STRIDE, ..., takes
that stage's folder away, builds again with the fault at that point, builds once more without, and compares every byte
with the first build's. A line of JSON per fault. All runs are forked from this one process, which has loaded and
compiled everything: a fault costs a second, not a start of Python.

MODE is what happens at the point:

- `kill`: the process is killed before the operation.
- `full`: the operation fails with ENOSPC, as it does on a full disk (renames succeed there).
- `cut`: the power goes before the operation. What was written and not fsynced is gone: files keep only the length
  they had at their last fsync.
- `cut-names`: as `cut`; and names, too, are those that the folder had when it was last fsynced: a rename after which
  its folder was not fsynced is undone.
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
    """Counts the durable operations under `folder`, and strikes at number `at` (none, if None)."""

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
    """Run `work` in a fork of this process. Returns its exit code (-9: killed) and what it wrote to stderr."""
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
    """Build with a fault at point `at`; the number of points is left in `told`."""

    def work() -> int:
        points = Points(out, mode, target)
        points.install()
        code = build(out, "--workers", "1")
        if counted:
            counted.write_text(str(points.count))
        return code

    return forked(work)


def wrong_data(out: Path, right: dict[str, str]) -> list[str]:
    """Files that a seal or a commit record vouches for, and that are not as they should be."""
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


def sweep(folder: Path, mode: str, first: int, stride: int, stages: list[str]) -> None:
    undisturbed = folder / "undisturbed"
    if build(undisturbed, "--workers", "1"):
        raise SystemExit("the undisturbed build failed")
    right = tree(undisturbed)
    for stage in stages:
        out, counted = folder / stage, folder / "points"
        shutil.copytree(undisturbed, out)
        shutil.rmtree(out / STAGES[stage])
        run(out, mode, None, counted)
        in_all = int(counted.read_text())
        for point in range(first, in_all + 1, stride):
            shutil.rmtree(out / STAGES[stage])
            code, output = run(out, mode, point)
            wrong = wrong_data(out, right)
            again, complaint = run(out, mode, None)
            report = {
                "stage": stage,
                "point": point,
                "of": in_all,
                "code": code,
                "said": output.splitlines()[-1:],
                "wrong": wrong,
                "again": again,
                "complaint": complaint if again else "",
                "identical": tree(out) == right,
            }
            print(json.dumps(report), flush=True)  # noqa: T201
        shutil.rmtree(out)


if __name__ == "__main__":
    sweep(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:] or list(STAGES))
