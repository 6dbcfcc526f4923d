"""Packing: the plan of rows, made from tokens, and the shards written from the plan."""

from sharding.packing.best_fit import pack_rows
from sharding.packing.foreign_ids import SUFFIXES, IdRange, import_ids
from sharding.packing.plan import Plan
from sharding.packing.planner import INDEX, make_plan
from sharding.packing.write import ShardCounts, ShardWriter, dataset_summary

__all__ = [
    "INDEX",
    "SUFFIXES",
    "IdRange",
    "Plan",
    "ShardCounts",
    "ShardWriter",
    "dataset_summary",
    "import_ids",
    "make_plan",
    "pack_rows",
]
