"""Running the ranks of a stage on one machine: datatrove's local executor, with seals as its memory.

What is taken from datatrove is how a rank is run: steps piped one into the next, a log and statistics for each
rank. What is replaced, and why (all seen with 0.10.1):

- its completion markers outlive deleted or truncated outputs; here the missing ranks are given, and the sidecars
  that they write are the only memory;
- its pool goes on waiting for a worker that the system killed; `concurrent.futures` notices;
- its workers live on when the run is killed; here each watches its parent and leaves with it.
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
"""One process per core, one thread each: libraries that start a thread per core would fight over them."""


class CommitPart(PipelineStep):  # type: ignore[misc]
    """The last step of every rank: makes the rank's part of the documents that flow in, and commits it."""

    type = "arcorp"
    name = "commit part"

    def __init__(self, folder: Path, parts: Sequence[Part], keys: Sequence[str], write: Any) -> None:
        super().__init__()
        self.folder, self.parts, self.keys, self.write = folder, parts, keys, write

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        part = self.parts[rank]
        writer = PartWriter(self.folder, part, self.keys[rank])
        with seal.naming(self.folder / part.name):  # where nothing closer to the fault has named a file
            self.write(data, part, writer)
            writer.commit()
        return ()


class RankError(Exception):
    """A rank's failure in a form that crosses processes: plain strings and numbers, with the traceback as text."""

    def __init__(self, rank: int, message: str, exit_code: int | None, details: str) -> None:
        super().__init__(rank, message, exit_code, details)
        self.rank, self.message, self.exit_code, self.details = rank, message, exit_code, details


class LocalExecutor(LocalPipelineExecutor):  # type: ignore[misc]
    """Runs the ranks it is told to, in this process if there is one worker or one rank, else in a pool."""

    def __init__(self, pipeline: list[PipelineStep], tasks: int, workers: int, logging_dir: Path) -> None:
        super().__init__(pipeline, tasks, workers, str(logging_dir), skip_completed=False)

    def mark_rank_as_completed(self, rank: int) -> None:
        """Nothing: the sidecar that the rank wrote is the record."""

    def one(self, rank: int) -> int:
        """Run one rank here. Raises RankError."""
        try:
            # datatrove sends each rank's log to stderr as well as to its file; a user's stderr is for sentences
            with contextlib.redirect_stderr(io.StringIO()):
                self._run_for_rank(rank)
        except BaseException as error:  # a panic of Rust code is no Exception
            known = as_failure(error)
            if known is None and not isinstance(error, Exception):
                raise
            message = str(known) if known else f"{type(error).__name__}: {error}"
            raise RankError(rank, message, known.exit_code if known else None, traceback.format_exc()) from None
        return rank

    def run_ranks(
        self, ranks: Sequence[int], done: Callable[[int], None], failed: Callable[[RankError], None] | None = None
    ) -> None:
        """Run `ranks`; `done` is told of each as it ends, and `failed` of each that fails while the rest go on.

        Without `failed` the first one that fails ends the run: raises Failure with its sentence.
        """
        workers = min(self.workers, len(ranks))
        try:
            if workers == 1:
                for rank in ranks:
                    _tell(partial(self.one, rank), done, failed)
                return
            context = forked()
            with ProcessPoolExecutor(workers, context, initializer=_enlist, initargs=(self,)) as pool:
                try:
                    with _uninterrupted():
                        futures = [pool.submit(_run_rank, rank) for rank in ranks]
                    for future in as_completed(futures):
                        _tell(future.result, done, failed)
                except KeyboardInterrupt:
                    for worker in multiprocessing.active_children():
                        worker.terminate()  # its part is made again: whole, or not at all
                    raise
                except BaseException:
                    pool.shutdown(cancel_futures=True)  # parts that are under way are finished, and kept
                    raise
        except RankError as error:
            logs = Path(str(self.logging_dir.path)) / "logs"
            if error.exit_code is None:
                raise Failure(f"{error.message} (a bug, or a fault of this machine; the log is in {logs})") from error
            raise failure(error.message, error.exit_code) from error
        except (BrokenProcessPool, EOFError, ConnectionError):  # the last two: the process that forks was killed
            raise Failure(
                "a worker process was killed, most likely for want of memory: run again with fewer --workers; "
                "finished parts are kept"
            ) from None


def forked() -> Any:
    """The context of worker processes: forked from one that has `pipelines.preload`, and starts with the first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipelines.preload"])
    return context


def _tell(result: Callable[[], int], done: Callable[[int], None], failed: Callable[[RankError], None] | None) -> None:
    """Pass on what became of one rank. Raises RankError if nobody wants to be told of it."""
    try:
        done(result())
    except RankError as error:
        if failed is None:
            raise
        failed(error)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back while processes start: one that is left halfway says so with a traceback of its own."""
    if threading.current_thread() is not threading.main_thread():  # no signal comes here
        yield
        return
    came: list[int] = []
    mine = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what starts now inherits it
    try:
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
        yield
    finally:
        signal.signal(signal.SIGINT, mine)
    if came:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise KeyboardInterrupt


_executor: LocalExecutor


def _enlist(executor: LocalExecutor) -> None:
    """Prepare a worker process: leave Ctrl-C to the parent, and leave with the parent."""
    global _executor
    _executor = executor
    for name, value in SINGLE_THREADED.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        if not parent.is_alive():  # killed while we were started: what we began now would outlive the next run's broom
            os._exit(1)
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _run_rank(rank: int) -> int:
    return _executor.one(rank)
