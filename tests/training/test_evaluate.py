import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from sharding import Dataset
from sharding.layout import StratumLayout
from training.config import Config, TrainError
from training.evaluate import TokenSizes, choose_rows, out_of_patience, report, sum_rows
from training.model import Decoder, make_model
from training.ranks import Ranks

ALONE = Ranks(0, 1, torch.device("cpu"))


def some_model(data: Dataset) -> Decoder:
    model = make_model(Config(preset="llama", layers=1, width=16).model(data.vocab_size, data.row_tokens), 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


def test_bits_per_byte_equal_an_independent_computation_in_float64(dataset: Path) -> None:
    data = Dataset(dataset)
    model, sizes = some_model(data), TokenSizes.read(data.tokenizer, data.vocab_size)
    rows = choose_rows(data.validation.strata, None)
    sums = sum_rows(model, data.validation, rows, sizes, ALONE, batch=3)
    assert sums is not None
    found = report(sums, rows, data.validation.strata)

    token_bytes = np.load(data.tokenizer / "token_bytes.npy")
    nats = bytes_ = all_nats = targets = 0.0
    for row in range(data.validation.rows):
        batch = data.validation.read([row])
        with torch.no_grad():
            logits = model.logits(torch.from_numpy(batch.ids))[0]
        for place in range(1, data.row_tokens):
            if not batch.starts[0, place]:
                one = -float(F.log_softmax(logits[place - 1].double(), dim=0)[batch.ids[0, place]])
                all_nats, targets = all_nats + one, targets + 1
                if token_bytes[batch.ids[0, place]]:
                    nats, bytes_ = nats + one, bytes_ + token_bytes[batch.ids[0, place]]
    assert found["bytes"] == bytes_
    assert found["targets"] == targets
    # our nats are fp32 per token; the sums over them are not
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / bytes_, rel=1e-6)
    assert found["loss"] == pytest.approx(all_nats / targets, rel=1e-6)
    assert found["nats"] == pytest.approx(found["bits_per_byte"] * math.log(2) * found["bytes"], rel=1e-12)


def test_bits_per_byte_of_the_same_nats_agree_to_nine_digits(dataset: Path) -> None:
    data = Dataset(dataset)
    model, sizes = some_model(data), TokenSizes.read(data.tokenizer, data.vocab_size)
    rows = choose_rows(data.validation.strata, None)
    sums = sum_rows(model, data.validation, rows, sizes, ALONE, batch=3)
    assert sums is not None
    found = report(sums, rows, data.validation.strata)["bits_per_byte"]

    token_bytes = np.load(data.tokenizer / "token_bytes.npy").tolist()
    nats, bytes_ = [], 0
    for first in range(0, data.validation.rows, 3):
        batch = data.validation.read(rows[first : first + 3])
        target = torch.from_numpy(batch.ids).roll(-1, 1)
        target[:, -1] = target[:, :-1][torch.from_numpy(batch.starts)[:, 1:]] = -1
        with torch.no_grad():
            each = model(torch.from_numpy(batch.ids), target)[1]
        for one, nat in zip(target.flatten().tolist(), each.flatten().tolist(), strict=True):
            if one >= 0 and token_bytes[one]:
                nats.append(nat)
                bytes_ += token_bytes[one]
    assert found == pytest.approx(math.fsum(nats) / math.log(2) / bytes_, rel=1e-9)


def test_special_tokens_leave_bytes_and_nats_alike(dataset: Path) -> None:
    data = Dataset(dataset)
    sizes = TokenSizes.read(data.tokenizer, data.vocab_size)
    model, rows = some_model(data), np.arange(2)
    plain = sum_rows(model, data.validation, rows, sizes, ALONE, batch=2)
    letter = int(data.validation.read([0]).ids[0, 5])
    special = TokenSizes(sizes.bytes.copy(), sizes.chars.copy())
    special.bytes[letter] = special.chars[letter] = 0
    without = sum_rows(model, data.validation, rows, special, ALONE, batch=2)
    assert plain is not None
    assert without is not None
    assert (without[:, :3] <= plain[:, :3]).all()
    assert (without[0, :2] < plain[0, :2]).all()
    assert np.array_equal(without[:, 3:], plain[:, 3:])


def test_figures_by_source_language_category_and_stratum_add_up_to_the_whole(dataset: Path) -> None:
    data = Dataset(dataset)
    sizes = TokenSizes.read(data.tokenizer, data.vocab_size)
    rows = choose_rows(data.validation.strata, None)
    sums = sum_rows(some_model(data), data.validation, rows, sizes, ALONE, batch=4)
    assert sums is not None
    found = report(sums, rows, data.validation.strata)
    assert set(found["by_language"]) == {"arb_Arab", "arz_Arab", "eng_Latn"}
    assert set(found["by_category"]) == {"arabic", "english"}
    for by in ("by_source", "by_language", "by_category", "by_stratum"):
        for what in ("bytes", "chars", "targets", "rows"):
            assert sum(one[what] for one in found[by].values()) == found[what]
        assert sum(one["nats"] for one in found[by].values()) == pytest.approx(found["nats"], rel=1e-12)
    mean = sum(one["bits_per_byte"] for one in found["by_stratum"].values()) / 3
    assert found["macro_bits_per_byte"] == pytest.approx(mean)


def test_a_signal_ends_validation_without_figures(dataset: Path) -> None:
    data = Dataset(dataset)
    sizes = TokenSizes.read(data.tokenizer, data.vocab_size)
    asked = iter([False, True])
    assert sum_rows(some_model(data), data.validation, np.arange(4), sizes, ALONE, 1, lambda: next(asked)) is None


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.integers(1, 500))
def test_chosen_rows_are_distinct_in_proportion_and_of_every_stratum(sizes: list[int], wanted: int) -> None:
    strata, first = [], 0
    for number, size in enumerate(sizes):
        strata.append(StratumLayout(str(number), None, None, None, first, size, 0, 0, 0, 0))
        first += size
    rows = choose_rows(strata, wanted)
    total = sum(sizes)
    assert len(set(rows.tolist())) == len(rows)
    if wanted >= total:
        assert rows.tolist() == list(range(total))
        return
    assert wanted <= len(rows) <= wanted + len(sizes)
    for stratum in strata:
        inside = ((rows >= stratum.first_row) & (rows < stratum.first_row + stratum.rows)).sum()
        assert inside >= min(1, stratum.rows)
        assert abs(inside - stratum.rows * wanted / total) <= 1


@pytest.mark.fault(23)
def test_token_sizes_of_another_vocabulary_are_refused(dataset: Path) -> None:
    with pytest.raises(TrainError, match=r"token_bytes\.npy has shape \(265,\), the dataset has 300 ids"):
        TokenSizes.read(Dataset(dataset).tokenizer, 300)
    with pytest.raises(TrainError, match=r"token_bytes\.npy can't be read"):
        TokenSizes.read(dataset, 265)


def test_patience_ends_when_none_of_the_last_was_better_than_the_best_before() -> None:
    assert not out_of_patience([3.0, 2.0, 2.1], 0)
    assert not out_of_patience([], 1)
    assert not out_of_patience([3.0], 1)
    assert not out_of_patience([3.0, 2.0, 2.1], 2)
    assert out_of_patience([3.0, 2.0, 2.1], 1)
    assert out_of_patience([3.0, 2.0, 2.1, 2.0], 2)  # as good is not better
    assert not out_of_patience([3.0, 2.0, 2.1, 1.9], 2)
    assert not out_of_patience([None, 2.0], 1)
