"""Scheduling: mixtures of strata, phases, and the order of rows. Numpy and the standard library only."""

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
from sharding.scheduling.schedule import Phase, Rows, Schedule, create_schedule, is_schedule

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
    "share_lines",
]
