"""Mixtures: the shares of strata in training, computed from their natural sizes.

A mixture groups strata by one attribute (source, language or category) and computes the share q of each group from its
natural share p. Within a group, shares are natural unless `within` has a mixture for it:

    natural             q = p
    proportional        q as given
    inverse-frequency   weight p^-power, so that q ~ p * p^-power; 98/0.8/1.2 at 0.38 -> 89.61/4.55/5.85
    temperature         q ~ p^(1/temperature)                    (Devlin 2019 for mBERT; XLM-R has 1/T = 0.3)
    unimax              equal shares, at most max_epochs of any group (Chung et al. 2023, arXiv:2304.09151, Alg. 1)

The unit of sizes is free: rows for a schedule, characters for the sample of a tokenizer. Shares are converted to whole
units by the largest remainder (Hamilton), exactly, in rational numbers. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, get_args

from sharding.errors import OptionError
from sharding.options import Attribute

Rule = Literal["natural", "proportional", "inverse-frequency", "temperature", "unimax"]

# The parameter of a rule, required for that rule and invalid for others. max_epochs is valid for every rule.
NUMBERS = {"power": "inverse-frequency", "temperature": "temperature"}


@dataclass(frozen=True, slots=True)
class StratumSize:
    """Natural size of a stratum, and its attributes: None if strata are not split by the attribute."""

    name: str
    size: int
    source: str | None = None
    language: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Mixture:
    """Division of a budget among groups of strata.

    rule: see the module; by: attribute that defines the groups; shares (rule proportional): share of each value of
    `by`, with the sum 1 or 100; power (inverse-frequency), temperature (temperature): parameter of the rule;
    max_epochs: limit of a group for unimax, and of every stratum over the whole run in `create_schedule`; within:
    mixture inside a group, by value of `by`.
    """

    rule: Rule = field(
        default="natural", metadata={"description": "rule that computes the shares from the natural shares p"}
    )
    by: Attribute = field(default="language", metadata={"description": "attribute to balance by"})
    shares: Mapping[str, float] | None = field(
        default=None, metadata={"description": "proportional: share of each value of `by`; the sum is 1 or 100"}
    )
    power: float | None = field(
        default=None, metadata={"description": "inverse-frequency: weight p^-power, so that share ~ p^(1-power)"}
    )
    temperature: float | None = field(
        default=None, metadata={"description": "temperature: share ~ p^(1/temperature)", "gt": 0}
    )
    max_epochs: float | None = field(
        default=None, metadata={"description": "maximum number of times that a row is read in the run", "gt": 0}
    )
    within: Mapping[str, Mixture] = field(
        default_factory=dict,
        metadata={"description": "mixtures inside a group: {arabic: {by: language, rule: ...}}"},
    )

    def check(self) -> None:
        """Raise OptionError for an unknown rule or attribute, an invalid parameter, and shares with a wrong sum."""
        for what, value, legal in (("rule", self.rule, get_args(Rule)), ("by", self.by, get_args(Attribute))):
            if value not in legal:
                raise OptionError(f"mixture: {what} {value!r} is unknown; choose one of {', '.join(legal)}")
        for name, rule in NUMBERS.items():
            given = getattr(self, name) is not None
            if given and self.rule != rule:
                raise OptionError(f"mixture by {self.by}: `{name}` belongs to rule {rule}, not to {self.rule}")
            if not given and self.rule == rule:
                raise OptionError(f"mixture by {self.by}: rule {rule} needs `{name}`")
        if self.rule == "unimax" and self.max_epochs is None:
            raise OptionError(f"mixture by {self.by}: rule unimax needs `max_epochs`")
        if bool(self.shares) != (self.rule == "proportional"):
            raise OptionError(
                f"mixture by {self.by}: `shares` must be given for rule proportional, and for no other rule"
            )
        if self.power is not None and not 0 <= self.power <= 1:
            raise OptionError(f"mixture by {self.by}: power {self.power} is not between 0 (natural) and 1 (equal)")
        for name in ("temperature", "max_epochs"):
            number = getattr(self, name)
            if number is not None and not 0 < number < math.inf:
                raise OptionError(f"mixture by {self.by}: {name} {number} must be above 0")
        if self.shares:
            negative = [value for value, share in self.shares.items() if not 0 <= share < math.inf]
            if negative:
                share = self.shares[negative[0]]
                raise OptionError(f"mixture by {self.by}: the share of {negative[0]!r} is {share}; choose 0 or more")
            whole = math.fsum(self.shares.values())
            if not any(math.isclose(whole, right, rel_tol=1e-6) for right in (1, 100)):
                raise OptionError(f"mixture by {self.by}: the shares sum to {whole:g}, not to 1 or 100")
        for inner in self.within.values():
            inner.check()

    def check_split(self, strata: Collection[str]) -> None:
        """Raise OptionError if the mixture groups by an attribute that is not in `strata` (option of packing)."""
        if self.rule == "natural" and not self.within:  # grouping has no effect
            return
        if self.by not in strata:
            raise OptionError(
                f"mixture by {self.by}: rows are not split by {self.by}, but by {_list(strata) or 'nothing'}; "
                f"add {self.by} to `pack.strata`"
            )
        for inner in self.within.values():
            inner.check_split(strata)

    @property
    def formula(self) -> str:
        """The rule as a formula, for example "language: q ~ p * p^-0.38"."""
        if self.rule == "natural" and not self.within:
            return "q = p"
        text = {
            "natural": "q = p",
            "proportional": "q as given",
            "inverse-frequency": f"q ~ p * p^-{self.power:g}" if self.power is not None else "",
            "temperature": f"q ~ p^(1/{self.temperature:g})" if self.temperature is not None else "",
            "unimax": f"equal, no more than {self.max_epochs:g} epochs" if self.max_epochs is not None else "",
        }[self.rule]
        inner = "".join(f"; within {name}: {mixture.formula}" for name, mixture in sorted(self.within.items()))
        return f"{self.by}: {text}{inner}"


def final_shares(strata: Sequence[StratumSize], mixture: Mixture, budget: float | None = None) -> dict[str, float]:
    """Return the share of each stratum by name. The sum is 1; a stratum of size 0 has share 0.

    strata: sizes in any one unit; budget: total to draw, in the same unit (only unimax depends on it); None for one
    epoch. Raises OptionError as `Mixture.check` does, and for a group without a share, a share without a group, empty
    strata only, and a budget above the limit of unimax.
    """
    mixture.check()
    present = [stratum for stratum in strata if stratum.size > 0]
    if not present:
        raise OptionError("mixture: every stratum is empty; pack a dataset with documents")
    size = sum(stratum.size for stratum in present)
    shares = dict.fromkeys((stratum.name for stratum in strata), 0.0)
    shares.update(_divide(present, mixture, float(size if budget is None else budget)))
    return shares


def _divide(strata: Sequence[StratumSize], mixture: Mixture, budget: float) -> dict[str, float]:
    if mixture.rule == "natural" and not mixture.within:  # grouping has no effect
        size = sum(stratum.size for stratum in strata)
        return {stratum.name: stratum.size / size for stratum in strata}
    groups: dict[str, list[StratumSize]] = {}
    for stratum in strata:
        value = getattr(stratum, mixture.by)
        if value is None:
            raise OptionError(
                f"mixture by {mixture.by}: stratum {stratum.name!r} is not split by {mixture.by}; "
                f"add {mixture.by} to `pack.strata`"
            )
        groups.setdefault(value, []).append(stratum)
    unknown = sorted(set(mixture.within) - set(groups))
    if unknown:
        raise OptionError(f"mixture by {mixture.by}: `within` has {unknown[0]!r}, but the groups are {_list(groups)}")
    sizes = {value: sum(s.size for s in groups[value]) for value in sorted(groups)}
    shares: dict[str, float] = {}
    for value, share in _rule(sizes, mixture, budget).items():
        members = groups[value]
        if value in mixture.within:
            inner = _divide(members, mixture.within[value], budget * share)
        else:
            inner = {s.name: s.size / sizes[value] for s in members}
        shares.update({name: share * part for name, part in inner.items()})
    return shares


def _rule(sizes: Mapping[str, int], mixture: Mixture, budget: float) -> dict[str, float]:
    natural = sum(sizes.values())
    match mixture.rule:
        case "proportional":
            weights = _given(sizes, mixture)
        case "inverse-frequency":
            weights = {value: (size / natural) ** (1 - (mixture.power or 0)) for value, size in sizes.items()}
        case "temperature":
            weights = {value: (size / natural) ** (1 / (mixture.temperature or 1)) for value, size in sizes.items()}
        case "unimax":
            weights = _unimax(sizes, mixture, budget)
        case "natural":
            weights = {value: float(size) for value, size in sizes.items()}
    whole = math.fsum(weights.values())
    return {value: weight / whole for value, weight in weights.items()}


def _given(sizes: Mapping[str, int], mixture: Mixture) -> dict[str, float]:
    shares = dict(mixture.shares or {})
    missing = [value for value in sizes if value not in shares]
    if missing:
        raise OptionError(f"mixture by {mixture.by}: {missing[0]!r} has no share; give it a share, or 0 to exclude it")
    absent = [value for value, share in shares.items() if share > 0 and value not in sizes]
    if absent:
        raise OptionError(
            f"mixture by {mixture.by}: {absent[0]!r} has a share but no data; the groups with data are {_list(sizes)}"
        )
    return {value: float(shares[value]) for value in sizes}


def _unimax(sizes: Mapping[str, int], mixture: Mixture, budget: float) -> dict[str, float]:
    cap = mixture.max_epochs or 0.0
    available = cap * sum(sizes.values())
    if budget > available * (1 + 1e-9):
        raise OptionError(
            f"mixture by {mixture.by}: {_list(sizes)} give {available:.0f} in {cap:g} epochs, but "
            f"{budget:.0f} are needed: {budget - available:.0f} short; train less or raise max_epochs"
        )
    weights: dict[str, float] = {}
    remaining = budget
    smallest_first = sorted(sizes, key=lambda value: (sizes[value], value))
    for done, value in enumerate(smallest_first):
        weights[value] = min(remaining / (len(sizes) - done), cap * sizes[value])
        remaining -= weights[value]
    return weights


def _list(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


def largest_remainder(weights: Mapping[str, float], units: int) -> dict[str, int]:
    """Divide `units` in proportion to weights. Returns whole units by name, each less than 1 from its exact share.

    Shares are rounded down; the remaining units are added to the largest remainders, ties by name. The computation is
    in rational numbers, so that the same floats give the same units on any machine. Raises OptionError if all weights
    are 0.
    """
    exact = {name: Fraction(weight) for name, weight in weights.items()}
    whole = sum(exact.values())
    if whole <= 0:
        raise OptionError("every weight is 0: give at least one a positive weight")
    ideal = {name: weight * units / whole for name, weight in exact.items()}
    result = {name: math.floor(value) for name, value in ideal.items()}
    by_remainder = sorted(exact, key=lambda name: (result[name] - ideal[name], name))
    for name in by_remainder[: units - sum(result.values())]:
        result[name] += 1
    return result


def check_epochs(drawn: Mapping[str, int], sizes: Mapping[str, int], max_epochs: float, unit: str) -> None:
    """Raise OptionError if more than max_epochs times its size is drawn from a stratum.

    drawn, sizes: by stratum, in `unit`, which is used in the message.
    """
    for name in sorted(drawn):
        most = math.floor(max_epochs * sizes[name])
        if drawn[name] > most:
            epochs = f"{drawn[name] / sizes[name]:.2f} epochs" if sizes[name] else "it is empty"
            raise OptionError(
                f"stratum {name!r} has {sizes[name]} {unit} and {drawn[name]} would be drawn ({epochs}): "
                f"with max_epochs {max_epochs:g} it is {drawn[name] - most} {unit} short; "
                "lower its share, train less or raise max_epochs"
            )


@dataclass(frozen=True, slots=True)
class MixtureLine:
    """One line of the table of shares.

    size, drawn: in one unit; natural, share: fractions of the total size and of the total drawn; epochs: drawn / size;
    repeats: share / natural.
    """

    stratum: str
    size: int
    natural: float
    share: float
    drawn: int
    epochs: float
    repeats: float


def share_lines(sizes: Mapping[str, int], drawn: Mapping[str, int]) -> list[MixtureLine]:
    """Return the natural and final shares of all strata, sorted by name. `drawn` is in the unit of `sizes`."""
    whole, budget = sum(sizes.values()), sum(drawn.values())
    lines = []
    for name in sorted(sizes):
        size, units = sizes[name], drawn.get(name, 0)
        natural = size / whole if whole else 0.0
        share = units / budget if budget else 0.0
        lines.append(
            MixtureLine(
                name, size, natural, share, units, units / size if size else 0.0, share / natural if natural else 0.0
            )
        )
    return lines
