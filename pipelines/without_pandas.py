"""Spare a command the import of pandas.

pyarrow tries to import pandas when it makes the first array of Python values: 0.3 s and 40 MB in each process. No
command needs it. Libraries that do need pandas still import it, and pyarrow then finds it.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from types import FrameType
from typing import Any

OURS = ("arcorp", "corpora", "pipelines", "pyarrow", "sharding", "tokenization")


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ModuleNotFoundError for pandas, if the code that asks is ours or pyarrow's."""
        if name != "pandas":
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _package(frame) == "importlib":
            frame = frame.f_back
        if frame is not None and _package(frame) in OURS:
            raise ModuleNotFoundError("pandas is left out", name=name)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def spare_pandas() -> None:
    """Leave pandas out of this process, as far as pyarrow asks for it. For processes of a command only."""
    sys.meta_path.insert(0, _WithoutPandas())
