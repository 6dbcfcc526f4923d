import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounterWithBackend

from training.config import Config
from training.model import Decoder, make_model
from training.optim import MOMENTUM, WARM_STEPS, Muon, Optimizer, Pace, orthogonalise, pace, share_of_peak


def small(preset: str = "gpt2") -> Decoder:
    return make_model(Config(preset=preset, layers=2, width=32).model(64, 16), 0)  # type: ignore[arg-type]


def take_steps(model: Decoder, optimizer: Optimizer, begin: int, end: int) -> None:
    for step in range(begin, end):
        ids = torch.randint(0, 64, (2, 16), generator=torch.Generator().manual_seed(step))
        model(ids, ids.roll(-1, dims=1))[0].backward()
        optimizer.step(Pace(1.0, 0.95, 1.0))


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
    optimizer = Optimizer(model, Config(preset="gpt2", optimizer=name, weight_decay=0.5, lr=0.1))  # type: ignore[arg-type]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(Pace(1.0, 0.95, 1.0))
    for parameter_name, parameter in model.named_parameters():
        expected = before[parameter_name] * (0.95 if parameter.ndim == 2 else 1.0)
        torch.testing.assert_close(parameter, expected)


def test_muon_decays_a_weight_only_where_the_update_does_not_increase_it() -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    parameter.grad = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    muon = Muon([parameter], lr=0.1, weight_decay=0.5, compiled=False)
    before = muon.orthogonalise(parameter.grad.unsqueeze(0))[0]
    muon.step(Pace(1.0, 0.0, 1.0))
    update = 0.2 * 2**0.5 * before
    decayed = torch.tensor([[0.5, 0.5], [0.5, 0.0]])
    torch.testing.assert_close(parameter.detach(), 1 - 0.1 * (update + decayed))


@pytest.mark.parametrize("width", [256, 1280])
def test_preset_nanochat_has_nanochats_groups_and_one_rate_scales_them_all(width: int) -> None:
    """Figures of setup_optimizer at width 256 or 1,280, beside a rate of 0.02 of Muon."""
    config = Config(layers=2, width=width, lr=0.02 / (0.2 * width**0.5), value_embeddings=True)
    model = make_model(config.model(64, 16), 0)
    scale = (width / 768) ** -0.5
    expected = {
        "embedding.weight": (0.3 * scale, (0.8, 0.995), 0.001),
        "values.1.weight": (0.15 * scale, (0.8, 0.995), 0.01),
        "head.weight": (0.008 * scale, (0.8, 0.96), 0.01),
        "residual": (0.005, (0.8, 0.95), 0.05),
        "skip": (0.5, (0.96, 0.95), 0.0),
    }
    optimizer = Optimizer(model, config)
    groups = {optimizer.names[p]: group for group in optimizer.adamw.param_groups for p in group["params"]}
    assert groups.keys() == expected.keys()
    for name, (rate, betas, decay) in expected.items():
        assert groups[name]["peak"] == pytest.approx(rate)
        assert (groups[name]["betas"], groups[name]["weight_decay"], groups[name]["eps"]) == (betas, decay, 1e-10)
    halved = replace(config, lr=config.lr / 2)
    assert all(
        halved.group(name, p.ndim).lr == config.group(name, p.ndim).lr / 2 for name, p in model.named_parameters()
    )
    own = replace(config, embedding_lr=0.1, head_lr=0.2, betas=(0.5, 0.6), weight_decay=0.0)
    names = ("embedding.weight", "values.1.weight", "head.weight")
    assert [own.group(name, 2).lr for name in names] == [0.1, 0.05, 0.2]
    assert {own.group(name, 2)[1:3] for name in names} == {((0.5, 0.6), 0.0)}


def test_muon_s_update_is_compiled_once_for_each_shape_and_is_the_same_update() -> None:
    """Captured by the compiler and run by torch: three functions of each of three shapes, at any rate and momentum."""
    model = small("nanochat")
    twin = copy.deepcopy(model)
    config = Config(lr=0.01)
    plain, compiled = Optimizer(model, config), Optimizer(twin, config)
    assert plain.muon is not None
    assert compiled.muon is not None
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    for name in ("nesterov", "orthogonalise", "apply"):
        whole = getattr(compiled.muon, name)
        setattr(compiled.muon, name, torch.compile(whole, dynamic=False, fullgraph=True, backend=counter))
    for step in range(3):
        for weight, other in zip(model.parameters(), twin.parameters(), strict=True):
            weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(step))
            other.grad = weight.grad.clone()
        now = pace(step, 100, config)
        plain.step(now)
        compiled.step(now)
    assert counter.frame_count == 9
    assert all(torch.equal(weight, other) for weight, other in zip(model.parameters(), twin.parameters(), strict=True))


def test_other_presets_have_one_rate_and_no_decay_of_vectors() -> None:
    config = Config(preset="gpt2", lr=1e-3, weight_decay=0.1)
    assert (
        config.group("embedding.weight", 2)
        == config.group("blocks.0.mlp.up.weight", 2)
        == (1e-3, (0.9, 0.95), 0.1, 1e-8)
    )
    assert config.group("norm.weight", 1).weight_decay == 0.0


def test_momentum_increases_in_the_first_steps_and_decreases_with_the_rate_and_decay_ends_at_zero() -> None:
    config = Config(schedule="linear", warmup=10, warmdown=0.5, lr=1.0)
    steps = 4 * WARM_STEPS
    paces = [pace(step, steps, config) for step in range(steps)]
    first, most, last = MOMENTUM
    assert paces[0].momentum == first
    assert paces[WARM_STEPS].momentum == pytest.approx(most)
    assert paces[-1].momentum == pytest.approx(last, abs=1e-3)
    momenta = [now.momentum for now in paces]
    assert momenta[: WARM_STEPS + 1] == sorted(momenta[: WARM_STEPS + 1])
    assert momenta[steps // 2 :] == sorted(momenta[steps // 2 :], reverse=True)
    assert (paces[0].decay, paces[-1].decay) == (1.0, pytest.approx(0.0, abs=1e-3))


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
    rates = [share_of_peak(step, steps, config) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    up, down = rates[:warmup], rates[warmup:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    if schedule == "constant":
        assert set(down) <= {1.0}


def test_cosine_and_linear_decrease_to_the_final_rate() -> None:
    for schedule in ("cosine", "linear"):
        config = Config(schedule=schedule, warmup=10, final_lr=0.1, lr=1.0)  # type: ignore[arg-type]
        assert share_of_peak(9_999, 10_000, config) == pytest.approx(0.1, abs=1e-3)
        assert share_of_peak(10, 10_000, config) == pytest.approx(1.0, abs=1e-3)
