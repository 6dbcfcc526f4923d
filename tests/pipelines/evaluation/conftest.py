"""Runs of all kinds of models on a small dataset, and task files on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builds import chat_dataset
from task_files import write_tasks
from trainings import model_of, save

from sharding import Dataset


@pytest.fixture(scope="session")
def run_of(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a variant of `trainings.VARIANTS` to a run with such a model, made once. Shared."""
    base = tmp_path_factory.mktemp("runs")
    data = Dataset(built / "dataset", schedule=None)

    def made(variant: str) -> Path:
        run = base / variant
        return run if run.exists() else save(model_of(variant, data.vocab_size, data.row_tokens), data, run)

    return made


@pytest.fixture(scope="session")
def talking(built: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run whose tokenizer has turns, and its dataset."""
    data = Dataset(chat_dataset(built, tmp_path_factory.mktemp("talking")), schedule=None)
    return save(model_of("llama", data.vocab_size, data.row_tokens), data, data.path.with_name("run")), data.path


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test asks a hub."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def task_files(tmp_path: Path) -> Path:
    """A folder of task files, one for each kind of request, whose questions are on disk."""
    return write_tasks(tmp_path / "tasks")
