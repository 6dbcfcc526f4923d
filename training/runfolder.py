"""The folder of a run: its lock, its configuration and its measurements.

    config.json       the complete configuration, the shape of the model, and its cost
    metrics.jsonl     by step: a function of dataset and configuration; a resumed run writes the same bytes
    timings.jsonl     by step: times of this machine, different in every run
    checkpoints/      see training/checkpoint.py, which also decides if a run may resume here
    samples.json      text generated at the end
    tracker.id        the name of this run in an experiment tracker; see training/tracking.py

A resumed run truncates metrics.jsonl to the step of its checkpoint and appends to it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from sharding.seal import atomic_file, is_temporary, parsed, remove_temporaries, write_json
from training import checkpoint, tracking
from training.errors import ConfigError, TrainError, say

FILES = ("config.json", "metrics.jsonl", "timings.jsonl", "samples.json", tracking.ID)


class RunFolder:
    """A run folder that only this process writes to. Exists on rank 0 only. A context manager."""

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        """Lock the folder. With `restart`, the files of an earlier run are removed, and no others.

        Raises TrainError if another run writes there, ConfigError for a folder that can't be written or that holds
        files of other programs.
        """
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples.json"
        self._metrics: TextIO | None = None
        self.track: tracking.Log = lambda line: None
        self.failure: TrainError | None = None  # of a write; the loop passes it to the other ranks
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(path)
            self._lock = (path / ".lock").open("a")
        except OSError as error:
            raise ConfigError(f"{path} can't be written: {error.strerror}; choose another --out") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise TrainError(f"another run is writing to {path}: wait for it, or choose another --out") from None
        remove_temporaries(path)
        if restart:
            for _, saved in checkpoint.find(self.checkpoints):
                if not checkpoint.remove(saved):
                    say(f"{saved}: files that are not a checkpoint's remain")
            for name in reversed(FILES):  # config.json last: it identifies the folder as a run
                (path / name).unlink(missing_ok=True)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._metrics, self._lock):
            if file is not None:
                with suppress(OSError):  # a failed write fails again on close
                    file.close()

    def begin(self, config: Mapping[str, Any], step: int) -> list[dict[str, Any]]:
        """Write the configuration, truncate metrics.jsonl to `step` and open it for appending. Returns its lines."""
        write_json(self.path / "config.json", config)
        path, kept = self.path / "metrics.jsonl", []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
            try:
                value = json.loads(line)
                if value["step"] > step:
                    break
            except (ValueError, KeyError, TypeError):
                break  # an incomplete line: all later lines are newer than the checkpoint
            kept.append(value)
        with atomic_file(path) as file:
            file.write("".join(_line(value) for value in kept).encode())
        self._metrics = path.open("a", buffering=1, encoding="utf-8")  # flushed by line
        return kept

    def metric(self, value: Mapping[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        assert self._metrics is not None
        with self._kept_failure():
            self._metrics.write(_line(value))
        self.track(value)

    def timing(self, value: Mapping[str, Any]) -> None:
        """Append a line to timings.jsonl."""
        with self._kept_failure(), (self.path / "timings.jsonl").open("a", encoding="utf-8") as file:
            file.write(_line(value))

    def sync(self) -> None:
        """Sync the metrics to disk, before the checkpoint that covers them. Raises the failure of an earlier write."""
        assert self._metrics is not None
        with self._kept_failure():
            self._metrics.flush()
            os.fsync(self._metrics.fileno())
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def _kept_failure(self) -> Iterator[None]:
        """Keep the error of a failed write in `failure`. The loop raises it, in an exchange, so that no rank waits."""
        try:
            yield
        except OSError as error:
            self.failure = TrainError(
                f"{self.path} can't be written ({error.strerror}): free space and resume; the last one is intact"
            )


def _refuse_foreign(path: Path) -> None:
    """Raise ConfigError for a folder that is not empty and not a run's, and for links in a run's."""
    names = [file.name for file in sorted(path.iterdir()) if file.name != ".lock" and not is_temporary(file.name)]
    if names and not _is_run(path):
        raise ConfigError(f"{path} holds files that no training wrote ({names[0]}): choose another --out")
    for entry in [path / name for name in (*FILES, ".lock", "checkpoints")]:
        if entry.is_symlink():
            raise ConfigError(f"{entry} is a symbolic link, and nothing is written through links: remove it")


def _is_run(path: Path) -> bool:
    """Return True if the configuration, a checkpoint or the build record in a folder identifies it as a run."""
    config, record = (_json(path / name) for name in ("config.json", ".arcorp/stage.json"))
    model = config.get("model")
    if (isinstance(model, dict) and "flops_per_token" in model) or record.get("stage") == "train":
        return True
    return any(checkpoint.has_meta(saved) for _, saved in checkpoint.find(path / "checkpoints"))


def _json(path: Path) -> dict[str, Any]:
    """A JSON object in a file; empty for what is not one."""
    try:
        value = parsed(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
