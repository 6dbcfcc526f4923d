import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.config import Config
from training.model import Decoder, make_model
from training.optim import Optimizer, learning_rate, orthogonalise


def small(preset: str = "gpt2") -> Decoder:
    return make_model(Config(preset=preset, layers=2, width=32).model(64, 16), 0)  # type: ignore[arg-type]


def take_steps(model: Decoder, optimizer: Optimizer, begin: int, end: int) -> None:
    for step in range(begin, end):
        ids = torch.randint(0, 64, (2, 16), generator=torch.Generator().manual_seed(step))
        model(ids, ids.roll(-1, dims=1))[0].backward()
        optimizer.step(1e-2)


@pytest.mark.parametrize("shape", [(3, 16, 48), (2, 48, 16), (1, 32, 32)])
def test_orthogonalised_matrices_keep_their_singular_vectors_and_have_singular_values_near_one(
    shape: tuple[int, int, int],
) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.max() < 1.3
    assert values.median() > 0.6
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    aligned = torch.einsum("nij,nij->n", orthogonalise(matrices), u @ v) / min(shape[1:])
    assert (aligned > 0.6).all()


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_weight_decay_applies_to_matrices_only(name: str) -> None:
    model = small()
    before = copy.deepcopy(dict(model.named_parameters()))
    optimizer = Optimizer(model, Config(optimizer=name, weight_decay=0.5))  # type: ignore[arg-type]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(0.1)
    for parameter_name, parameter in model.named_parameters():
        expected = before[parameter_name] * (0.95 if parameter.ndim == 2 else 1.0)
        torch.testing.assert_close(parameter, expected)


def test_muon_updates_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    model = small()
    optimizer = Optimizer(model, Config(optimizer="muon"))
    take_steps(model, optimizer, 0, 1)
    state = optimizer.state()
    assert "blocks.0.mlp.up.weight/momentum" in state
    assert {"embedding.weight/exp_avg", "positions.weight/exp_avg", "blocks.0.norm1.weight/exp_avg"} <= set(state)
    assert {key.rpartition("/")[0] for key in state} == {key for key, _ in model.named_parameters()}


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_state_that_is_saved_by_name_and_loaded_continues_bit_for_bit(name: str) -> None:
    config = Config(optimizer=name)  # type: ignore[arg-type]
    model = small("nanochat")
    optimizer = Optimizer(model, config)
    take_steps(model, optimizer, 0, 3)
    twin = copy.deepcopy(model)
    optimizer_of_twin = Optimizer(twin, config)
    optimizer_of_twin.load({key: value.clone() for key, value in optimizer.state().items()})
    take_steps(model, optimizer, 3, 6)
    take_steps(twin, optimizer_of_twin, 3, 6)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@given(st.sampled_from(["cosine", "linear", "constant"]), st.integers(1, 300), st.integers(0, 50), st.floats(0, 1))
def test_the_rate_increases_only_in_the_warm_up(schedule: str, steps: int, warmup: int, final: float) -> None:
    config = Config(schedule=schedule, warmup=warmup, final_lr=final, lr=1.0)  # type: ignore[arg-type]
    rates = [learning_rate(step, steps, config) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    up, down = rates[:warmup], rates[warmup:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    if schedule == "constant":
        assert set(down) <= {1.0}


def test_cosine_and_linear_decrease_to_the_final_rate() -> None:
    for schedule in ("cosine", "linear"):
        config = Config(schedule=schedule, warmup=10, final_lr=0.1, lr=1.0)  # type: ignore[arg-type]
        assert learning_rate(9_999, 10_000, config) == pytest.approx(0.1, abs=1e-3)
        assert learning_rate(10, 10_000, config) == pytest.approx(1.0, abs=1e-3)
