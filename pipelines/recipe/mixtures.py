"""From a recipe's mixture to what the rooms take: frozen mixtures for sharding, whole quotas for tokenization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.recipe.options import MixtureOptions, PhaseOptions, SampleOptions
from sharding.scheduling.mixture import (
    Mixture,
    MixtureLine,
    Stratum,
    check_epochs,
    final_shares,
    largest_remainder,
    table,
)
from sharding.scheduling.schedule import Phase


def mixture_of(options: MixtureOptions) -> Mixture:
    """A recipe's mixture as sharding knows it."""
    return Mixture(
        rule=options.rule,
        by=options.by,
        shares=options.shares or {},
        power=options.power,
        temperature=options.temperature,
        max_epochs=options.max_epochs,
        within={name: mixture_of(inner) for name, inner in options.within.items()},
    )


def phase_of(options: PhaseOptions) -> Phase:
    """A recipe's phase as sharding knows it."""
    mixture = mixture_of(options.mixture) if options.mixture else None
    return Phase(options.name, steps=options.steps, tokens=options.tokens, mixture=mixture)


def sample_quotas(
    strata: Sequence[dict[str, Any]], options: SampleOptions
) -> tuple[dict[str, int], list[MixtureLine]]:
    """Characters to sample from each stratum, whole numbers, and the table.

    strata: lines with source, language, category and the `chars` there are of each. The numbers sum to what is
    asked for, or to all there are; but a stratum may be asked for more
    than there is of it, unless `max_epochs` says otherwise. Raises OptionError.
    """
    known = [
        Stratum(stratum_name(line), line["chars"], line["source"], line["language"], line["category"])
        for line in strata
    ]
    sizes = {stratum.name: stratum.size for stratum in known}
    chars = min(options.chars, sum(sizes.values()))
    shares = final_shares(known, mixture_of(options), budget=chars)
    quotas = {name: quota for name, quota in largest_remainder(shares, chars).items() if quota}
    if options.max_epochs is not None and options.rule != "unimax":  # which keeps to it by itself
        check_epochs(quotas, sizes, options.max_epochs, "characters")
    return quotas, table(sizes, quotas)


def stratum_name(line: dict[str, Any]) -> str:
    """Name of a stratum: "source/language/category"."""
    return "/".join((line["source"], line["language"], line["category"]))
