"""Quotas are met to the character, in any order of documents."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError, SampleError
from tokenization.training import DuplicateId, available_chars, choose_sample, sample_entries, sampled_text

DOCUMENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5_000)), min_size=1, max_size=60)


def drawn(
    ids: Sequence[str], chars: Sequence[int], quotas: Mapping[str, int], seed: int = 0, strata: Sequence[str] = "x"
) -> NDArray[np.int64]:
    """Return the characters that are taken from documents of one stratum."""
    listed = sample_entries(ids, [0] * len(ids), chars, seed=seed)
    return choose_sample(lambda: [listed], available_chars([listed], strata), quotas).chars(listed)


@given(
    DOCUMENTS,
    st.integers(0, 40_000),
    st.integers(0, 40_000),
    st.one_of(st.none(), st.integers(1, 2_000)),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(1, 80),
)
def test_quotas_are_met_to_the_character_and_a_stratum_with_less_is_read_again(
    documents: list[tuple[int, int]], a: int, b: int, cap: int | None, limits: list[int], at_once: int
) -> None:
    """For any number of parts, and any number of entries in memory."""
    ids = [f"source/{number}" for number in range(len(documents))]
    strata = np.array([stratum for stratum, _ in documents])
    chars = np.array([length for _, length in documents])
    listed = sample_entries(ids, strata, chars, seed=7, document_cap=cap)
    parts = [listed[start:stop] for start, stop in pairwise([0, *sorted(limits), len(ids)])]
    whole = np.minimum(chars, cap or 5_000)
    there = available_chars(parts, "abc")
    assert there == {name: int(whole[strata == number].sum()) for number, name in enumerate("abc")}
    quotas = {name: quota for name, quota in (("a", a), ("b", b)) if there[name]}
    sample = choose_sample(lambda: parts, there, quotas, at_once=at_once)
    assert sample == choose_sample(lambda: [listed], there, quotas)
    taken = np.concatenate([sample.chars(part) for part in parts])
    for number, name in enumerate("ab"):
        if name not in quotas:
            continue
        mine, full = taken[strata == number], whole[strata == number]
        assert mine.sum() == quotas[name]
        times = quotas[name] // there[name]  # every document of a stratum is read once before one is read twice
        assert (mine >= times * full).all()
        assert (mine <= (times + 1) * full).all()
        assert (mine % np.maximum(full, 1) > 0).sum() <= 1  # one document is truncated
    assert not taken[strata == 2].any()


@given(st.text(max_size=12), st.integers(0, 60), st.one_of(st.none(), st.integers(1, 8)))
def test_a_document_is_read_from_its_beginning_as_often_as_it_takes(text: str, chars: int, cap: int | None) -> None:
    pieces = list(sampled_text(text, chars, cap))
    whole = text[:cap]
    assert "".join(pieces) == (whole * (chars + 1))[:chars]
    assert all(piece == whole for piece in pieces[:-1])


@pytest.mark.fault(6)
@given(st.permutations(range(40)), st.integers(0, 2**63))
def test_the_order_of_documents_does_not_matter(order: list[int], seed: int) -> None:
    chars = [(number * 37) % 101 for number in range(40)]
    straight = drawn([f"d{n}" for n in range(40)], chars, {"x": 700}, seed)
    mixed = drawn([f"d{n}" for n in order], [chars[n] for n in order], {"x": 700}, seed)
    assert straight[order].tolist() == mixed.tolist()


def test_another_seed_takes_other_documents_and_a_larger_quota_holds_the_smaller_sample() -> None:
    ids, chars = [f"d{n}" for n in range(200)], [100] * 200
    first, second = (drawn(ids, chars, {"x": 5_000}, seed) for seed in (1, 2))
    assert first.tolist() != second.tolist()
    assert (drawn(ids, chars, {"x": 9_050}, 1) >= first).all()


def test_a_stratum_without_text_is_refused_by_name() -> None:
    with pytest.raises(EmptyCorpus, match="'arz'"):
        drawn(["a"], [10], {"arb": 5, "arz": 5}, strata=["arb"])
    with pytest.raises(EmptyCorpus, match="'arb'"):
        drawn(["a"], [0], {"arb": 5}, strata=["arb"])
    assert drawn(["a"], [10], {"arb": 5, "arz": 0}, strata=["arb"]).tolist() == [5]


@pytest.mark.fault(15)
def test_an_id_that_occurs_twice_is_refused_in_any_parts() -> None:
    parts = [
        sample_entries(ids, [0] * len(ids), [1] * len(ids), seed=0) for ids in (["a", "twice"], ["b"], ["twice", "c"])
    ]
    with pytest.raises(DuplicateId) as caught:
        choose_sample(lambda: parts, available_chars(parts, "x"), {"x": 3}, at_once=2)
    assert (caught.value.part, caught.value.line) == (0, 1)


def test_columns_and_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SampleError, match=r"2 ids, 1 strata.*equal length"):
        sample_entries(["a", "b"], [0], [1, 1], seed=0)
    with pytest.raises(OptionError, match="'x': quota = -1"):
        drawn(["a"], [1], {"x": -1})
    with pytest.raises(OptionError, match="document_cap = 0"):
        sample_entries(["a"], [0], [1], seed=0, document_cap=0)
