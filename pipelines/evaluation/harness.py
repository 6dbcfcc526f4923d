"""Tasks of lm-evaluation-harness, with our models as its models.

`RunLM` is the interface that the harness asks (`lm_eval.api.model.TemplateLM`) over a `RunModel`. Texts become ids as
in training: BOS as in the rows, names of special tokens in them stay text. A conversation is rendered by the
tokenizer's layout; in the rendered text, special tokens stand between two characters that are in no text.

The package is imported in functions: only those who use it need it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, InputError, UsageError
from pipelines.evaluation.models import Item, Place, RunModel
from pipelines.stages.train import trainer_script
from sharding import seal
from tokenization.model import chat_layout, render

BOOTSTRAP = 1000
"""Resamples from which the harness estimates a standard error that has no formula (its own default is 100,000)."""
GENERATED = 256
"""Tokens of an answer where a task sets no limit, as in the harness."""

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # noncharacters: no Unicode text has them
_SPECIAL = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def require(what: str) -> None:
    """Raise UsageError if the harness is not installed."""
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError(f"{what} needs lm-evaluation-harness: pip install 'arcorp[evaluate]'")


@cache
def version() -> str:
    """Return the version of the harness."""
    from importlib.metadata import version

    return version("lm_eval")


@cache
def task_manager(folder: Path | None, defaults: bool) -> Any:
    """Return an index of tasks: those of the YAML files in `folder`, and with `defaults` those of the harness."""
    from lm_eval.tasks import TaskManager

    with _quiet():
        return TaskManager(include_path=None if folder is None else str(folder), include_defaults=defaults)


def names_in(path: Path) -> dict[str, bool]:
    """Return the tasks that a YAML file, or the YAML files of a folder, define, by name: True for a group.

    Groups of a folder are left out, since their tasks are in it. Raises InputError if there is none.
    """
    index = task_manager((path if path.is_dir() else path.parent).absolute(), False).task_index
    ours = {name: entry for name, entry in index.items() if entry.yaml_path is not None}
    names = [name for name, entry in ours.items() if path.is_dir() or entry.yaml_path.resolve() == path.resolve()]
    if not names:
        raise InputError(f"{path} defines no task of lm-evaluation-harness: a task file is YAML with the key `task`")
    groups = {name: ours[name].kind.name == "GROUP" for name in sorted(names)}
    return {name: False for name in groups if not groups[name]} if path.is_dir() else groups


def definition(name: str, folder: Path | None) -> str | None:
    """Return the sha256 of the file that defines a task of `folder`; None for a task of the harness."""
    return None if folder is None else seal.hash_file(task_manager(folder, False).task_index[name].yaml_path).sha256


def evaluate(name: str, manager: Any, model: Any, limit: int | None, chat: bool) -> dict[str, Any]:
    """Run one task or group and return its result. manager: of its index. model: an LM of the harness.

    Raises Failure if its data can't be fetched, InputError if its definition or its data are faulty.
    """
    from lm_eval import simple_evaluate

    with _quiet():
        try:
            loaded = manager.load([name])
        except Exception as error:
            raise _load_failure(name, error) from error
        unsafe = [task for task, each in loaded["tasks"].items() if each.config.unsafe_code]
        allowed = os.environ.get("HF_ALLOW_CODE_EVAL") == "1"
        if unsafe and not allowed:
            raise UsageError(
                f"task {unsafe[0]} runs code that the model writes: set HF_ALLOW_CODE_EVAL=1, in a container or a "
                "virtual machine"
            )
        tasks = list({**loaded["tasks"], **loaded.get("groups", {})}.values())
        top = [task for task in tasks if getattr(task, "task_name", getattr(task, "name", None)) == name]
        results = simple_evaluate(
            model=model,
            tasks=top or list(loaded["tasks"].values()),
            task_manager=manager,
            limit=limit,
            bootstrap_iters=BOOTSTRAP,
            apply_chat_template=chat,
            log_samples=True,
            confirm_run_unsafe_code=allowed,
        )
    assert results is not None
    rows = [_row(task, results) for task in results["results"]]
    scored, total = (
        sum(samples[key] for samples in results["n-samples"].values()) for key in ("effective", "original")
    )
    hashes = ("doc_hash", "prompt_hash", "target_hash")
    proof = {
        task: [[each[key] for key in hashes] for each in each_task] for task, each_task in results["samples"].items()
    }
    return {"rows": rows, "documents": scored, "of": total, "questions": seal.digest_of(proof)}


def _row(task: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return version, examples in the prompt, and metrics with standard errors of a task or a group."""
    metrics: dict[str, dict[str, float | None]] = {}
    for key, value in results["results"][task].items():
        metric, _, variant = key.partition(",")
        if not variant or isinstance(value, str) or metric.endswith("_stderr"):
            continue
        error = results["results"][task].get(f"{metric}_stderr,{variant}")
        shown = metric if variant == "none" else f"{metric} ({variant})"
        metrics[shown] = {"value": float(value), "stderr": error if isinstance(error, float) else None}
    return {
        "name": task,
        "version": str(results["versions"].get(task, "")),
        "shots": results["n-shot"].get(task),
        "documents": results["n-samples"].get(task, {}).get("effective"),
        "metrics": metrics,
    }


def _load_failure(name: str, error: Exception) -> Failure:
    """Return the failure for an exception of the harness or of `datasets` as it loads a task."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    chain = [type(each) for each in _causes(error)]
    network = ("huggingface_hub", "httpx", "requests", "urllib3", "aiohttp")
    fetched = any(issubclass(kind, ConnectionError) or kind.__module__.partition(".")[0] in network for kind in chain)
    mend = "to run without a network, give a task file whose dataset is on disk: --tasks FILE.yaml"
    if fetched:
        return Failure(
            f"the data of task {name} could not be fetched ({reason}); connect once and run again, or {mend}"
        )
    return InputError(f"task {name} can't be loaded ({reason}): mend its definition or its data; {mend}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Discard what the harness and its libraries print; their failures are raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)


def run_lm(model: RunModel) -> Any:
    """Return a RunModel as an LM of the harness."""
    from lm_eval.api.model import TemplateLM
    from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    class RunLM(TemplateLM):  # type: ignore[misc]
        """A RunModel as the harness asks for it."""

        @property
        def eot_token_id(self) -> int:
            return model.prefix if model.end is None else model.end

        @property
        def prefix_token_id(self) -> int:
            return model.prefix

        @property
        def tokenizer_name(self) -> str:
            return model.tokenizer.sha256

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            ids = [] if add_special_tokens is False else list(model.begin)
            for number, piece in enumerate(_SPECIAL.split(string)):
                ids += [model.tokenizer.specials[piece]] if number % 2 else model.encode(piece) if piece else []
            return ids

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            items: list[Item] = []
            for _texts, before, continuation in requests:
                ids = [*before, *continuation][-(model.context + 1) :]
                items.append((ids, max(1, len(ids) - len(continuation))))
            return model.score(items)

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            windows = [
                (number, (("", ""), *make_disjoint_window(window)))
                for number, request in enumerate(requests)
                for window in get_rolling_token_windows(
                    token_list=self.tok_encode(request.args[0]),
                    prefix_token=model.prefix,
                    max_seq_len=model.context,
                    context_len=1,
                )
            ]
            scores = self._loglikelihood_tokens([window for _, window in windows])
            totals = [0.0] * len(requests)
            for (number, _), (nats, _greedy) in zip(windows, scores, strict=True):
                totals[number] += nats
            return totals

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            answers: list[str] = []
            for settings, group in groupby(requests, key=lambda request: request.args[1]):
                chosen = normalize_gen_kwargs(settings, GENERATED)
                until = [text for text in chosen["until"] if text]
                length = min(chosen["max_gen_toks"], model.context - 1)
                prompts = [self.tok_encode(request.args[0])[-(model.context - length) :] for request in group]
                options = {"tokens": length, "temperature": chosen.get("temperature", 0.0), "top_k": 0}
                options |= {name: chosen[name] for name in ("top_k", "top_p") if chosen.get(name) is not None}
                written = map(model.tokenizer.decode, model.complete(prompts, options, self._ends, until))
                answers += [postprocess_generated_text(text, until, None) for text in written]
            return answers

        @property
        def _ends(self) -> list[int]:
            """Ids that end an answer: that of a text, and that of an assistant's turn."""
            layout = chat_layout(model.tokenizer.specials)
            ends = [] if layout is None else [model.tokenizer.specials[layout.turns["assistant"][1]]]
            return ends if model.end is None else [*ends, model.end]

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            layout = chat_layout(model.tokenizer.specials)
            if layout is None:
                raise UsageError(
                    f"{model.tokenizer.name} has no special tokens for the turns of a conversation: remove --chat"
                )
            parts = render(layout, chat_history, None, prompt=add_generation_prompt)
            if not add_generation_prompt and parts[-1].special:  # the harness continues the last message
                parts.pop()
            return "".join(f"{_OPEN}{part.text}{_CLOSE}" if part.special else part.text for part in parts)

    return RunLM()


def hub_lm(place: Place) -> Any:
    """Return the harness's own model of a Hugging Face folder, in fp32, on the GPU if there is one.

    Code in the folder is run only if it is the code that our exporter writes. Raises InputError.
    """
    from lm_eval.models.huggingface import HFLM

    code = trainer_script("modeling_arcorp.py", "evaluation")
    theirs = place.folder / code.name
    ours = theirs.is_file() and theirs.read_bytes() == code.read_bytes()
    with _quiet():
        try:
            return HFLM(
                pretrained=str(place.folder),
                device="",  # a GPU if there is one
                dtype="float32",
                trust_remote_code=ours,
                batch_size=8,
            )
        except (OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{place.folder} can't be read as a model ({reason}): export it again") from error


class HubModel:
    """The model of a Hugging Face folder, for tasks that are not the harness's."""

    def __init__(self, place: Place) -> None:
        self.lm = hub_lm(place)

    @property
    def prefix(self) -> int:
        return int(self.lm.prefix_token_id)

    @property
    def context(self) -> int:
        return int(self.lm.max_length)

    def encode(self, text: str) -> list[int]:
        return self.lm.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)  # type: ignore[no-any-return]

    def score(self, items: Sequence[Item]) -> list[tuple[float, bool]]:
        requests = [(("", ""), list(ids[:first]), list(ids[first:])) for ids, first in items]
        return self.lm._loglikelihood_tokens(requests, disable_tqdm=True)  # type: ignore[no-any-return]
