from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny import small_dataset
from trainings import arguments

from training.train import main


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset that a model learns from. Shared: copy it before changing it."""
    return small_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def done(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of all 12 steps, with checkpoints of 4, 8 and 12. Shared: copy it before changing it."""
    out = tmp_path_factory.mktemp("done") / "run"
    assert main(arguments(dataset, out)) == 0
    return out


@pytest.fixture(scope="session")
def done_with_values(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with two blocks, value embeddings, and attention inside documents."""
    out = tmp_path_factory.mktemp("values") / "run"
    assert main(arguments(dataset, out, layers=2, intra_document="true", value_embeddings="true")) == 0
    return out


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Run a command: it exits with this code, and one error line that contains these parts."""

    def run(command: Callable[[Sequence[str]], int], argv: Sequence[str], code: int, *parts: str) -> None:
        exit_code = command(argv)
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, errors
        assert all(part in errors[0] for part in parts), errors[0]
        assert exit_code == code

    return run
