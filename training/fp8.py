"""FP8 matrix products of the blocks' linear layers, with one scale per tensor, computed for each product.

Activations and weights are e4m3 (3 bits of mantissa) and gradients e5m2 (wider range), each scaled by its largest
magnitude. Sums are in fp32 and results in bf16 (Micikevicius et al. 2022, arXiv:2209.05433). The head and evaluation
use bf16. On CUDA `torch._scaled_mm` needs a row-major left operand, a column-major right operand and dimensions in
multiples of 16; on a CPU it accepts anything. This module checks the requirements on both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.errors import ConfigError

FORWARD, BACKWARD = torch.float8_e4m3fn, torch.float8_e5m2
MULTIPLE = 16
HARDWARE = (8, 9)  # compute capability of Ada, the first GPU with FP8


def quantise(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return `x` in an FP8 dtype, and the fp32 factor that restores its scale. A tensor of zeros stays zero."""
    largest = torch.finfo(dtype).max
    scale = largest / x.abs().amax().float().clamp(min=1e-12)
    return (x.float() * scale).clamp(-largest, largest).to(dtype), scale.reciprocal()


def product(left: Tensor, right: Tensor, left_scale: Tensor, right_scale: Tensor, *, fast: bool) -> Tensor:
    """Return left (m, k), row-major, times right (k, n), column-major, in bf16.

    fast: accumulate with fewer bits. Raises ValueError for another layout or a dimension not a multiple of 16.
    """
    if not left.is_contiguous() or not right.t().is_contiguous():
        raise ValueError("an FP8 product needs a row-major left and a column-major right operand")
    if any(size % MULTIPLE for size in (*left.shape, *right.shape)):
        raise ValueError(
            f"an FP8 product of {tuple(left.shape)} and {tuple(right.shape)}: not multiples of {MULTIPLE}"
        )
    with torch.autocast(left.device.type, enabled=False):  # on a CPU autocast would round the operands again
        return torch._scaled_mm(
            left, right, scale_a=left_scale, scale_b=right_scale, out_dtype=torch.bfloat16, use_fast_accum=fast
        )


class _Product(torch.autograd.Function):
    """x (tokens, in) @ weight (out, in).T, in FP8 forward and backward."""

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
    """A linear layer with FP8 products in training mode, and a plain linear layer in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.linear(x, self.weight, self.bias)
        y: Tensor = _Product.apply(x.reshape(-1, self.in_features), self.weight)  # type: ignore[no-untyped-call]
        y = y.view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)


def check_hardware(device: torch.device) -> None:
    """Raise ConfigError if the device has no FP8."""
    if device.type != "cuda":
        raise ConfigError(f"precision fp8 needs a GPU, and the device is {device.type}: set precision to bf16")
    if torch.cuda.get_device_capability(device) < HARDWARE:
        name = torch.cuda.get_device_name(device)
        raise ConfigError(f"precision fp8 needs a GPU with FP8, and {name} has none: set precision to bf16")


def use_fp8(blocks: nn.Module, tokens: int) -> None:
    """Replace each linear layer in `blocks` by an Fp8Linear with the same parameters and name.

    tokens: in one forward pass. Raises ConfigError if they or a layer's sizes are not multiples of 16.
    """
    if tokens % MULTIPLE:
        raise ConfigError(f"precision fp8 needs a multiple of {MULTIPLE} tokens in a pass, not {tokens}: use bf16")
    for parent_name, parent in list(blocks.named_modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is not nn.Linear:
                continue
            if layer.in_features % MULTIPLE or layer.out_features % MULTIPLE:
                raise ConfigError(
                    f"precision fp8 needs layers in multiples of {MULTIPLE}, and {parent_name}.{name} maps "
                    f"{layer.in_features} to {layer.out_features}: change width, kv_heads or ffn, or use bf16"
                )
            with torch.device("meta"):
                replacement = Fp8Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            replacement.weight, replacement.bias = layer.weight, layer.bias
            setattr(parent, name, replacement)
