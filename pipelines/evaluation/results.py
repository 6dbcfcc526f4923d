"""The lines of a result: a task's version, examples, documents and metrics, the same for every kind of task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def row(name: str, version: object, right: Sequence[bool], **more: float) -> dict[str, Any]:
    """Return the line of a task whose metric is the share of right answers. more: further metrics without an error."""
    value = sum(right) / len(right)
    spread = math.sqrt(value * (1 - value) / (len(right) - 1)) if len(right) > 1 else None
    metrics = {"acc": {"value": value, "stderr": spread}}
    metrics |= {metric: {"value": value, "stderr": None} for metric, value in more.items()}
    return {"name": name, "version": str(version), "shots": None, "documents": len(right), "metrics": metrics}
