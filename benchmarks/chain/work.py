"""One chain in a process of its own, so that its memory and its processor time are its own.

`python -m benchmarks.chain.work WHOSE PATH INPUT TOKENIZER OUT [WORKERS]` prints JSON. A chain runs on a few documents
first, and workers are started: what is compiled or loaded once is apart from what is measured.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import start_workers


def measured(whose: str, path: str, folder: Path, tokenizer: Path, out: Path, workers: int = 1) -> dict[str, Any]:
    """Run a chain: tokens, seconds by the clock and of the processor, those of its steps, its peak memory in bytes."""
    shutil.rmtree(out, ignore_errors=True)
    words = [whose, path, str(folder), str(tokenizer), str(out), str(workers)]
    command = [sys.executable, "-m", "benchmarks.chain.work", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{whose} {path} failed: {done.stderr.strip().splitlines()[-1]}")
    shutil.rmtree(out)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    whose, path = sys.argv[1:3]
    folder, tokenizer, out = (Path(word) for word in sys.argv[3:6])
    workers = int(sys.argv[6])
    out.mkdir(parents=True)
    chain = _ours if whose == "ours" else _theirs
    chain(path, folder / "few", tokenizer, out / "warm", 1)
    start_workers(workers)
    began, before = time.perf_counter(), cpu()
    result = chain(path, folder / "many", tokenizer, out / "out", workers)
    result |= {"seconds": time.perf_counter() - began, "cpu_seconds": cpu() - before, "peak_bytes": peak()}
    print(json.dumps(result))


def _ours(path: str, folder: Path, tokenizer: Path, out: Path, workers: int) -> dict[str, Any]:
    from benchmarks.chain import ours

    steps = ours.Steps(tokenizer, workers, cpu)
    tokens = getattr(ours, path)(folder, out, steps)
    return {"tokens": tokens, "steps": steps.seconds}


def _theirs(path: str, folder: Path, tokenizer: Path, out: Path, workers: int) -> dict[str, Any]:
    from benchmarks.chain import theirs

    return {"tokens": getattr(theirs, path)(folder, out, tokenizer)}


def cpu() -> float:
    """Processor seconds of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak() -> int:
    """The most memory that this process held: ru_maxrss would begin with what the parent process has."""
    status = Path("/proc/self/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
