"""A copy of metrics.jsonl in an experiment tracker (`log`): trackio, wandb or TensorBoard, all optional packages.

A resumed run continues its curves: TensorBoard is given the step, wandb and trackio an id in the run folder. A tracker
that fails while the run trains is reported once, and the run continues: metrics.jsonl has all lines.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import ConfigError, say

Log = Callable[[Mapping[str, Any]], None]
ID = "tracker.id"
MODULES = {"trackio": "trackio", "wandb": "wandb", "tensorboard": "torch.utils.tensorboard"}


def numbers(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a line of metrics.jsonl by their path, such as `validation/by_language/arb_Arab/loss`."""
    result: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            result |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            result[f"{prefix}{key}"] = value
    return result


@contextmanager
def tracker(name: str, run: Path, config: Mapping[str, Any], step: int) -> Iterator[Log]:
    """Context manager that yields a function which sends a line. Raises ConfigError if the package can't be used.

    run: the run folder; step: the one after which the run continues, 0 at its start.
    """
    try:
        module = importlib.import_module(MODULES[name])
    except ImportError as error:
        raise ConfigError(
            f"log is {name}, which is not installed ({error}): pip install {name}, or remove it"
        ) from None
    try:
        send, finish = _start(name, module, run, config, step)
    except Exception as error:  # of another package, and of its own kind
        raise ConfigError(f"log is {name}, which does not start ({error}): mend that, or remove log") from None
    failed = False

    def send_or_report(line: Mapping[str, Any]) -> None:
        nonlocal failed
        try:
            if not failed:
                send(line)
        except Exception as error:
            failed = True
            say(f"{name} gets no more lines ({error}); metrics.jsonl has them")

    try:
        yield send_or_report
    finally:
        finish()


def _start(
    name: str, module: Any, run: Path, config: Mapping[str, Any], step: int
) -> tuple[Log, Callable[[], object]]:
    """Return the functions that send a line and that end the tracking."""
    if name == "tensorboard":
        writer = module.SummaryWriter(str(run / name), purge_step=step + 1)

        def add(line: Mapping[str, Any]) -> None:
            for key, value in numbers(line).items():
                writer.add_scalar(key, value, line["step"])

        return add, writer.close
    file = run / ID
    if not file.exists():
        file.write_text(secrets.token_hex(4), encoding="ascii")
    id = file.read_text(encoding="ascii")
    own = {"name": run.name, "id": id, "dir": str(run)} if name == "wandb" else {"name": f"{run.name}-{id}"}
    module.init(project="arcorp", config=dict(config), resume="allow", **own)
    return lambda line: module.log(numbers(line), step=line["step"]), module.finish
