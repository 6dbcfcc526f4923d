"""The keyed permutation: a bijection of any size, the same on any machine, shuffling well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.scheduling.permutation import permute, round_keys


def whole(size: int, *name: str | int) -> list[int]:
    keys = np.repeat(round_keys(*name)[:, None], size, axis=1)
    return permute(np.arange(size, dtype=np.uint64), np.full(size, size, np.uint64), keys).tolist()


@given(st.integers(1, 3000), st.integers())
def test_every_row_once_in_an_epoch(size: int, seed: int) -> None:
    assert sorted(whole(size, seed)) == list(range(size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 4096, 4097, 65_537])
def test_every_row_once_at_the_edges_of_powers(size: int) -> None:
    assert sorted(whole(size, "root", 42, "web", 0)) == list(range(size))


def test_elements_of_many_permutations_are_found_in_one_call() -> None:
    sizes = [7, 1000, 1, 4097]
    expected = [whole(size, "seed", size)[size // 2] for size in sizes]
    index, size = (np.array(values, np.uint64) for values in ([s // 2 for s in sizes], sizes))
    keys = np.stack([round_keys("seed", s) for s in sizes], axis=1)
    assert permute(index, size, keys).tolist() == expected


@pytest.mark.fault(27)
def test_the_order_is_the_same_on_any_machine() -> None:
    # Frozen: a change here changes the order of every dataset that is being trained on.
    assert whole(12, "root", 42, "web", 0) == [4, 5, 3, 1, 0, 6, 10, 9, 2, 8, 11, 7]


def test_two_epochs_have_nothing_in_common() -> None:
    size = 10_000
    first, second = np.array(whole(size, "a", 0)), np.array(whole(size, "a", 1))
    assert (first == second).sum() < 10  # 1 is expected of random permutations
    assert abs(np.corrcoef(first, np.arange(size))[0, 1]) < 0.04
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.04


def test_sizes_beyond_32_bits() -> None:
    size = 2**40 + 7
    index = np.arange(1000, dtype=np.uint64)
    keys = np.repeat(round_keys("large")[:, None], 1000, axis=1)
    rows = permute(index, np.full(1000, size, np.uint64), keys)
    assert len(set(rows.tolist())) == 1000
    assert int(rows.max()) < size
