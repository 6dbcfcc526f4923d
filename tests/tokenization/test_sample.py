"""Quotas are met to the character, whatever the order of documents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenization.errors import EmptyCorpus, OptionError, SampleError
from tokenization.sample import choose, taken

DOCUMENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5_000)), min_size=1, max_size=60)


@given(DOCUMENTS, st.integers(0, 40_000), st.integers(0, 40_000), st.one_of(st.none(), st.integers(1, 2_000)))
@settings(max_examples=100, deadline=None)
def test_quotas_are_met_to_the_character_and_a_stratum_with_less_is_read_again(
    documents: list[tuple[str, int]], a: int, b: int, cap: int | None
) -> None:
    ids = [f"source/{number}" for number in range(len(documents))]
    strata = np.array([stratum for stratum, _ in documents])
    chars = np.array([length for _, length in documents])
    whole = np.minimum(chars, cap or 5_000)
    available = {name: int(whole[strata == name].sum()) for name in "abc"}
    quotas = {name: quota for name, quota in (("a", a), ("b", b)) if available[name]}
    sample = choose(ids, strata.tolist(), chars, quotas, seed=7, document_cap=cap)
    for name, quota in quotas.items():
        assert sample.chars[strata == name].sum() == sample.asked[name] == quota
        assert sample.available[name] == available[name]
        times = quota // available[name]  # no document is read twice before every one of its stratum was read once
        assert (sample.chars[strata == name] >= times * whole[strata == name]).all()
        assert (sample.chars[strata == name] <= (times + 1) * whole[strata == name]).all()
        assert (sample.chars[strata == name] % np.maximum(whole[strata == name], 1) > 0).sum() <= 1  # one is cut
    assert not sample.chars[strata == "c"].any()


@given(st.text(max_size=12), st.integers(0, 60), st.one_of(st.none(), st.integers(1, 8)))
def test_a_document_is_read_from_its_beginning_as_often_as_it_takes(text: str, chars: int, cap: int | None) -> None:
    pieces = list(taken(text, chars, cap))
    whole = text[:cap]
    assert "".join(pieces) == (whole * (chars + 1))[:chars]
    assert all(piece == whole for piece in pieces[:-1])


@pytest.mark.fault(6)
@given(st.permutations(range(40)), st.integers(0, 2**63))
@settings(max_examples=40, deadline=None)
def test_the_order_of_documents_does_not_matter(order: list[int], seed: int) -> None:
    chars = [(number * 37) % 101 for number in range(40)]
    straight = choose([f"d{n}" for n in range(40)], ["x"] * 40, chars, {"x": 700}, seed=seed)
    mixed = choose([f"d{n}" for n in order], ["x"] * 40, [chars[n] for n in order], {"x": 700}, seed=seed)
    assert straight.chars[order].tolist() == mixed.chars.tolist()


def test_another_seed_takes_other_documents_and_a_larger_quota_holds_the_smaller_sample() -> None:
    ids, strata, chars = [f"d{n}" for n in range(200)], ["x"] * 200, [100] * 200
    one, other = (choose(ids, strata, chars, {"x": 5_000}, seed=seed).chars for seed in (1, 2))
    assert one.tolist() != other.tolist()
    assert (choose(ids, strata, chars, {"x": 9_050}, seed=1).chars >= one).all()


def test_a_stratum_without_text_is_refused_by_name() -> None:
    with pytest.raises(EmptyCorpus, match="'arz'"):
        choose(["a"], ["arb"], [10], {"arb": 5, "arz": 5}, seed=0)
    with pytest.raises(EmptyCorpus, match="'arb'"):
        choose(["a"], ["arb"], [0], {"arb": 5}, seed=0)
    assert choose(["a"], ["arb"], [10], {"arb": 5, "arz": 0}, seed=0).asked == {"arb": 5, "arz": 0}


@pytest.mark.fault(15)
def test_an_id_that_comes_twice_is_refused() -> None:
    with pytest.raises(SampleError, match="'twice'"):
        choose(["twice", "once", "twice"], ["x"] * 3, [1, 1, 1], {"x": 3}, seed=0)


def test_columns_and_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SampleError, match="2 ids, 1 strata"):
        choose(["a", "b"], ["x"], [1, 1], {"x": 1}, seed=0)
    with pytest.raises(OptionError, match="quota of -1"):
        choose(["a"], ["x"], [1], {"x": -1}, seed=0)
    with pytest.raises(OptionError, match="document_cap = 0"):
        choose(["a"], ["x"], [1], {"x": 1}, seed=0, document_cap=0)
