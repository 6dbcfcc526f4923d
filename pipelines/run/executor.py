"""Running the ranks of a stage on one machine, with datatrove's local executor.

datatrove runs a rank: the steps are piped one into the next, with a log and statistics for each rank. These parts of
it are replaced, for reasons observed with 0.10.1:

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
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from pipelines.errors import Failure, as_failure, failure
from pipelines.run.parts import Part, PartWriter
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


class LocalExecutor(LocalPipelineExecutor):  # type: ignore[misc]
    """Runs the given ranks, in this process if there is one worker or one rank, else in a pool."""

    def __init__(self, pipeline: list[PipelineStep], tasks: int, workers: int, logging_dir: Path) -> None:
        super().__init__(pipeline, tasks, workers, str(logging_dir), skip_completed=False)

    def mark_rank_as_completed(self, rank: int) -> None:
        """Do nothing: the sidecar that the rank wrote is the record."""

    def run_rank(self, rank: int) -> int:
        """Run one rank in this process. Raises RankError."""
        try:
            # datatrove writes each rank's log to stderr too; stderr is for messages to the user
            with contextlib.redirect_stderr(io.StringIO()):
                self._run_for_rank(rank)
        except BaseException as error:  # a panic in Rust code is not an Exception
            expected = as_failure(error)
            if expected is None and not isinstance(error, Exception):
                raise
            message = str(expected) if expected else f"{type(error).__name__}: {error}"
            exit_code = expected.exit_code if expected else None
            raise RankError(rank, message, exit_code, traceback.format_exc()) from None
        return rank

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
                    with _uninterrupted():
                        futures = [pool.submit(_run_rank, rank) for rank in ranks]
                    for future in as_completed(futures):
                        _report(future.result, done, failed)
                except KeyboardInterrupt:
                    for worker in multiprocessing.active_children():
                        worker.terminate()  # an unfinished part does not exist and is made again
                    raise
                except BaseException:
                    pool.shutdown(cancel_futures=True)  # parts in progress are finished and kept
                    raise
        except RankError as error:
            logs = Path(str(self.logging_dir.path)) / "logs"
            if error.exit_code is None:
                raise Failure(f"{error.message} (a bug, or a fault of this machine; the log is in {logs})") from error
            raise failure(error.message, error.exit_code) from error
        except (BrokenProcessPool, EOFError, ConnectionError):  # the last two: the fork server was killed
            raise Failure(
                "a worker process was killed, probably because memory ran out: run again with fewer --workers; "
                "finished parts are kept"
            ) from None


def forked() -> Any:
    """Return the context of worker processes, which are forked from a server process that has `pipelines.preload`."""
    context = multiprocessing.get_context("forkserver")
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
def _uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C while processes start: a process that is interrupted while it starts prints a traceback."""
    if threading.current_thread() is not threading.main_thread():  # signals arrive in the main thread only
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # processes that start now inherit it
    try:
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, lambda number, _: received.append(number))
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise KeyboardInterrupt


_executor: LocalExecutor


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


def _run_rank(rank: int) -> int:
    return _executor.run_rank(rank)
