"""Scheduling: mixtures of strata, phases, and the order of rows. Numpy and the standard library only.

A module is imported when one of its names is first used: mixtures and phases, the options, need no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharding.scheduling.mixture import (
        Mixture,
        MixtureLine,
        StratumSize,
        check_epochs,
        final_shares,
        largest_remainder,
        share_lines,
    )
    from sharding.scheduling.permutation import U64
    from sharding.scheduling.phase import Phase
    from sharding.scheduling.schedule import Rows, Schedule, create_schedule, is_schedule, schedule_path

__all__ = [
    "U64",
    "Mixture",
    "MixtureLine",
    "Phase",
    "Rows",
    "Schedule",
    "StratumSize",
    "check_epochs",
    "create_schedule",
    "final_shares",
    "is_schedule",
    "largest_remainder",
    "schedule_path",
    "share_lines",
]

_MODULES = {
    "U64": "permutation",
    "Phase": "phase",
    **dict.fromkeys(("Rows", "Schedule", "create_schedule", "is_schedule", "schedule_path"), "schedule"),
}
"""Modules of the names that are not in `mixture`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'mixture')}"), name)
