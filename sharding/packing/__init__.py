"""Packing: the plan of rows, made from tokens, and the shards written from the plan.

A module is imported when one of its names is first used: those that fill rows need numba, a reader of plans does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharding.packing.best_fit import pack_rows
    from sharding.packing.foreign_ids import IdRange, import_ids
    from sharding.packing.id_files import SUFFIXES, index_beside
    from sharding.packing.index_columns import INDEX, MASKED
    from sharding.packing.plan import Plan
    from sharding.packing.planner import make_plan
    from sharding.packing.write import ShardCounts, ShardWriter, dataset_summary

__all__ = [
    "INDEX",
    "MASKED",
    "SUFFIXES",
    "IdRange",
    "Plan",
    "ShardCounts",
    "ShardWriter",
    "dataset_summary",
    "import_ids",
    "index_beside",
    "make_plan",
    "pack_rows",
]

_MODULES = {
    "pack_rows": "best_fit",
    **dict.fromkeys(("IdRange", "import_ids"), "foreign_ids"),
    **dict.fromkeys(("SUFFIXES", "index_beside"), "id_files"),
    "Plan": "plan",
    **dict.fromkeys(("INDEX", "MASKED"), "index_columns"),
    "make_plan": "planner",
    **dict.fromkeys(("ShardCounts", "ShardWriter", "dataset_summary"), "write"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
