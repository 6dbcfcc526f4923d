"""The folder of a run: who may write there, what the run was told, and what it has measured.

    config.json       the resolved configuration; the folder refuses another one that would change the result
    metrics.jsonl     by step: a function of dataset and configuration, byte for byte, killed or not
    timings.jsonl     by step: what the machine did; never the same twice
    checkpoints/      see training/checkpoint.py
    samples.json      text generated at the end

A resumed run cuts metrics.jsonl back to its checkpoint's step and goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from sharding.seal import atomic_file, digest, remove_temporaries, write_json
from training.config import Config, ModelConfig, TrainError
from training.model import count

OPERATIONAL = ("log_every", "checkpoint", "generate", "threads", "device", "memory", "accumulation", "compile")
"""Keys that may change between two launches of one run."""


def deciding(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that decides what a run computes."""
    return {key: value for key, value in config.items() if key not in OPERATIONAL}


class RunFolder:
    """A run folder that this process, and no other, writes to. Rank 0 only. A context manager."""

    def __init__(self, path: Path, config: Config, model: ModelConfig, *, restart: bool = False) -> None:
        """Lock the folder and settle its configuration.

        Raises TrainError if another run writes there, or one with another configuration was begun there.
        """
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples.json"
        self._metrics_path = path / "metrics.jsonl"
        self._metrics: TextIO | None = None
        self.failure: TrainError | None = None  # of a write; the loop tells the other ranks of it
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("a")
        except OSError as error:
            raise TrainError(f"{path} can't be written: {error.strerror}; choose another --out") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise TrainError(f"another run is writing to {path}: wait for it, or choose another --out") from None
        try:
            remove_temporaries(path)
            if restart:
                self._clear()
            self._settle(config, model)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._metrics, self._lock):
            if file is not None:
                with suppress(OSError):  # what could not be written then can't be now
                    file.close()

    def _clear(self) -> None:
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        for name in ("config.json", "metrics.jsonl", "timings.jsonl", "samples.json"):
            (self.path / name).unlink(missing_ok=True)

    def _settle(self, config: Config, model: ModelConfig) -> None:
        file = self.path / "config.json"
        cost = count(model)
        shape = {**asdict(model), "parameters": cost.parameters, "flops_per_token": cost.flops}
        now = json.loads(json.dumps({**config.to_json(), "model": shape}))
        if file.exists():
            try:
                before = deciding(json.loads(file.read_bytes()))
            except (ValueError, AttributeError):
                raise TrainError(f"{file} is damaged: delete it to take up the run with this configuration") from None
            for key, value in deciding(now).items():
                if before.get(key) != value:
                    raise TrainError(
                        f"{self.path} holds a run with {key} {before.get(key)}, now it is {value}: use another --out, "
                        "the same configuration, or --restart"
                    )
        write_json(file, now)
        self.config_digest = digest(deciding(now))

    def resume_metrics(self, step: int) -> list[tuple[int, int, float | None]]:
        """Cut metrics.jsonl back to `step` and open it for more. Returns its (step, rows, bits per byte)."""
        lines = []
        if self._metrics_path.exists():
            for line in self._metrics_path.read_text().splitlines(keepends=True):
                try:
                    kept = line.endswith("\n") and json.loads(line)["step"] <= step
                except (ValueError, KeyError, TypeError):
                    break  # a torn line: nothing after it is older than the checkpoint
                if kept:
                    lines.append(line)
        with atomic_file(self._metrics_path) as file:
            file.write("".join(lines).encode())
        self._metrics = self._metrics_path.open("a", buffering=1)  # by line: people watch it
        found = [(one["step"], one["validation"]) for one in map(json.loads, lines) if "validation" in one]
        return [(step, result["rows"], result["bits_per_byte"]) for step, result in found]

    def metric(self, value: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        assert self._metrics is not None
        with self._kept_failure():
            self._metrics.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")

    def timing(self, value: dict[str, Any]) -> None:
        """Add a line to timings.jsonl."""
        with self._kept_failure(), (self.path / "timings.jsonl").open("a") as file:
            file.write(json.dumps(value) + "\n")

    def sync(self) -> None:
        """Make the metrics durable, before the checkpoint that stands for them. Raises the failure there was."""
        assert self._metrics is not None
        with self._kept_failure():
            self._metrics.flush()
            os.fsync(self._metrics.fileno())
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def _kept_failure(self) -> Iterator[None]:
        """A line that can't be written ends the run, but not here, where the other ranks would wait for this one."""
        try:
            yield
        except OSError as error:
            self.failure = TrainError(f"{self.path} can't be written ({error.strerror}): the last checkpoint stands")
