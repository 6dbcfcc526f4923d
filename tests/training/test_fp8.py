"""FP8 on tiny shapes on a CPU, compared with fp32 arithmetic on the quantised operands."""

import pytest
import torch
from torch import Tensor, nn

from training.config import Config, Preset
from training.errors import ConfigError
from training.fp8 import BACKWARD, FORWARD, Fp8Linear, check_hardware, product, quantise, use_fp8
from training.model import make_model


def restored(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`x` after quantisation, in fp32."""
    small, scale = quantise(x, dtype)
    return small.float() * scale


def test_forward_and_backward_equal_fp32_arithmetic_on_the_quantised_operands() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = Fp8Linear(32, 48)
    x = torch.randn(2, 16, 32, generator=generator, dtype=torch.bfloat16).requires_grad_()
    gradient = torch.randn(2, 16, 48, generator=generator, dtype=torch.bfloat16)
    y = layer(x)
    y.backward(gradient)
    assert y.dtype == torch.bfloat16
    assert x.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None

    flat, back = restored(x.detach().view(32, 32), FORWARD), restored(gradient.view(32, 48), BACKWARD)
    weight = restored(layer.weight.detach(), FORWARD)
    close = {"rtol": 2**-7, "atol": 1e-2}  # of the last bit of bf16
    plain = (flat @ weight.T).bfloat16() + layer.bias.detach().bfloat16()
    torch.testing.assert_close(y.detach().view(32, 48), plain, **close)
    torch.testing.assert_close(x.grad.view(32, 32), (back @ weight).bfloat16(), **close)
    torch.testing.assert_close(layer.weight.grad, (back.T @ flat).bfloat16().float(), **close)
    torch.testing.assert_close(layer.bias.grad, gradient.float().sum((0, 1)), rtol=2**-6, atol=0.1)


def test_in_evaluation_it_is_a_plain_linear_layer() -> None:
    layer, x = Fp8Linear(32, 16).eval(), torch.randn(16, 32)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_zeros_stay_zeros_and_the_largest_value_does_not_overflow() -> None:
    for dtype in (FORWARD, BACKWARD):
        assert not restored(torch.zeros(4, 4), dtype).any()
        x = torch.tensor([[1e30, -1e30, 1.0]])
        assert torch.allclose(restored(x, dtype), x, rtol=1e-6, atol=1e24)


def test_layouts_that_cuda_refuses_are_refused_on_a_cpu_too() -> None:
    scale = torch.tensor(1.0)
    good = torch.zeros(32, 32).to(FORWARD)
    with pytest.raises(ValueError, match="column-major right"):
        product(good, good, scale, scale, fast=True)
    with pytest.raises(ValueError, match=r"\(24, 32\).*not multiples of 16"):
        product(good[:24], good.t(), scale, scale, fast=True)


@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
def test_parameters_keep_their_names_and_the_head_is_not_replaced(preset: Preset) -> None:
    model = make_model(Config(preset=preset, layers=2, width=32, heads=2).model(64, 16), 0)
    before = dict(model.named_parameters())
    use_fp8(model.blocks, 16)
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is value for name, value in before.items())
    assert not isinstance(model.head, Fp8Linear)
    assert sum(isinstance(module, Fp8Linear) for module in model.modules()) == 2 * (7 if preset == "llama" else 6)


def test_sizes_and_hardware_without_fp8_are_refused() -> None:
    model = make_model(Config(layers=1, width=40, heads=4).model(64, 16), 0)
    with pytest.raises(ConfigError, match=r"0\.attention\.q maps 40 to 40: change width"):
        use_fp8(model.blocks, 16)
    with pytest.raises(ConfigError, match=r"multiple of 16 tokens.*40.*bf16"):
        use_fp8(model.blocks, 40)
    with pytest.raises(ConfigError, match=r"device is cpu.*set precision to bf16"):
        check_hardware(torch.device("cpu"))
