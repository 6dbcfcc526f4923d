"""Numbers of characters of the tokenizer's sample, computed from its mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.recipe.tokenizer_options import SampleOptions
from sharding.scheduling import MixtureLine, StratumSize, check_epochs, final_shares, largest_remainder, share_lines


def sample_quotas(
    strata: Sequence[dict[str, Any]], options: SampleOptions
) -> tuple[dict[str, int], list[MixtureLine]]:
    """Return the number of characters to sample from each stratum, and the table of shares.

    `strata`: lines with source, language, category and the available `chars`. The numbers sum to `options.chars` or to
    all available characters. A stratum's number can exceed its characters unless `max_epochs` is set. Raises
    OptionError.
    """
    sized = [
        StratumSize(stratum_name(line), line["chars"], line["source"], line["language"], line["category"])
        for line in strata
    ]
    sizes = {stratum.name: stratum.size for stratum in sized}
    chars = min(options.chars, sum(sizes.values()))
    shares = final_shares(sized, options, budget=chars)
    quotas = {name: quota for name, quota in largest_remainder(shares, chars).items() if quota}
    if options.max_epochs is not None and options.rule != "unimax":  # unimax applies the cap itself
        check_epochs(quotas, sizes, options.max_epochs, "characters")
    return quotas, share_lines(sizes, quotas)


def stratum_name(line: dict[str, Any]) -> str:
    """Return the name of a stratum: "source/language/category"."""
    return "/".join((line["source"], line["language"], line["category"]))
