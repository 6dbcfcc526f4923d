"""The keyed permutation: a bijection of any size, the same on any machine, without visible order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.scheduling.permutation import permute, round_keys


def permutation(size: int, *name: str | int) -> list[int]:
    """Return the permutation of range(size) that `name` identifies."""
    keys = np.repeat(round_keys(*name)[:, None], size, axis=1)
    return permute(np.arange(size, dtype=np.uint64), np.full(size, size, np.uint64), keys).tolist()


@given(st.integers(1, 3000), st.integers())
def test_an_epoch_contains_every_row_once(size: int, seed: int) -> None:
    assert sorted(permutation(size, seed)) == list(range(size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 4096, 4097, 65_537])
def test_an_epoch_contains_every_row_once_at_sizes_near_powers_of_two(size: int) -> None:
    assert sorted(permutation(size, "root", 42, "web", 0)) == list(range(size))


def test_elements_of_many_permutations_are_computed_in_one_call() -> None:
    sizes = [7, 1000, 1, 4097]
    expected = [permutation(size, "seed", size)[size // 2] for size in sizes]
    index, size = (np.array(values, np.uint64) for values in ([s // 2 for s in sizes], sizes))
    keys = np.stack([round_keys("seed", s) for s in sizes], axis=1)
    assert permute(index, size, keys).tolist() == expected


@pytest.mark.fault(27)
def test_the_order_is_the_same_on_any_machine() -> None:
    # These numbers must not change: they determine the order of every existing dataset.
    assert permutation(12, "root", 42, "web", 0) == [4, 5, 3, 1, 0, 6, 10, 9, 2, 8, 11, 7]


def test_two_epochs_have_unrelated_orders() -> None:
    size = 10_000
    first, second = np.array(permutation(size, "a", 0)), np.array(permutation(size, "a", 1))
    assert (first == second).sum() < 10  # random permutations have 1 on average
    assert abs(np.corrcoef(first, np.arange(size))[0, 1]) < 0.04
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.04


def test_sizes_above_32_bits_are_supported() -> None:
    size = 2**40 + 7
    index = np.arange(1000, dtype=np.uint64)
    keys = np.repeat(round_keys("large")[:, None], 1000, axis=1)
    rows = permute(index, np.full(1000, size, np.uint64), keys)
    assert len(set(rows.tolist())) == 1000
    assert int(rows.max()) < size
