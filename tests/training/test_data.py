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


def test_the_first_id_of_a_segment_is_no_target_and_all_others_are(dataset: Path) -> None:
    data = Dataset(dataset)
    batch = data.batch(0)
    found = targets(batch)
    for row, segments in enumerate(batch.segments):
        begins = set(segments["position"].tolist())
        for place in range(data.row_tokens - 1):
            expected = IGNORE if place + 1 in begins else batch.ids[row, place + 1]
            assert found[row, place] == expected
        assert found[row, -1] == IGNORE


@pytest.mark.fault(26)
@pytest.mark.parametrize(("world", "accumulation"), [(1, 1), (2, 1), (1, 4), (4, 2)])
def test_ranks_and_accumulation_share_out_the_same_rows_in_the_same_order(
    dataset: Path, world: int, accumulation: int
) -> None:
    data = Dataset(dataset)
    begin = bytes.fromhex(data.root)
    read = [list(steps(data, 2, 6, Ranks(rank, world, CPU), accumulation, begin)) for rank in range(world)]
    for turn, index in enumerate(range(2, 6)):
        parts = [read[rank][turn].micros[micro][0] for micro in range(accumulation) for rank in range(world)]
        assert np.array_equal(torch.cat(parts).numpy(), data.batch(index).ids)
        assert read[0][turn].index == index
    alone = list(steps(data, 2, 6, Ranks(0, 1, CPU), 1, begin))
    assert [step.order_hash for step in read[0]] == [step.order_hash for step in alone]


@pytest.mark.fault(26)
def test_the_order_hash_goes_on_from_where_it_was(dataset: Path) -> None:
    data, one = Dataset(dataset), Ranks(0, 1, CPU)
    whole = list(steps(data, 0, 12, one, 1, bytes.fromhex(data.root)))
    rest = list(steps(data, 7, 12, one, 1, whole[6].order_hash))
    assert [step.order_hash for step in rest] == [step.order_hash for step in whole[7:]]
    assert list(steps(data, 12, 12, one, 1, b"")) == []


def test_a_batch_that_does_not_divide_is_refused(dataset: Path) -> None:
    data = Dataset(dataset)
    check_batch(data, 8, 2, 4)
    with pytest.raises(ConfigError, match="steps of 8 rows don't divide among 3 ranks x 1"):
        check_batch(data, None, 3, 1)
    with pytest.raises(ConfigError, match="batch_rows is 16 but the schedule has steps of 8"):
        check_batch(data, 16, 1, 1)
