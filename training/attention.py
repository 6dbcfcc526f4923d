"""Attention by the fastest kernel that the machine has: chosen before the first step, said, never downloaded.

Over whole rows it is torch's scaled_dot_product_attention, whose kernels are tried in an order: FlashAttention 3 where
its package is installed (Hopper alone, without dropout), else cuDNN's, then FlashAttention 2, then the others. Inside
documents it is flex_attention where that is compiled for CUDA, which skips blocks of the mask that are empty and
doesn't look at those that are full; elsewhere, and with dropout, which flex_attention lacks, the same mask in full.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import attention
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from training.config import Config, ModelConfig
from training.errors import TrainError

Mask = Tensor | BlockMask | None

FLASH_3 = "flash_attn_interface"  # the module of FlashAttention 3
HOPPER = (9, 0)
BLOCK = 128  # rows of a multiple of it are what flex_attention's kernels are made for

NAMES = {
    SDPBackend.CUDNN_ATTENTION: "cuDNN",
    SDPBackend.FLASH_ATTENTION: "FlashAttention 2",
    SDPBackend.EFFICIENT_ATTENTION: "memory-efficient attention",
    SDPBackend.MATH: "plain arithmetic",
}


@contextmanager
def fastest_kernels(run: Config, config: ModelConfig, device: torch.device) -> Iterator[str]:
    """While it is entered, scaled_dot_product_attention takes the first kernel that serves. Yields what that is.

    Raises TrainError if FlashAttention 3 is installed and doesn't load: a slower run would say nothing of it.
    """
    third = _use_flash_3(config, device)
    order = list(NAMES)
    if third:
        order.insert(0, order.pop(1))
    with sdpa_kernel(order, set_priority=True):
        yield _name(run, config, device, third)


def _use_flash_3(config: ModelConfig, device: torch.device) -> bool:
    """Have FlashAttention 3 stand in for 2, if it is there and can."""
    activate = getattr(attention, "activate_flash_attention_impl", None)
    if device.type != "cuda" or config.dropout or activate is None or importlib.util.find_spec(FLASH_3) is None:
        return False
    if torch.cuda.get_device_capability(device) != HOPPER:
        return False
    try:
        activate("FA3")
    except (ImportError, RuntimeError) as error:
        raise TrainError(f"{FLASH_3} is installed and can't be used ({error}): mend it or uninstall it") from None
    return True


def _name(run: Config, config: ModelConfig, device: torch.device, third: bool) -> str:
    """The kernel that torch itself says it takes for this model, asked with tensors of its shape."""
    if device.type != "cuda":
        return "attention by torch on the CPU" + (", inside documents" if config.intra_document else "")
    if config.intra_document and flex_serves(config, device, compiling=run.compile):
        return "attention by flex_attention, inside documents"
    shape = (1, config.heads, config.context, config.head_width)
    dtype = torch.float32 if run.precision == "fp32" else torch.bfloat16
    q = torch.empty(shape, device=device, dtype=dtype, requires_grad=True)
    k = q[:, : config.kv_heads].detach().requires_grad_()
    mask = torch.ones(shape[2], shape[2], dtype=torch.bool, device=device) if config.intra_document else None
    chosen = SDPBackend(
        torch._fused_sdp_choice(
            q, k, k, mask, config.dropout, mask is None, enable_gqa=config.kv_heads != config.heads
        )
    )
    name = "FlashAttention 3" if third and chosen == SDPBackend.FLASH_ATTENTION else NAMES.get(chosen, chosen.name)
    return f"attention by {name}" + (", inside documents by a mask" if config.intra_document else "")


def flex_serves(config: ModelConfig, device: torch.device, *, compiling: bool) -> bool:
    """Whether flex_attention is the one for attention inside documents: it is slow where it is not compiled."""
    return compiling and device.type == "cuda" and not config.dropout and config.context % BLOCK == 0


def inside_documents(starts: Tensor, config: ModelConfig) -> tuple[Tensor, Mask]:
    """Where segments begin, bool (n, length), to positions in them (n, length) and the mask of attention.

    It lets a position see itself and what is before it in its segment. A Tensor of it is bool (n, 1, length, length).
    """
    rows, length = starts.shape
    places = torch.arange(length, device=starts.device)
    begins = torch.where(starts, places, 0).cummax(dim=1).values
    if flex_serves(config, starts.device, compiling=torch.compiler.is_compiling()):

        def seen(row: Tensor, head: Tensor, by: Tensor, place: Tensor) -> Tensor:
            return (begins[row, by] <= place) & (place <= by)

        return places - begins, create_block_mask(seen, rows, None, length, length, device=starts.device)
    mask = (begins.unsqueeze(2) <= places) & (places <= places.unsqueeze(1))
    return places - begins, mask.unsqueeze(1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask, dropout: float) -> Tensor:
    """Causal attention of (n, heads, length, head_width) to (n, kv_heads, read, head_width).

    Without a mask, several positions see those before them, and a single one sees all that was read.
    """
    grouped = k.shape[1] != q.shape[1]
    if isinstance(mask, BlockMask):
        q, k = q.to(v.dtype), k.to(v.dtype)  # autocast does this for the function below
        return flex_attention(q, k, v, block_mask=mask, enable_gqa=grouped)
    causal = mask is None and q.shape[2] > 1
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal, enable_gqa=grouped
    )
