from pathlib import Path

import pytest
from tiny import small_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one that trains."""
    return small_dataset(tmp_path_factory.mktemp("dataset"))
