"""Holding out: whole clusters, selected by hash, enough rows of each stratum, and at most half of it."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import OptionError
from sharding.options import Validation
from sharding.packing import holdout
from sharding.packing.holdout import choose, is_chosen, keyed_hashes

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def hold_out(
    streams: np.ndarray,
    stratum: np.ndarray,
    clusters: np.ndarray,
    names: list[str],
    validation: Validation,
    row_tokens: int,
    chunk: int = 1 << 20,
) -> np.ndarray:
    """Return whether each document is held out. chunk: documents that are read at once."""

    def members() -> Iterator[Arrays]:
        for start in range(0, len(clusters), chunk):
            rows = slice(start, start + chunk)
            yield streams[rows], stratum[rows], clusters[rows]

    return is_chosen(clusters, choose(members, names, validation, row_tokens))


def corpus(seed: int, sizes: list[int], cluster_size: int = 3) -> Arrays:
    """Return lengths, strata and cluster hashes of documents, with `cluster_size` documents per cluster on average."""
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    lengths = rng.integers(1, 60, count)
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    clusters = keyed_hashes((str(k) for k in rng.integers(0, max(count // cluster_size, 1), count)), seed)
    return lengths, stratum, clusters


@given(st.integers(0, 50), st.lists(st.integers(20, 200), min_size=1, max_size=4), st.integers(1, 15))
def test_clusters_stay_together_and_every_stratum_has_validation_rows(seed: int, sizes: list[int], rows: int) -> None:
    lengths, stratum, clusters = corpus(seed, sizes)
    names = [f"s{k}" for k in range(len(sizes))]
    held = hold_out(lengths, stratum, clusters, names, Validation(rows=rows), 16)
    for cluster in np.unique(clusters):
        assert len(set(held[clusters == cluster].tolist())) == 1
    held_rows = [int(lengths[held & (stratum == k)].sum()) // 16 for k in range(len(sizes))]
    assert sum(held_rows) >= rows
    for k in range(len(sizes)):
        all_rows = int(lengths[stratum == k].sum()) // 16
        assert held_rows[k] >= 1 or all_rows < 20
        assert held_rows[k] >= rows * lengths[stratum == k].sum() // lengths.sum()


def test_the_selection_does_not_depend_on_the_order_of_the_corpus() -> None:
    lengths, stratum, clusters = corpus(1, [300, 100])
    held = hold_out(lengths, stratum, clusters, ["a", "b"], Validation(rows=12), 32)
    shuffled = np.random.default_rng(0).permutation(400)
    again = hold_out(lengths[shuffled], stratum[shuffled], clusters[shuffled], ["a", "b"], Validation(rows=12), 32)
    assert (again == held[shuffled]).all()


def test_another_seed_selects_other_clusters() -> None:
    names = [f"web/{k}" for k in range(1000)]
    first, second = (np.argsort(keyed_hashes(names, seed))[:100] for seed in (0, 1))
    assert len(set(first.tolist()) & set(second.tolist())) < 30


def test_hashes_are_the_same_on_any_machine() -> None:
    hashes = keyed_hashes(["web/1", "كتاب"], 42).tolist()
    assert [hex(number) for number in hashes] == [
        "0x2bc83ef9fbb5c07a",
        "0x228f11f3ffc55e35",
    ]


def test_a_share_counts_rows() -> None:
    lengths, stratum, clusters = corpus(2, [500])
    held = hold_out(lengths, stratum, clusters, ["a"], Validation(share=0.1), 32)
    assert lengths[held].sum() / lengths.sum() == pytest.approx(0.1, abs=0.02)


def test_a_book_with_most_of_its_stratum_remains_in_training() -> None:
    lengths, stratum = np.array([1000, 40, 40, 40]), np.zeros(4, np.int64)
    for seed in range(10):
        clusters = keyed_hashes(["book", "a", "b", "c"], seed)
        held = hold_out(lengths, stratum, clusters, ["all"], Validation(rows=3), 32)
        assert not held[0]
        assert 96 <= lengths[held].sum() <= 120


def test_more_rows_than_can_be_held_out_are_refused() -> None:
    lengths, stratum = np.array([1000, 40]), np.zeros(2, np.int64)
    with pytest.raises(OptionError, match=r"2 rows are asked for.* give 1; ask for fewer"):
        hold_out(lengths, stratum, keyed_hashes(["book", "a"], 0), ["all"], Validation(rows=2), 32)


def test_rows_that_a_stratum_cannot_give_are_divided_among_the_others() -> None:
    lengths = np.concatenate([np.array([3200]), np.full(100, 32)])
    stratum = np.concatenate([np.zeros(1, np.int64), np.ones(100, np.int64)])
    clusters = keyed_hashes((str(k) for k in range(101)), 0)
    held = hold_out(lengths, stratum, clusters, ["book", "web"], Validation(rows=10), 32)
    assert not held[0]
    assert held.sum() == 10


def test_a_share_of_a_single_document_holds_out_nothing() -> None:
    held = hold_out(
        np.array([5000]), np.zeros(1, np.int64), keyed_hashes(["a"], 0), ["all"], Validation(share=0.1), 32
    )
    assert not held.any()


def by_sorting(lengths: np.ndarray, stratum: np.ndarray, clusters: np.ndarray, rows: dict[str, int]) -> np.ndarray:
    """Hold out the first clusters of each stratum that fill its rows of 16 tokens, by sorting all hashes."""
    chosen = []
    for k, required in enumerate(rows.values()):
        names = np.unique(clusters[stratum == k])
        sizes = np.array([lengths[(stratum == k) & (clusters == name)].sum() for name in names])
        names, sizes = (values[2 * sizes <= sizes.sum()] for values in (names, sizes))
        if required:
            chosen.append(names[: int(np.searchsorted(np.cumsum(sizes), required * 16)) + 1])
    return np.isin(clusters, np.concatenate(chosen)) if chosen else np.zeros(len(clusters), bool)


@given(
    st.integers(0, 999), st.lists(st.integers(1, 150), min_size=1, max_size=3), st.integers(1, 40), st.integers(1, 9)
)
def test_the_clusters_are_those_of_sorting_all_hashes(seed: int, sizes: list[int], size: int, share: int) -> None:
    """For clusters of any size, one above half of its stratum, empty documents and any chunks."""
    lengths, stratum, clusters = corpus(seed, sizes, cluster_size=size)
    rng = np.random.default_rng(seed)
    lengths[rng.random(len(lengths)) < 0.2] = 0
    lengths[rng.integers(0, len(lengths))] = 5_000
    clusters[rng.random(len(lengths)) < 0.3] = clusters[0] >> np.uint64(40)
    names = [f"s{k}" for k in range(len(sizes))]
    with mock.patch.object(holdout, "_quotas", wraps=holdout._quotas) as quotas:
        held = hold_out(lengths, stratum, clusters, names, Validation(share=share / 20), 16, chunk=7)
    rows = holdout._quotas(*quotas.call_args.args)
    assert (held == by_sorting(lengths, stratum, clusters, rows)).all()
