import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from sharding import Dataset
from sharding.layout import StratumLayout
from training.config import Config
from training.errors import InputError
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


def independent_figures(model: Decoder, data: Dataset) -> dict[str, float]:
    """The figures of all validation rows, target by target from the logits, in float64."""
    token_bytes = np.load(data.tokenizer / "token_bytes.npy")
    nats: list[float] = []
    all_nats: list[float] = []
    ends: list[float] = []
    size = 0
    for row in range(data.validation.rows):
        batch = data.validation.read([row])
        with torch.no_grad():
            logits = model.logits(torch.from_numpy(batch.ids))[0].double()
        for position in range(1, data.row_tokens):
            if not batch.starts[0, position] or batch.ids[0, position] == data.layout.bos:
                target = batch.ids[0, position]
                all_nats.append(-float(F.log_softmax(logits[position - 1], dim=0)[target]))
                if target == data.layout.end:
                    ends.append(math.exp(-all_nats[-1]))
                if token_bytes[target]:
                    nats.append(all_nats[-1])
                    size += int(token_bytes[target])
    loss = math.fsum(all_nats) / len(all_nats)
    bits = math.fsum(nats) / math.log(2)
    figures = {"bits_per_byte": bits / size, "loss": loss, "bytes": size, "targets": len(all_nats)}
    return {**figures, "ends": len(ends), "end_probability": math.fsum(ends) / len(ends)}


@pytest.mark.parametrize(("exact", "digits"), [(True, 1e-9), (False, 1e-6)])
def test_bits_per_byte_equal_an_independent_computation_in_float64(dataset: Path, exact: bool, digits: float) -> None:
    """exact: the model is float64; otherwise the nats of tokens are fp32 and their sums float64."""
    data = Dataset(dataset)
    model, sizes = some_model(data), TokenSizes.read(data.tokenizer, data.vocab_size)
    if exact:
        model.double()
    rows = choose_rows(data.validation.strata, 0)
    sums = sum_rows(model, data.validation, rows, sizes, ALONE, batch=3)
    assert sums is not None
    figures, expected = report(sums, rows, data.validation.strata), independent_figures(model, data)
    sys.stdout.write(f"apart by {abs(figures['bits_per_byte'] / expected['bits_per_byte'] - 1):.1e}\n")  # with -s
    assert {key: figures[key] for key in expected} == pytest.approx(expected, rel=digits)
    assert figures["nats"] == pytest.approx(figures["bits_per_byte"] * math.log(2) * figures["bytes"], rel=1e-12)


def test_special_tokens_are_in_neither_bytes_nor_nats(dataset: Path) -> None:
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
    rows = choose_rows(data.validation.strata, 0)
    sums = sum_rows(some_model(data), data.validation, rows, sizes, ALONE, batch=4)
    assert sums is not None
    figures = report(sums, rows, data.validation.strata)
    assert set(figures["by_language"]) == {"arb_Arab", "arz_Arab", "eng_Latn"}
    assert set(figures["by_category"]) == {"arabic", "english"}
    for by in ("by_source", "by_language", "by_category", "by_stratum"):
        groups = figures[by].values()
        for key in ("bytes", "chars", "targets", "rows"):
            assert sum(group[key] for group in groups) == figures[key]
        assert sum(group["nats"] for group in groups) == pytest.approx(figures["nats"], rel=1e-12)


def test_a_signal_ends_validation_without_figures(dataset: Path) -> None:
    data = Dataset(dataset)
    sizes = TokenSizes.read(data.tokenizer, data.vocab_size)
    flags = iter([False, True])
    assert sum_rows(some_model(data), data.validation, np.arange(4), sizes, ALONE, 1, lambda: next(flags)) is None


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.integers(1, 500))
def test_chosen_rows_are_distinct_in_proportion_and_of_every_stratum(sizes: list[int], requested: int) -> None:
    strata, first = [], 0
    for number, size in enumerate(sizes):
        strata.append(StratumLayout(str(number), None, None, None, first, size, 0, 0, 0, 0))
        first += size
    rows = choose_rows(strata, requested)
    total = sum(sizes)
    assert len(set(rows.tolist())) == len(rows)
    if requested >= total:
        assert rows.tolist() == list(range(total))
        return
    assert requested <= len(rows) <= requested + len(sizes)
    for stratum in strata:
        inside = ((rows >= stratum.first_row) & (rows < stratum.first_row + stratum.rows)).sum()
        assert inside >= min(1, stratum.rows)
        assert abs(inside - stratum.rows * requested / total) <= 1


@pytest.mark.fault(23)
def test_token_sizes_of_another_vocabulary_are_refused(dataset: Path) -> None:
    with pytest.raises(InputError, match=r"token_bytes\.npy .*265.*300 ids.*pack it"):
        TokenSizes.read(Dataset(dataset).tokenizer, 300)
    with pytest.raises(InputError, match=r"token_bytes\.npy .*export the tokenizer again"):
        TokenSizes.read(dataset, 265)


def test_patience_ends_if_none_of_the_last_validations_improved() -> None:
    assert not out_of_patience([3.0, 2.0, 2.1], 0)
    assert not out_of_patience([], 1)
    assert not out_of_patience([3.0], 1)
    assert not out_of_patience([3.0, 2.0, 2.1], 2)
    assert out_of_patience([3.0, 2.0, 2.1], 1)
    assert out_of_patience([3.0, 2.0, 2.1, 2.0], 2)  # equal is no improvement
    assert not out_of_patience([3.0, 2.0, 2.1, 1.9], 2)
    assert not out_of_patience([None, 2.0], 1)
