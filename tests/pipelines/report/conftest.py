"""A small build with a trained model, for the tests of its report."""

import shutil
from pathlib import Path

import pytest

from pipelines.report import gather


@pytest.fixture(scope="session")
def finished(trained: Path) -> Path:
    """The small build, trained for eight steps. Shared: copy it before changing it."""
    return trained


@pytest.fixture(scope="session")
def figures(finished: Path) -> dict:
    """The figures of the finished build."""
    return gather(finished)


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished build to change."""
    return Path(shutil.copytree(finished, tmp_path / "demo"))
