"""From the mixture of the tokenizer's sample to whole numbers of characters, which tokenization takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.recipe.tokenizer_options import SampleOptions
from sharding.scheduling import MixtureLine, StratumSize, check_epochs, final_shares, largest_remainder, share_lines


def sample_quotas(
    strata: Sequence[dict[str, Any]], options: SampleOptions
) -> tuple[dict[str, int], list[MixtureLine]]:
    """Characters to sample from each stratum, whole numbers, and the table.

    strata: lines with source, language, category and the `chars` there are of each. The numbers sum to what is
    asked for, or to all there are; but a stratum may be asked for more
    than there is of it, unless `max_epochs` says otherwise. Raises OptionError.
    """
    known = [
        StratumSize(stratum_name(line), line["chars"], line["source"], line["language"], line["category"])
        for line in strata
    ]
    sizes = {stratum.name: stratum.size for stratum in known}
    chars = min(options.chars, sum(sizes.values()))
    shares = final_shares(known, options, budget=chars)
    quotas = {name: quota for name, quota in largest_remainder(shares, chars).items() if quota}
    if options.max_epochs is not None and options.rule != "unimax":  # which keeps to it by itself
        check_epochs(quotas, sizes, options.max_epochs, "characters")
    return quotas, share_lines(sizes, quotas)


def stratum_name(line: dict[str, Any]) -> str:
    """Name of a stratum: "source/language/category"."""
    return "/".join((line["source"], line["language"], line["category"]))
