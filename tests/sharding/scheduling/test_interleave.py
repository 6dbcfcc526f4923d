"""Interleaving: exact quotas, and an error below two rows at every draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import OptionError
from sharding.scheduling.interleave import MAX_DRAWS, Interleaving

quotas = st.dictionaries(
    st.text("abcdefghij", min_size=1, max_size=3), st.integers(0, 400), min_size=1, max_size=25
).filter(lambda quotas: sum(quotas.values()) > 0)


@given(quotas)
def test_every_stratum_is_within_two_rows_of_its_share_and_quotas_are_exact(quotas: dict[str, int]) -> None:
    interleaving = Interleaving(quotas)
    stratum, count = interleaving.locate(np.arange(interleaving.draws))
    n = np.arange(1, interleaving.draws + 1)
    for k, name in enumerate(interleaving.names):
        drawn = np.cumsum(stratum == k)
        assert drawn[-1] == quotas[name]
        assert np.abs(drawn - n * (quotas[name] / interleaving.draws)).max() < 1.68
        assert (count[stratum == k] == np.arange(quotas[name])).all()


@given(quotas, st.data())
def test_any_draw_can_be_located_alone(quotas: dict[str, int], data: st.DataObject) -> None:
    interleaving = Interleaving(quotas)
    every, counts = interleaving.locate(np.arange(interleaving.draws))
    draw = data.draw(st.integers(0, interleaving.draws - 1))
    stratum, count = interleaving.locate(np.array([draw]))
    assert (stratum[0], count[0]) == (every[draw], counts[draw])
    taken = interleaving.taken(draw)
    assert taken == {name: int((every[:draw] == k).sum()) for k, name in enumerate(interleaving.names)}


@given(st.lists(st.integers(1, MAX_DRAWS // 40), min_size=2, max_size=40), st.data())
def test_the_error_bound_holds_for_long_runs(counts: list[int], data: st.DataObject) -> None:
    interleaving = Interleaving({str(k): count for k, count in enumerate(counts)})
    n = data.draw(st.integers(0, interleaving.draws))
    taken = interleaving.taken(n)
    assert sum(taken.values()) == n
    for k, count in enumerate(counts):
        # computed in integers: |taken - n * count / draws| < 1.68
        assert 100 * abs(taken[str(k)] * interleaving.draws - n * count) < 168 * interleaving.draws


def test_the_error_bound_holds_for_fibonacci_quotas_the_deepest_tree() -> None:
    fibonacci = [1, 1]
    while sum(fibonacci) < 20_000:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    interleaving = Interleaving({f"{k:02}": quota for k, quota in enumerate(fibonacci)})
    stratum, _ = interleaving.locate(np.arange(interleaving.draws))
    n = np.arange(1, interleaving.draws + 1)
    worst = max(
        np.abs(np.cumsum(stratum == k) - n * (quota / interleaving.draws)).max() for k, quota in enumerate(fibonacci)
    )
    assert worst < 1.68


@pytest.mark.parametrize("quotas", [{}, {"a": 0}, {"a": MAX_DRAWS, "b": 1}, {"a": -1, "b": 5}])
def test_impossible_quotas_are_refused(quotas: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="a phase must draw"):
        Interleaving(quotas)
