"""Packing: every token once, full rows, and few documents split over rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.packing import pack_rows
from sharding.packing.best_fit import Packed

POLICIES = ("best-fit", "concat")


def check(lengths: list[int], row_tokens: int, packed: Packed) -> None:
    """Check that the pieces tile full rows and cover every item once."""
    end = len(packed.item) - packed.carried
    total = sum(lengths)
    carried = packed.length[end:].astype(int).sum()
    assert carried == total % row_tokens
    # segments tile each row
    end_of_last = 0
    for position, length in zip(packed.position[:end].tolist(), packed.length[:end].tolist(), strict=True):
        assert position == end_of_last
        assert length > 0
        end_of_last = (end_of_last + length) % row_tokens
        assert end_of_last in (0, position + length)
    assert end_of_last == 0
    # pieces cover each item once
    pieces: dict[int, list[tuple[int, int]]] = {k: [] for k in range(len(lengths))}
    for item, offset, length in zip(packed.item.tolist(), packed.offset.tolist(), packed.length.tolist(), strict=True):
        pieces[item].append((offset, offset + length))
    for item, spans in pieces.items():
        spans.sort()
        assert [first for first, _ in spans] == [0, *(last for _, last in spans[:-1])]
        assert spans[-1][1] == lengths[item]


@given(
    st.lists(st.one_of(st.integers(1, 20), st.integers(1, 400)), min_size=1, max_size=120),
    st.integers(2, 150),
    st.sampled_from(POLICIES),
)
def test_rows_are_full_and_less_than_a_row_is_carried(lengths: list[int], row_tokens: int, policy: str) -> None:
    check(lengths, row_tokens, pack_rows(np.array(lengths), row_tokens, policy))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("row_tokens", [2, 63, 64, 65, 128, 65_535])
def test_rows_of_any_size_are_full(row_tokens: int, policy: str) -> None:
    lengths = np.random.default_rng(0).integers(1, 3 * row_tokens, 50).tolist()
    check(lengths, row_tokens, pack_rows(np.array(lengths), row_tokens, policy))


@pytest.mark.fault(16)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_document_of_100_million_tokens_is_split_into_rows(policy: str) -> None:
    packed = pack_rows(np.array([5, 100_000_000, 7]), 2048, policy)
    assert packed.length.astype(int).sum() == 100_000_012
    assert np.count_nonzero(packed.position[: -packed.carried or None] == 0) == 100_000_012 // 2048


def reference_bins(lengths: list[int], row_tokens: int) -> int:
    """Return the number of bins of textbook best-fit-decreasing: each item in the fullest bin that can take it."""
    spaces: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [(space, k) for k, space in enumerate(spaces) if space >= length]
        if fitting:
            spaces[min(fitting)[1]] -= length
        else:
            spaces.append(row_tokens - length)
    return len(spaces)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=150))
def test_the_number_of_bins_is_that_of_best_fit_decreasing(lengths: list[int]) -> None:
    from sharding.packing.best_fit import _assign

    _, bin_of, space = _assign(np.array(lengths, np.int32), 100)
    assert len(space) == reference_bins(lengths, 100)
    assert (np.bincount(bin_of, np.sort(lengths)[::-1], minlength=len(space)) == 100 - space).all()


@pytest.mark.parametrize(("row_tokens", "unavoidable", "most"), [(512, 0.5668, 0.012), (2048, 0.1118, 0.012)])
def test_few_documents_are_split_without_need(row_tokens: int, unavoidable: float, most: float) -> None:
    # documents of 1,000 tokens on average, log-normal: median 607, one in a hundred above 6,240
    drawn = np.random.default_rng(1).lognormal(np.log(1000) - 0.5, 1.0, 100_000)
    lengths = np.clip(drawn, 8, 1_000_000).astype(np.int64)
    packed = pack_rows(lengths, row_tokens)
    pieces = np.bincount(packed.item, minlength=len(lengths))
    assert (lengths > row_tokens).mean() == pytest.approx(unavoidable, abs=0.01)
    assert (pieces - -(-lengths // row_tokens)).sum() / len(lengths) < most
    assert ((pieces > 1) & (lengths <= row_tokens)).mean() < 0.001
    concat = np.bincount(pack_rows(lengths, row_tokens, "concat").item)
    assert ((concat > 1) & (lengths <= row_tokens)).mean() > 0.2


@pytest.mark.fault(27)
def test_packing_is_deterministic() -> None:
    lengths = np.random.default_rng(2).integers(1, 500, 2000)
    first, second = pack_rows(lengths, 256), pack_rows(lengths.copy(), 256)
    for column, other in zip(first[:-1], second[:-1], strict=True):
        assert (column == other).all()
