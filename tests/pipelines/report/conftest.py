"""A small build with a trained model, for the tests of its report."""

import shutil
from pathlib import Path

import pytest
from builds import build

from pipelines.report import gather


@pytest.fixture(scope="session")
def finished(built: Path, tmp_path_factory) -> Path:
    """The small build, trained for eight steps. Shared: copy it before changing it."""
    out = Path(shutil.copytree(built, tmp_path_factory.mktemp("finished") / "demo"))
    assert build(out, "--workers", "1", until="train") == 0
    return out


@pytest.fixture(scope="session")
def figures(finished: Path) -> dict:
    """The figures of the finished build."""
    return gather(finished)


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished build to change."""
    return Path(shutil.copytree(finished, tmp_path / "demo"))
