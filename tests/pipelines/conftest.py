"""One small build, shared by the tests that look at it."""

import shutil
from pathlib import Path

import pytest
from builds import build


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A small build up to and with verify. Shared: copy it before changing it."""
    out = tmp_path_factory.mktemp("built") / "demo"
    assert build(out, "--workers", "1") == 0
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the small build to do harm to."""
    return Path(shutil.copytree(built, tmp_path / "demo"))
