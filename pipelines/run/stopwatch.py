"""Wall time and processor time of a piece of work on this machine: of this process, its children and its workers.

The system adds the time of a child to ours when we wait for it. Workers are children of the server that forks them
(`pipelines.run.executor`), so each one reports its own time with every part that it makes. The server itself is not
counted: it loads modules once for all stages of a command.
"""

from __future__ import annotations

import os
import time

_of_workers = 0.0


def add_worker_seconds(seconds: float) -> None:
    """Count processor seconds that a worker has reported."""
    global _of_workers
    _of_workers += seconds


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + _of_workers


class Stopwatch:
    """Measures from its creation on."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), _processor_seconds()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def processor_seconds(self) -> float:
        return _processor_seconds() - self._before

    def shown(self, *, local: bool = True) -> str:
        """Return both times as text; the wall time alone if the work was not done on this machine."""
        wall = f"{self.seconds:.1f} s"
        return f"{wall}, processor {self.processor_seconds:.1f} s" if local else wall
