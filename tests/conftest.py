"""What every test may ask for: the sample corpora, found where `ARCORP_SAMPLES` says."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder that holds `data/` and `gold/`: real corpora in their native formats.

    They are not part of the repository; without them the tests that need them are skipped, but never in CI.
    """
    root = Path(os.environ.get("ARCORP_SAMPLES", Path(__file__).resolve().parents[2] / "shared"))
    if (root / "data").is_dir():
        return root
    if os.environ.get("CI"):
        pytest.fail(f"CI must have the sample corpora, and {root / 'data'} is not there: set ARCORP_SAMPLES")
    pytest.skip(f"no sample corpora at {root}: set ARCORP_SAMPLES to the folder that holds data/")
