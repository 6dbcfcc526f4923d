"""The file of the trained model that is installed with the package."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path


def shipped_weights() -> AbstractContextManager[Path]:
    """Return a context manager for the path of `data/segmenter.npz`; the path is valid inside the context."""
    return as_file(files("tokenization.morphology").joinpath("data/segmenter.npz"))
