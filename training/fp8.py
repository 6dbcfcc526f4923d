"""FP8 matrix products of the blocks' linear layers: one scale a tensor, made anew for each product.

Activations and weights go as e4m3 (three bits of mantissa), gradients as e5m2 (their range is wider), each divided
by its largest magnitude; sums are in fp32 and leave as bf16 (Micikevicius et al. 2022, arXiv:2209.05433). The head
stays in bf16, and so does evaluation. `torch._scaled_mm` wants a row-major left and a column-major right side and
dimensions in multiples of 16. CPUs take anything else without a word and CUDA refuses it, so that it is checked here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.errors import ConfigError

FORWARD, BACKWARD = torch.float8_e4m3fn, torch.float8_e5m2
MULTIPLE = 16
HARDWARE = (8, 9)  # compute capability of Ada, the first with FP8; Hopper is 9.0


def quantise(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`x` as FP8 and the fp32 factor that undoes its scale. All zeros stay zeros."""
    largest = torch.finfo(dtype).max
    scale = largest / x.abs().amax().float().clamp(min=1e-12)
    return (x.float() * scale).clamp(-largest, largest).to(dtype), scale.reciprocal()


def product(left: Tensor, right: Tensor, left_scale: Tensor, right_scale: Tensor, *, fast: bool) -> Tensor:
    """left (m, k), row-major, times right (k, n), column-major, in bf16. `fast`: sum with fewer bits.

    Raises ValueError for another layout, or a dimension that is no multiple of 16.
    """
    if not left.is_contiguous() or not right.t().is_contiguous():
        raise ValueError("an FP8 product wants a row-major left and a column-major right side")
    if any(size % MULTIPLE for size in (*left.shape, *right.shape)):
        raise ValueError(
            f"an FP8 product of {tuple(left.shape)} and {tuple(right.shape)}: not multiples of {MULTIPLE}"
        )
    with torch.autocast(left.device.type, enabled=False):  # on a CPU it would round what is multiplied once more
        return torch._scaled_mm(
            left, right, scale_a=left_scale, scale_b=right_scale, out_dtype=torch.bfloat16, use_fast_accum=fast
        )


class _Product(torch.autograd.Function):
    """x (tokens, in) times weight (out, in), transposed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        (x8, x_scale), (weight8, weight_scale) = quantise(x, FORWARD), quantise(weight, FORWARD)
        ctx.save_for_backward(x8, x_scale, weight8, weight_scale)
        ctx.dtypes = x.dtype, weight.dtype
        return product(x8, weight8.t(), x_scale, weight_scale, fast=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x8, x_scale, weight8, weight_scale = ctx.saved_tensors
        gradient, scale = quantise(gradients[0].contiguous(), BACKWARD)
        for_x = product(gradient, weight8.t().contiguous().t(), scale, weight_scale, fast=False)
        for_weight = product(gradient.t().contiguous(), x8.t().contiguous().t(), scale, x_scale, fast=False)
        return for_x.to(ctx.dtypes[0]), for_weight.to(ctx.dtypes[1])


class Fp8Linear(nn.Linear):
    """A linear layer whose products are in FP8 while it trains, and a plain one in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.linear(x, self.weight, self.bias)
        y: Tensor = _Product.apply(x.reshape(-1, self.in_features), self.weight)  # type: ignore[no-untyped-call]
        y = y.view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)


def check_hardware(device: torch.device) -> None:
    """Raises ConfigError where there is no FP8."""
    mend = "set precision to bf16"
    if device.type != "cuda":
        raise ConfigError(f"precision is fp8, which needs a GPU, and the device is {device.type}: {mend}")
    if torch.cuda.get_device_capability(device) < HARDWARE:
        raise ConfigError(f"precision is fp8, which {torch.cuda.get_device_name(device)} does not have: {mend}")


def use_fp8(blocks: nn.Module, tokens: int) -> None:
    """Make each linear layer inside `blocks` an Fp8Linear of the same parameters, under the same name.

    `tokens`: in one forward pass. Raises ConfigError if these or a layer's sizes are no multiples of 16.
    """
    if tokens % MULTIPLE:
        raise ConfigError(f"precision fp8 wants a multiple of {MULTIPLE} tokens in a pass, not {tokens}: use bf16")
    for parent_name, parent in list(blocks.named_modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is not nn.Linear:
                continue
            if layer.in_features % MULTIPLE or layer.out_features % MULTIPLE:
                raise ConfigError(
                    f"precision fp8 wants layers in multiples of {MULTIPLE}, and {parent_name}.{name} takes "
                    f"{layer.in_features} to {layer.out_features}: change width, kv_heads or ffn, or use bf16"
                )
            with torch.device("meta"):
                other = Fp8Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            other.weight, other.bias = layer.weight, layer.bias
            setattr(parent, name, other)
