"""CORE: the in-context learning tasks of DCLM (arXiv:2406.11794) as nanochat scores them.

Prompts, choice of examples, scored tokens, decision and centring are those of karpathy/nanochat at commit d6d86cb
(`nanochat/core_eval.py`, `scripts/base_eval.py`). Its data are a bundle: `core.yaml` lists the tasks,
`eval_meta_data.csv` has the accuracy of guessing, `eval_data/` the questions.

    multiple choice    the contexts are equal, the continuations differ: the least mean loss of a continuation
    schema             the contexts differ, the continuations are equal: the least mean loss of the continuation
    language modelling each token of the continuation is the most probable one

A prompt that is longer than the context loses its beginning.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
import shutil
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import Failure, InputError, UsageError
from pipelines.evaluation.models import Item, Model
from pipelines.evaluation.results import row
from sharding import seal

ADDRESS = "https://karpathy-public.s3.us-west-2.amazonaws.com/eval_bundle.zip"
"""The bundle that nanochat's speedrun.sh downloads, 162 MB."""
MOST = 1 << 30
"""Largest size of the bundle in bytes, packed and unpacked: a larger one is not nanochat's."""
CONFIG, META, DATA = "core.yaml", "eval_meta_data.csv", "eval_data"
ORDER_SEED, EXAMPLE_SEED = 1337, 1234
"""nanochat's seeds: of the order of the questions, and, plus the number of the question, of its examples."""

KINDS = ("multiple_choice", "schema", "language_modeling")
BATCH = 32
"""Questions whose prompts are scored together."""


@dataclass(frozen=True)
class CoreTask:
    """A task of a bundle. label: its name. kind: one of KINDS. file: its questions. shots: examples before each
    question. delimiter: text before a continuation. guessing: accuracy of random answers, 0 to 1."""

    label: str
    kind: str
    file: Path
    shots: int
    delimiter: str
    guessing: float


def read_bundle(folder: Path) -> dict[str, CoreTask]:
    """Return the tasks of a bundle by label. Raises InputError for a bundle that can't be read."""
    path = folder / CONFIG
    try:
        tasks = yaml.safe_load(path.read_bytes())["icl_tasks"]
        path = folder / META
        lines = csv.DictReader(io.StringIO(path.read_text("utf-8")))
        guessing = {line["Eval Task"]: float(line["Random baseline"]) / 100 for line in lines}
        path = folder / CONFIG
        read = {}
        for task in tasks:
            label, kind = str(task["label"]), str(task["icl_task_type"])
            if kind not in KINDS:
                raise InputError(f"{path}: task {label} has icl_task_type {kind}, which is none of {', '.join(KINDS)}")
            file, shots = folder / DATA / task["dataset_uri"], int(task["num_fewshot"][0])
            read[label] = CoreTask(
                label, kind, file, shots, str(task.get("continuation_delimiter", " ")), guessing[label]
            )
    except (OSError, ValueError, KeyError, TypeError, IndexError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} can't be read ({' '.join(repr(error).split())[:200]}): give the folder of nanochat's eval_bundle"
        ) from None
    return read


def fetch_bundle(cache: Path) -> Path:
    """Return the folder of nanochat's bundle, downloaded to `cache` once.

    Raises Failure if it can't be fetched, is no ZIP file, or is larger than MOST bytes.
    """
    folder = cache / "eval_bundle"
    if (folder / CONFIG).is_file():
        return folder
    try:
        with urllib.request.urlopen(ADDRESS, timeout=60) as response, tempfile.TemporaryFile() as archive:
            while block := response.read(1 << 20):
                archive.write(block)
                _bound(archive.tell())
            with zipfile.ZipFile(archive) as contents, seal.atomic_folder(folder) as inside:
                _bound(sum(entry.file_size for entry in contents.infolist()))
                contents.extractall(inside / "unpacked")
                for path in (inside / "unpacked" / "eval_bundle").iterdir():
                    path.rename(inside / path.name)
                shutil.rmtree(inside / "unpacked")
    except (OSError, zipfile.BadZipFile) as error:
        raise Failure(
            f"{ADDRESS} could not be fetched ({error}); download and unpack it elsewhere, and give its folder: "
            "--tasks PATH/eval_bundle"
        ) from None
    return folder


def _bound(size: int) -> None:
    if size > MOST:
        raise OSError(f"it has more than {MOST:,} bytes")


def evaluate_core(task: CoreTask, model: Model, limit: int | None) -> dict[str, Any]:
    """Return accuracy and centred accuracy of one task. limit: most questions.

    Raises InputError for a file of questions that can't be read, UsageError for a limit below the task's examples.
    """
    questions = _questions(task)
    total = len(questions)
    questions = questions[:limit]
    if len(questions) <= task.shots:
        raise UsageError(
            f"task {task.label} has {task.shots} examples before each question, and {len(questions)} questions are "
            f"left: give --limit {task.shots + 1} or more"
        )
    right: list[bool] = []
    for first in range(0, len(questions), BATCH):
        numbers = range(first, min(first + BATCH, len(questions)))
        try:
            asked = [_items(task, _prompts(task, questions, i), model) for i in numbers]
            gold = [questions[i].get("gold") for i in numbers]
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(
                f"{task.file}: a question lacks what {task.kind} needs ({error!r}): fetch the bundle again"
            ) from None
        scores = iter(model.score([item for items in asked for item in items]))
        for items, answer in zip(asked, gold, strict=True):
            right.append(decide(task.kind, items, [next(scores) for _ in items], answer))
    accuracy = sum(right) / len(right)
    line = row(task.label, "nanochat d6d86cb", right, centred=centred(accuracy, task.guessing))
    line["shots"] = task.shots
    return {
        "rows": [line],
        "documents": len(questions),
        "of": total,
        "questions": seal.hash_file(task.file).sha256,
    }


def centred(accuracy: float, guessing: float) -> float:
    """Return an accuracy on the scale on which guessing is 0 and all right is 1."""
    return (accuracy - guessing) / (1.0 - guessing)


def decide(kind: str, items: Sequence[Item], scores: Sequence[tuple[float, bool]], gold: object) -> bool:
    """Return whether a question is answered right. items, scores: those of its prompts."""
    if kind == "language_modeling":
        return scores[0][1]
    losses = []
    for (ids, first), (nats, _) in zip(items, scores, strict=True):
        count = len(ids) - first
        losses.append(-nats / count if count else math.nan)
    return losses.index(min(losses)) == gold


def _questions(task: CoreTask) -> list[dict[str, Any]]:
    """Read the questions, in nanochat's order."""
    try:
        questions = [json.loads(line) for line in task.file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{task.file} can't be read ({error}): fetch the bundle again") from None
    if not questions:
        raise InputError(f"{task.file} has no question: fetch the bundle again")
    random.Random(ORDER_SEED).shuffle(questions)
    return questions


def _prompts(task: CoreTask, questions: Sequence[dict[str, Any]], number: int) -> list[str]:
    """Return the prompts of a question: one for each choice or context; without and with the continuation."""
    question, examples = questions[number], []
    if task.shots:
        others = [i for i in range(len(questions)) if i != number]
        examples = [questions[i] for i in random.Random(EXAMPLE_SEED + number).sample(others, task.shots)]
    joined = "".join(f"{_solved(task, example)}\n\n" for example in examples)
    if task.kind == "multiple_choice":
        return [f"{joined}{question['query']}{task.delimiter}{choice}" for choice in question["choices"]]
    if task.kind == "schema":
        contexts = question["context_options"]
        return [f"{joined}{context}{task.delimiter}{question['continuation']}" for context in contexts]
    before = f"{joined}{question['context'].strip()}{task.delimiter}"
    return [before.strip(), f"{before}{question['continuation']}"]


def _solved(task: CoreTask, example: dict[str, Any]) -> str:
    """Return the text of an example with its answer."""
    if task.kind == "multiple_choice":
        return f"{example['query']}{task.delimiter}{example['choices'][example['gold']]}"
    if task.kind == "schema":
        return f"{example['context_options'][example['gold']]}{task.delimiter}{example['continuation']}"
    return f"{example['context'].strip()}{task.delimiter}{example['continuation']}"


def _items(task: CoreTask, prompts: Sequence[str], model: Model) -> list[Item]:
    """Return the ids of the prompts with the first scored one of each, within the context.

    nanochat stops where the ids of a prompt without its continuation do not begin those with it, as can happen where
    the text is split elsewhere; here the scored ids begin where the two differ.
    """
    tokens = [[model.prefix, *model.encode(prompt)] for prompt in prompts]
    if task.kind == "schema":
        suffix = common(map(reversed, tokens))
        firsts = [len(ids) - suffix for ids in tokens]
    elif task.kind == "multiple_choice":
        firsts = [common(tokens)] * len(tokens)
    else:
        firsts, tokens = [common(tokens)], tokens[1:]
    items: list[Item] = []
    for ids, first in zip(tokens, firsts, strict=True):
        cut = max(0, len(ids) - model.context)
        items.append((ids[cut:], max(1, first - cut)))
    return items


def common(sequences: Iterable[Iterable[int]]) -> int:
    """Return the number of ids that all sequences begin with.

    >>> common([[1, 2, 3], [1, 2, 4, 5]])
    2
    """
    length = 0
    for ids in zip(*sequences, strict=False):
        if len(set(ids)) > 1:
            break
        length += 1
    return length
