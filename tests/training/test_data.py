from pathlib import Path

import numpy as np
import pytest
import torch

from sharding import Dataset
from training.data import check_batch, steps, targets
from training.errors import ConfigError
from training.loss import IGNORE
from training.ranks import Ranks

CPU = torch.device("cpu")


def test_all_ids_but_the_first_of_a_segment_are_targets(dataset: Path) -> None:
    data = Dataset(dataset)
    batch = data.batch(0)
    result = targets(batch)
    for row, segments in enumerate(batch.segments):
        begins = set(segments["position"].tolist())
        for position in range(data.row_tokens - 1):
            expected = IGNORE if position + 1 in begins else batch.ids[row, position + 1]
            assert result[row, position] == expected
        assert result[row, -1] == IGNORE


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
