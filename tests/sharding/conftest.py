"""A sealed tokens folder and a dataset packed from it, both created once per session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sharding.corpus import OPTIONS, mixed_documents, pack, write_tokens


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", mixed_documents())


@pytest.fixture(scope="session")
def dataset(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed dataset of four strata and several shards. Tests must not change it."""
    return pack(tmp_path_factory.mktemp("packed") / "dataset", [tokens], OPTIONS)


@pytest.fixture
def copy(dataset: Path, tmp_path: Path) -> Path:
    """A copy of the dataset that a test may damage."""
    return Path(shutil.copytree(dataset, tmp_path / "copy"))
