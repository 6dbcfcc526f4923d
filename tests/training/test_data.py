from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import small_dataset

from sharding import Dataset
from training.data import check_batch, steps, targets
from training.errors import ConfigError
from training.loss import IGNORE
from training.ranks import Ranks

CPU = torch.device("cpu")


@pytest.mark.parametrize("end", ["bos", "eos"])
def test_the_last_token_of_a_document_predicts_its_end_and_nothing_else_of_what_follows(
    tmp_path: Path, end: str
) -> None:
    data = Dataset(small_dataset(tmp_path, end=end))
    batch = data.train.read(range(data.train.rows))
    result = targets(batch)
    ends = 0
    for row, segments in enumerate(batch.segments):
        offsets = dict(zip(segments["position"].tolist(), segments["offset"].tolist(), strict=True))
        for position in range(data.row_tokens - 1):
            following = batch.ids[row, position + 1]
            begins = position + 1 in offsets
            is_target = not begins or (end == "bos" and offsets[position + 1] == 0)
            assert result[row, position] == (following if is_target else IGNORE)
            ends += is_target and following == data.layout.end
        assert result[row, -1] == IGNORE
    whole = sum((segments["length"][:-1] > 1).sum() for segments in batch.segments)  # not a mere EOS after a cut
    assert ends >= whole > 0


@pytest.mark.fault(26)
@pytest.mark.parametrize(("world", "accumulation"), [(1, 1), (2, 1), (1, 4), (4, 2)])
def test_ranks_and_accumulation_divide_the_same_rows_in_the_same_order(
    dataset: Path, world: int, accumulation: int
) -> None:
    data = Dataset(dataset)
    begin = bytes.fromhex(data.digest)
    read = [list(steps(data, 2, 6, Ranks(rank, world, CPU), accumulation, begin)) for rank in range(world)]
    for turn, index in enumerate(range(2, 6)):
        parts = [read[rank][turn].micros[micro][0] for micro in range(accumulation) for rank in range(world)]
        assert np.array_equal(torch.cat(parts).numpy(), data.batch(index).ids)
        assert read[0][turn].index == index
    alone = list(steps(data, 2, 6, Ranks(0, 1, CPU), 1, begin))
    assert [step.order_hash for step in read[0]] == [step.order_hash for step in alone]


@pytest.mark.fault(26)
def test_the_order_hash_continues_from_an_earlier_step(dataset: Path) -> None:
    data, alone = Dataset(dataset), Ranks(0, 1, CPU)
    whole = list(steps(data, 0, 12, alone, 1, bytes.fromhex(data.digest)))
    rest = list(steps(data, 7, 12, alone, 1, whole[6].order_hash))
    assert [step.order_hash for step in rest] == [step.order_hash for step in whole[7:]]
    assert list(steps(data, 12, 12, alone, 1, b"")) == []


def test_a_batch_that_does_not_divide_is_refused(dataset: Path) -> None:
    data = Dataset(dataset)
    check_batch(data, 8, 2, 4)
    with pytest.raises(ConfigError, match=r"8 rows .*3 ranks.*arcorp mix"):
        check_batch(data, None, 3, 1)
    with pytest.raises(ConfigError, match=r"batch_rows is 16 .*8 rows.*arcorp mix"):
        check_batch(data, 16, 1, 1)
