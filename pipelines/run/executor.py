"""Running the ranks of a stage on one machine.

The steps of a rank are datatrove's, piped one into the next. Its local executor is replaced, for reasons observed with
0.10.1:

- it leaves a log and a file of statistics for each rank, 300,000 files of 150,000 parts; here a run has one log, with
  the tracebacks of the ranks that failed;
- its completion markers remain when outputs are deleted or truncated; here the caller lists the missing ranks, and
  the sidecars that they write are the only record of completion;
- its pool waits for ever for a worker that the system killed; `concurrent.futures` raises;
- its workers survive a killed run; here each worker watches its parent and exits with it.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from datatrove.pipeline.base import PipelineStep

from pipelines.errors import Failure, as_failure, failure
from pipelines.run.parts import Part, PartWriter
from pipelines.run.stopwatch import add_worker_seconds
from sharding import seal

SINGLE_THREADED = {
    "RAYON_NUM_THREADS": "1",
    "FASTOKENS_BPE_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""Environment of a worker process. There is one process per core: threads of libraries would compete for the cores."""


class CommitPart(PipelineStep):  # type: ignore[misc]
    """The last step of every rank: makes the rank's part from the documents that it receives, and commits it."""

    type = "arcorp"
    name = "commit part"

    def __init__(self, folder: Path, parts: Sequence[Part], keys: Sequence[str], write: Any) -> None:
        super().__init__()
        self.folder, self.parts, self.keys, self.write = folder, parts, keys, write

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        part = self.parts[rank]
        writer = PartWriter(self.folder, part, self.keys[rank])
        with seal.naming(self.folder / part.name):  # the file named in errors that name none
            self.write(data, part, writer)
            writer.commit()
        return ()


class RankError(Exception):
    """A rank's failure as strings and numbers, so that it can be pickled. `details` is the traceback."""

    def __init__(self, rank: int, message: str, exit_code: int | None, details: str) -> None:
        super().__init__(rank, message, exit_code, details)
        self.rank, self.message, self.exit_code, self.details = rank, message, exit_code, details


class LocalExecutor:
    """Runs the given ranks of a pipeline, in this process if there is one worker or one rank, else in a pool.

    tasks: number of all ranks. log: file for the tracebacks of failed ranks; None for the standard output, which a job
    of a cluster has as its log.
    """

    def __init__(self, pipeline: list[PipelineStep], tasks: int, workers: int, log: Path | None) -> None:
        self.pipeline, self.tasks, self.workers, self.log = pipeline, tasks, workers, log

    def run_rank(self, rank: int) -> int:
        """Run one rank in this process. Raises RankError."""
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # stderr is for messages to the user
                documents: Any = None
                for step in self.pipeline:
                    documents = step(documents, rank, self.tasks)
                deque(documents or (), maxlen=0)
        except BaseException as error:  # a panic in Rust code is not an Exception
            expected = as_failure(error)
            if expected is None and not isinstance(error, Exception):
                raise
            message = str(expected) if expected else f"{type(error).__name__}: {error}"
            exit_code = expected.exit_code if expected else None
            details = traceback.format_exc()
            self._note(f"rank {rank} of {self.tasks} failed\n{details}")
            raise RankError(rank, message, exit_code, details) from None
        return rank

    def _note(self, text: str) -> None:
        """Append a text to the log, by one write: workers append to the same file."""
        if self.log is None:
            print(text, flush=True)  # noqa: T201
            return
        with contextlib.suppress(OSError):  # a full disk: the error of the rank is reported
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab", buffering=0) as file:
                file.write(f"{text}\n".encode(errors="backslashreplace"))

    def run_ranks(
        self, ranks: Sequence[int], done: Callable[[int], None], failed: Callable[[RankError], None] | None = None
    ) -> None:
        """Run `ranks`. `done` is called with each rank that ends, `failed` with each failure; other ranks continue.

        Without `failed` the first failure ends the run. Raises Failure with its message.
        """
        workers = min(self.workers, len(ranks))
        try:
            if workers == 1:
                for rank in ranks:
                    _report(partial(self.run_rank, rank), done, failed)
                return
            context = forked()
            with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(self,)) as pool:
                try:
                    with uninterrupted():
                        futures = [pool.submit(_run_rank, rank) for rank in ranks]
                    for future in as_completed(futures):
                        _report(partial(_counted, future), done, failed)
                except KeyboardInterrupt:
                    for worker in multiprocessing.active_children():
                        worker.terminate()  # an unfinished part does not exist and is made again
                    raise
                except BaseException:
                    pool.shutdown(cancel_futures=True)  # parts in progress are finished and kept
                    raise
        except RankError as error:
            if error.exit_code is None:
                where = self.log or "the output of this job"
                raise Failure(
                    f"{error.message} (a bug, or a fault of this machine; its traceback is in {where})"
                ) from error
            raise failure(error.message, error.exit_code) from error
        except (BrokenProcessPool, EOFError, ConnectionError):  # the last two: the fork server was killed
            raise Failure(
                "a worker process was killed, probably because memory ran out: run again with fewer --workers; "
                "finished parts are kept"
            ) from None


class _Worker(ForkServerProcess):
    """A process that does not import the main module, which may be a user's script that starts a build."""

    def start(self) -> None:
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Workers(ForkServerContext):
    Process = _Worker


def forked() -> Any:
    """Return the context of worker processes, which are forked from a server process that has `pipelines.preload`."""
    context = _Workers()
    context.set_forkserver_preload(["pipelines.preload"])
    return context


def _report(
    result: Callable[[], int], done: Callable[[int], None], failed: Callable[[RankError], None] | None
) -> None:
    """Call the callback for the result of one rank. Raises RankError if it failed and no callback was given."""
    try:
        done(result())
    except RankError as error:
        if failed is None:
            raise
        failed(error)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C while processes start: a process that is interrupted while it starts prints a traceback."""
    if threading.current_thread() is not threading.main_thread():  # signals arrive in the main thread only
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        resource_tracker.ensure_running()  # starting it would unblock the signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server and its workers inherit it
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise KeyboardInterrupt


def _counted(future: Future[tuple[int, float]]) -> int:
    """Return the rank that a worker has run, and count the worker's processor time. Raises RankError."""
    rank, seconds = future.result()
    add_worker_seconds(seconds)
    return rank


_executor: LocalExecutor
_reported = 0.0
"""Processor seconds of this worker that it has reported."""


def _start_worker(executor: LocalExecutor) -> None:
    """Prepare a worker process: the parent handles Ctrl-C, and the worker exits when the parent does."""
    global _executor
    _executor = executor
    for name, value in SINGLE_THREADED.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        if not parent.is_alive():  # killed while this worker started: its files would survive the next clean-up
            os._exit(1)
        threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()


def _exit_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _run_rank(rank: int) -> tuple[int, float]:
    """Run a rank in a worker. Returns it, with the processor seconds of this worker since it reported last."""
    global _reported
    _executor.run_rank(rank)
    before, _reported = _reported, time.process_time()
    return rank, _reported - before
