"""A trained model in use: `training/export.py` writes it for other programs, `training/generate.py` talks.

Both need torch, run as processes, and are found by their paths as the trainer is (`pipelines.stages.train`).
`run_on_model` runs any such script.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import UsageError, failure
from pipelines.stages.build_folder import DATASET, RUNS
from pipelines.stages.train import trainer_script
from sharding.seal import MANIFEST

MODEL_FORMATS = ("hf", "gguf")


def dataset_of(run: Path, data: Path | None) -> Path:
    """Return the dataset of a run: `data`, or that of the build in which the run is. Raises UsageError."""
    if data is not None:
        return data
    build = run.absolute().parent
    beside = (build.parent if build.name == RUNS else build) / DATASET
    if not (beside / MANIFEST).is_file():
        raise UsageError(
            f"{run} has no dataset beside it at {beside}: give --data, the dataset that it was trained on"
        )
    return beside


def export_model(run: Path, data: Path | None, to: str, out: Path) -> None:
    """Write the newest checkpoint of a run to the new folder `out`, in a format of MODEL_FORMATS.

    Raises UsageError without torch and for a folder that exists, else a Failure with the exporter's exit code.
    """
    run_on_model("export.py", "exporting a model", run, data, "--to", to, "--out", str(out))


def run_on_model(script: str, purpose: str, run: Path, data: Path | None, *arguments: str) -> None:
    """Run a script of `training` on a run and its dataset, with more arguments.

    Raises UsageError without torch and for a run that does not exist, else a Failure with the script's exit code.
    """
    command = [*_command(script, purpose, run, data), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f"its exit code is {process.returncode}"]
        raise failure(lines[-1].removeprefix("error: "), process.returncode)


def talk(run: Path, data: Path | None, settings: Sequence[str], seed: int) -> int:
    """Answer each line of stdin with the newest checkpoint of a run, until it ends; return the exit code.

    settings: `name=value` of the recipe's section `generate`. Raises UsageError without torch.
    """
    command = [*_command("generate.py", "a conversation", run, data), "--chat", "--seed", str(seed)]
    return subprocess.run([*command, *(word for each in settings for word in ("--set", each))], check=False).returncode


def _command(script: str, work: str, run: Path, data: Path | None) -> list[str]:
    """Return the beginning of a command on a run. Raises UsageError for a run that does not exist."""
    if not run.is_dir():
        raise UsageError(f"{run}: there is no such folder; give the folder of a training run")
    return [sys.executable, str(trainer_script(script, work)), "--run", str(run), "--data", str(dataset_of(run, data))]
