"""Measurement of a module in a process of its own, and the helpers that such a module uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"RAYON_NUM_THREADS": "1", "FASTOKENS_BPE_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(module: str, *arguments: str, python: str | Path = sys.executable, cores: int = 1) -> dict[str, Any]:
    """Run a module (or a script, for another Python) and return the JSON of the last line of its output.

    `cores`: number of processors that the process may use. Raises RuntimeError if it fails.
    """
    command = [str(python), *(["-m", module] if not module.endswith(".py") else [module]), *arguments]
    processors = set(sorted(os.sched_getaffinity(0))[:cores])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(ONE_THREAD if cores == 1 else {})},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-600:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


class Timer:
    """Wall and processor seconds of a block. Processor seconds depend little on the load of the machine."""

    def __enter__(self) -> Timer:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def seconds(self) -> dict[str, float]:
        return {"wall_seconds": self.wall, "cpu_seconds": self.cpu}


def peak_bytes() -> int:
    """Return the peak memory of this process (ru_maxrss would start with that of its parent)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
