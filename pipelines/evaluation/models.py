"""The model that is evaluated, as tasks see it: texts to ids, and scores of ids.

`RunModel` is the newest checkpoint of a run, in a process of `training/score.py`, since pipelines run without torch.
The ids are those of the tokenizer in its dataset, and a text begins as documents do in the rows. `pipelines.evaluation
.harness` has the model of a Hugging Face folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

from pipelines.errors import Failure, Incomplete, IntegrityError, UsageError, failure
from pipelines.stages.export_model import dataset_of
from pipelines.stages.train import trainer_script
from sharding import seal
from sharding.layout import DatasetLayout
from sharding.seal import Sealed
from tokenization.model import Tokenizer

CHECKPOINTS, META = "checkpoints", "meta.json"
"""Names in a run's folder, as the trainer writes them (`training/checkpoint.py`)."""

Item = tuple[Sequence[int], int]
"""Ids, and the number of the first one that is scored."""


class Model(Protocol):
    """A model that scores ids. `prefix`: the id before the first one of a text. `context`: most ids that it reads."""

    @property
    def prefix(self) -> int: ...

    @property
    def context(self) -> int: ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without the prefix. Names of special tokens stay text."""

    def score(self, items: Sequence[Item]) -> list[tuple[float, bool]]:
        """Return for each item the log-likelihood of the scored ids, and whether each is the most probable one."""


@dataclass(frozen=True)
class Place:
    """Where a model is: the run and its dataset, or a Hugging Face folder, which has no `data`.

    model, tokenizer: sha256 of the weights and of tokenizer.json.
    """

    folder: Path
    data: Path | None
    model: str
    tokenizer: str


def find_model(folder: Path, data: Path | None) -> Place:
    """Return the place of the model of a run, of one of its checkpoints, or of a Hugging Face folder.

    Raises UsageError for another folder, Incomplete for a run without a checkpoint, IntegrityError for damage.
    """
    is_checkpoint = (folder / META).is_file()
    if is_checkpoint or (folder / CHECKPOINTS).is_dir():
        data = dataset_of(folder.absolute().parents[1] if is_checkpoint else folder, data)
        opened = Sealed(data, "pack")
        layout = DatasetLayout.of(opened.manifest, str(data / seal.MANIFEST))
        meta = folder / META if is_checkpoint else _newest(folder)
        return Place(folder, data, _weights_in(meta), layout.tokenizer)
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} is neither a run, which has checkpoints, nor a Hugging Face folder, which has config.json"
        )
    if data is not None:
        raise UsageError(f"--data is for runs, and {folder} is a Hugging Face folder: remove --data")
    weights = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    tokenizer = folder / "tokenizer.json"
    if len(weights) == 1 or not tokenizer.is_file():
        missing = "tokenizer.json" if len(weights) > 1 else "weights (*.safetensors)"
        raise UsageError(f"{folder} has no {missing}: export the model again with `arcorp export RUN --to hf`")
    digest = seal.digest_of([seal.hash_file(path).sha256 for path in weights])
    return Place(folder, None, digest, seal.hash_file(tokenizer).sha256)


def _newest(run: Path) -> Path:
    """Return the meta.json of the newest checkpoint of a run."""
    checkpoints = sorted(path for path in (run / CHECKPOINTS).glob("step-*") if path.is_dir())
    if not checkpoints:
        raise Incomplete(f"{run} has no checkpoint: train first")
    return checkpoints[-1] / META


def _weights_in(meta: Path) -> str:
    """Return the sha256 of a checkpoint's weights, as its meta.json has it."""
    try:
        return str(seal.parsed(meta.read_bytes())["files"]["model.safetensors"][1])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise IntegrityError(f"{meta} can't be read ({error!r}): resume the training to write it again") from None


class RunModel:
    """The model of a run. A process is started at the first score, and ends with this object."""

    def __init__(self, place: Place) -> None:
        assert place.data is not None
        self.place = place
        self.tokenizer = Tokenizer.load(place.data / "tokenizer")
        self._command = [str(trainer_script("score.py", "evaluation")), "--run", str(place.folder)]
        self._command += ["--data", str(place.data)]
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the process states of the model. Raises IntegrityError if it is not the model of `place`."""
        about = self._read()
        if about["model"] != self.place.model:
            raise IntegrityError(
                f"the newest checkpoint of {self.place.folder} is damaged: resume the training to write it again"
            )
        return about

    @property
    def context(self) -> int:
        return int(self.about["context"])

    @property
    def end(self) -> int | None:
        """The id that ends a text in the rows."""
        return self.about["end"]  # type: ignore[no-any-return]

    @property
    def begin(self) -> list[int]:
        """The ids before a text in the rows: BOS, or none."""
        return [] if self.about["bos"] is None else [self.about["bos"]]

    @property
    def prefix(self) -> int:
        begin = self.about["bos"] if self.about["bos"] is not None else self.about["end"]
        if begin is None:
            raise UsageError(
                f"{self.place.data} has rows without BOS and EOS, so that a text has no beginning to score its first "
                "token after: pack with BOS or EOS"
            )
        return int(begin)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text)

    def score(self, items: Sequence[Item]) -> list[tuple[float, bool]]:
        return [(nats, greedy) for nats, greedy in self._ask({"score": items})["scores"]]

    def complete(
        self, prompts: Sequence[Sequence[int]], options: dict[str, Any], stop: Sequence[int], until: Sequence[str]
    ) -> list[list[int]]:
        """Return a continuation of each prompt. options: those of the recipe's section `generate`."""
        numbered = [(prompt, number) for number, prompt in enumerate(prompts)]
        request = {"continue": numbered, "options": options, "stop": stop, "until": until}
        return self._ask(request)["continued"]  # type: ignore[no-any-return]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the process's answer. Raises a Failure with its last line and exit code if it has ended."""
        _ = self.about  # its first line
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; reading reports why
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines() or [f"its exit code is {code}"]
            if code < 0:
                raise Failure(f"the process that scores {self.place.folder} was killed by signal {-code}")
            raise failure(lines[-1].removeprefix("error: "), code)
        return json.loads(line)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process."""
        if "_process" in self.__dict__:
            self._process.communicate()
        self._errors.close()
