"""Mixtures: published shares are reproduced, totals are exact, and errors name the option to change."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import OptionError
from sharding.scheduling import Mixture, StratumSize, check_epochs, final_shares, largest_remainder, share_lines

DIALECTS = [
    StratumSize("arb_Arab", 98_000, language="arb_Arab"),
    StratumSize("ars_Arab", 800, language="ars_Arab"),
    StratumSize("arz_Arab", 1_200, language="arz_Arab"),
]
CATEGORIES = [
    StratumSize("a/arb", 900, source="a", language="arb", category="arabic"),
    StratumSize("a/arz", 100, source="a", language="arz", category="arabic"),
    StratumSize("b/eng", 2_000, source="b", language="eng", category="english"),
    StratumSize("c/py", 1_000, source="c", language="py", category="code"),
]


def percent(shares: dict[str, float]) -> list[float]:
    return [round(100 * share, 2) for share in shares.values()]


def test_inverse_frequency_at_038_gives_the_shares_of_arafusion() -> None:
    mixture = Mixture("inverse-frequency", "language", power=0.38)
    assert percent(final_shares(DIALECTS, mixture)) == [89.61, 4.55, 5.85]


@pytest.mark.parametrize(("epochs", "expected"), [(4, [92.7, 2.9, 4.4]), (5, [90.9, 3.7, 5.5]), (6, [89.0, 4.4, 6.6])])
def test_unimax_limits_small_groups_and_gives_the_rest_to_large_ones(epochs: float, expected: list[float]) -> None:
    # the run of AraFusion: 57.4 thousand million tokens drawn from 52.5 thousand million
    shares = final_shares(DIALECTS, Mixture("unimax", "language", max_epochs=epochs), budget=100_000 * 57.4 / 52.5)
    assert [round(100 * share, 1) for share in shares.values()] == expected


def test_temperature_is_a_power_of_the_share() -> None:
    shares = final_shares(DIALECTS, Mixture("temperature", "language", temperature=1 / 0.3))
    assert [round(100 * share, 1) for share in shares.values()] == [66.5, 15.7, 17.8]
    assert final_shares(DIALECTS, Mixture("temperature", "language", temperature=1)) == pytest.approx(
        final_shares(DIALECTS, Mixture())
    )


def test_given_shares_are_percentages_or_fractions() -> None:
    given_shares = {"arabic": 60.0, "english": 30.0, "code": 10.0}
    shares = final_shares(CATEGORIES, Mixture("proportional", "category", given_shares))
    assert shares == pytest.approx({"a/arb": 0.54, "a/arz": 0.06, "b/eng": 0.3, "c/py": 0.1})
    parts = {name: share / 100 for name, share in given_shares.items()}
    assert final_shares(CATEGORIES, Mixture("proportional", "category", parts)) == pytest.approx(shares)


def test_mixtures_nest() -> None:
    inner = Mixture("proportional", "language", {"arb": 0.5, "arz": 0.5})
    outer = Mixture("proportional", "category", {"arabic": 60, "english": 40, "code": 0}, within={"arabic": inner})
    shares = final_shares(CATEGORIES, outer)
    assert shares == pytest.approx({"a/arb": 0.3, "a/arz": 0.3, "b/eng": 0.4, "c/py": 0})
    assert outer.formula == "category: q as given; within arabic: language: q as given"


def test_a_natural_mixture_needs_no_attribute() -> None:
    assert final_shares([StratumSize("all", 5)], Mixture()) == {"all": 1.0}


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (Mixture("inverse-frequency"), "needs `power`"),
        (Mixture("temperature"), "needs `temperature`"),
        (Mixture("unimax", "category"), "needs `max_epochs`"),
        (Mixture("natural", power=0.3), "belongs to rule inverse-frequency"),
        (Mixture("proportional", "category"), "`shares` must be given for rule proportional"),
        (Mixture("inverse-frequency", power=1.5), "is not between 0"),
        (Mixture("temperature", temperature=0), "must be above 0"),
        (Mixture("proportional", "category", {"arabic": 50, "english": 20, "code": 20}), "sum to 90"),
        (Mixture("proportional", "category", {"arabic": 50, "english": 50}), "'code' has no share"),
        (Mixture("proportional", "category", {"arabic": -1, "english": 51, "code": 50}), "'arabic' is -1"),
        (
            Mixture("proportional", "category", {"arabic": 50, "english": 20, "code": 20, "math": 10}),
            "'math' has a share but no data",
        ),
        (Mixture("natural", "category", within={"math": Mixture()}), "`within` has 'math', but the groups are"),
        (Mixture("unimax", "category", max_epochs=0.5), "2000 short; train less or raise max_epochs"),
        (Mixture("natural", "size"), "'size' is unknown"),  # type: ignore[arg-type]
        (Mixture("alphabetical"), "'alphabetical' is unknown"),  # type: ignore[arg-type]
    ],
)
def test_an_invalid_mixture_is_refused(mixture: Mixture, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        final_shares(CATEGORIES, mixture)


def test_a_stratum_without_the_attribute_names_the_option_to_change() -> None:
    with pytest.raises(OptionError, match=r"add language to `pack\.strata`"):
        final_shares([StratumSize("web", 5, source="web")], Mixture("temperature", "language", temperature=2))


def test_an_empty_stratum_has_no_share_and_empty_strata_only_are_refused() -> None:
    shares = final_shares([*DIALECTS, StratumSize("ary_Arab", 0, language="ary_Arab")], Mixture())
    assert shares["ary_Arab"] == 0
    with pytest.raises(OptionError, match="every stratum is empty"):
        final_shares([StratumSize("ary_Arab", 0, language="ary_Arab")], Mixture())


def test_too_many_epochs_are_refused_with_stratum_and_shortfall() -> None:
    check_epochs({"a": 80, "b": 10}, {"a": 10, "b": 10}, 8, "rows")
    with pytest.raises(OptionError, match=r"'a' has 10 rows and 83 would be drawn \(8.30 epochs\).* 3 rows short"):
        check_epochs({"a": 83, "b": 10}, {"a": 10, "b": 10}, 8, "rows")


def test_the_table_has_natural_and_final_shares() -> None:
    first, second = share_lines({"b": 900, "a": 100}, {"a": 200, "b": 200})
    assert (first.stratum, first.natural, first.share, first.epochs, first.repeats) == ("a", 0.1, 0.5, 2.0, 5.0)
    assert (second.stratum, round(second.epochs, 4), round(second.repeats, 4)) == ("b", 0.2222, 0.5556)


names = st.text("abcdefgh", min_size=1, max_size=4)


@given(st.dictionaries(names, st.floats(0, 1e9), min_size=1, max_size=30), st.integers(0, 10**12))
def test_whole_units_add_up_and_are_within_one_unit_of_their_share(weights: dict[str, float], units: int) -> None:
    if not any(weights.values()):
        with pytest.raises(OptionError):
            largest_remainder(weights, units)
        return
    result = largest_remainder(weights, units)
    assert sum(result.values()) == units
    whole = math.fsum(weights.values())
    for name, weight in weights.items():
        assert abs(result[name] - weight / whole * units) < 1 + 1e-3 + units * 1e-12
    assert list(result.items()) == [(name, result[name]) for name in weights]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.sampled_from("xyz"), st.sampled_from("pq")),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(
        [
            Mixture(),
            Mixture("natural", "language"),
            Mixture("inverse-frequency", "source", power=0.5),
            Mixture("temperature", "language", temperature=5, within={}),
        ]
    ),
)
def test_shares_of_any_strata_sum_to_one(sizes: list[tuple[int, str, str]], mixture: Mixture) -> None:
    strata = [StratumSize(str(k), size, source, language) for k, (size, source, language) in enumerate(sizes)]
    if any(size for size, _, _ in sizes):
        shares = final_shares(strata, mixture)
        assert math.fsum(shares.values()) == pytest.approx(1)
        assert all(share >= 0 for share in shares.values())
