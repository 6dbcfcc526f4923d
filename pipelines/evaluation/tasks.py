"""From the words after `--tasks` to the tasks that they name.

A word is the name of a suite, a name of lm-evaluation-harness (a task, a group or a tag), or a path: a YAML file of
tasks, a folder of such files, or a CORE bundle, which has `core.yaml`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from corpora.demo.minimal_pairs import VERSION as PAIRS_VERSION
from pipelines.errors import UsageError
from pipelines.evaluation import core, harness
from pipelines.evaluation.models import CHECKPOINTS
from pipelines.evaluation.suites import SUITES, TASK_FILES
from pipelines.stages.build_folder import EVALUATION, RUN, RUNS
from sharding import seal

PAIRS = "minimal-pairs"


@dataclass(frozen=True)
class Task:
    """A task to evaluate.

    name: its name among those of its kind. kind: who defines it. suite: the suite that it was named by, or "".
    folder: of its task file, or the bundle of kind core; None for a task of the harness. chat: prompts are turns of a
    conversation. group: it may name tasks of the harness.
    """

    name: str
    kind: Literal["pairs", "core", "harness"]
    suite: str = ""
    folder: Path | None = None
    chat: bool = False
    group: bool = False

    @property
    def label(self) -> str:
        """The name that no other task of an evaluation has."""
        return f"core/{self.name}" if self.kind == "core" else self.name

    @property
    def of_bundle(self) -> core.CoreTask:
        """The task, of kind core."""
        assert self.folder is not None
        return bundle(self.folder)[self.name]

    @property
    def manager(self) -> Any:
        """The harness's index that has the task, of kind harness."""
        return harness.task_manager(self.folder, self.folder is None or self.group)

    def definition(self) -> dict[str, Any]:
        """Return what determines the task's questions, as JSON without paths."""
        facts: dict[str, Any] = {"task": self.label, "chat": self.chat}
        if self.kind == "pairs":
            return facts | {"version": PAIRS_VERSION}
        if self.kind == "core":
            task = self.of_bundle
            settings = [task.kind, task.shots, task.delimiter, task.guessing]
            return facts | {"settings": settings, "questions": seal.hash_file(task.file).sha256}
        digest = harness.definition(self.name, self.folder)
        return facts | {"harness": harness.version(), "definition": digest}


@cache
def bundle(folder: Path) -> dict[str, core.CoreTask]:
    """Return the tasks of a CORE bundle by label."""
    return core.read_bundle(folder)


def find_tasks(words: Sequence[str], chat: bool = False) -> list[Task]:
    """Return the tasks that words name, each once. chat: render all prompts as conversations.

    Raises UsageError for a name that does not exist, and without the harness where it is needed; InputError for a
    faulty file; Failure if CORE's bundle can't be fetched.
    """
    words = [part for word in words for part in word.split(",") if part]
    if not words:
        raise UsageError("--tasks is empty: name a suite, a task or a task file")
    tasks: dict[str, Task] = {}
    for word in words:
        for task in _named(word, chat):
            if tasks.setdefault(task.label, task) != task:
                raise UsageError(f"--tasks names two different tasks {task.label}: evaluate them into two folders")
    if any(task.kind != "harness" and task.chat for task in tasks.values()):
        raise UsageError("--chat is for tasks of lm-evaluation-harness: remove it")
    return list(tasks.values())


def _named(word: str, chat: bool) -> Iterator[Task]:
    """Yield the tasks of one word."""
    path = Path(word)
    if word == PAIRS:
        yield Task(PAIRS, "pairs", PAIRS, chat=chat)
    elif word == "core":
        yield from _of_bundle(core.fetch_bundle(cache_folder()), chat)
    elif word in SUITES:
        harness.require(f"--tasks {word}")
        for entry in SUITES[word].entries:
            folder = TASK_FILES if SUITES[word].chat else None
            yield Task(entry.task, "harness", word, folder, chat or SUITES[word].chat)
    elif (path / core.CONFIG).is_file():
        yield from _of_bundle(path.absolute(), chat)
    elif path.exists():
        harness.require(f"--tasks {word}")
        folder = path if path.is_dir() else path.parent
        for name, group in harness.names_in(path).items():
            yield Task(name, "harness", "", folder.absolute(), chat, group)
    else:
        yield _of_harness(word, chat)


def _of_bundle(folder: Path, chat: bool) -> Iterator[Task]:
    for label in bundle(folder):
        yield Task(label, "core", "core", folder, chat)


def _of_harness(word: str, chat: bool) -> Task:
    """Return a task by its name. Raises UsageError with the closest names."""
    if "/" in word or word.endswith((".yaml", ".yml")):
        raise UsageError(f"--tasks {word}: there is no such file or folder")
    near = difflib.get_close_matches(word, SUITES, n=1, cutoff=0.6)
    if not near:
        harness.require(f"--tasks {word}")
        if word in harness.names_in(TASK_FILES):
            return Task(word, "harness", "", TASK_FILES, chat)
        names = harness.task_manager(None, True).all_tasks
        if word in names:
            return Task(word, "harness", "", None, chat)
        near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    suggestion = f"did you mean {' or '.join(map(repr, near))}?" if near else "give a name of lm-evaluation-harness"
    raise UsageError(
        f"--tasks {word}: there is no such task; {suggestion} (suites: {', '.join(SUITES)}; or a path to a YAML file)"
    )


def folder_of(run: Path, words: Sequence[str]) -> Path:
    """Return the folder of an evaluation in the build of a run. It has the name of the run, unless that is `run`, and
    of what it is scored on. A checkpoint's evaluation has its name too.

    >>> folder_of(Path("/out/demo/run"), ["minimal-pairs"])
    PosixPath('/out/demo/evaluation/minimal-pairs')
    """
    run, step = run.absolute(), ""
    if run.parent.name == CHECKPOINTS:
        run, step = run.parent.parent, run.name
    build = run.parent.parent if run.parent.name == RUNS else run.parent
    names = [Path(word).stem for part in words for word in part.split(",") if word]
    label = re.sub("[^a-zA-Z0-9_.-]", "-", "+".join(filter(None, ["" if run.name == RUN else run.name, step, *names])))
    return build / EVALUATION / label[:100]


def cache_folder() -> Path:
    """Return the folder of downloads that several builds share."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arcorp"
