"""Attention by the fastest kernels of the machine, chosen before the first step. Nothing is downloaded.

Whole rows use torch's scaled_dot_product_attention. Its kernels are tried in this order: FlashAttention 3 (if its
package is installed; Hopper only, no dropout), cuDNN, FlashAttention 2, the rest. Attention inside documents uses
flex_attention where it is compiled for CUDA: it skips the empty blocks of the mask. Without compilation, on a CPU, and
with dropout (which flex_attention lacks), the whole mask is given to scaled_dot_product_attention.
"""

from __future__ import annotations

import importlib.util
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn import attention
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from training.config import ModelConfig
from training.errors import TrainError

AttentionMask = Tensor | BlockMask | None

FLASH_3 = "flash_attn_interface"  # the module of FlashAttention 3
HOPPER = (9, 0)  # compute capability
BLOCK = 128  # flex_attention's kernels need contexts in multiples of this

KERNELS = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]
"""Kernels of scaled_dot_product_attention in the order in which they are tried."""


def fastest_kernels(config: ModelConfig, device: torch.device) -> AbstractContextManager[None]:
    """Return a context manager in which scaled_dot_product_attention uses the fastest usable kernel.

    Raises TrainError if FlashAttention 3 is installed and does not load, instead of training slower without notice.
    """
    flash_first = [KERNELS[1], KERNELS[0], *KERNELS[2:]]
    return sdpa_kernel(flash_first if _use_flash_3(config, device) else KERNELS, set_priority=True)


def _use_flash_3(config: ModelConfig, device: torch.device) -> bool:
    """Replace FlashAttention 2 by 3 if it is installed and usable. Returns True if so."""
    activate = getattr(attention, "activate_flash_attention_impl", None)
    if (
        device.type != "cuda"
        or config.dropout
        or torch.are_deterministic_algorithms_enabled()
        or activate is None
        or importlib.util.find_spec(FLASH_3) is None
    ):
        return False
    if torch.cuda.get_device_capability(device) != HOPPER:
        return False
    try:
        activate("FA3")
    except (ImportError, RuntimeError) as error:
        raise TrainError(
            f"{FLASH_3} is installed and can't be loaded ({error}): install it again or uninstall it"
        ) from None
    return True


def flex_serves(config: ModelConfig, device: torch.device, *, compiling: bool) -> bool:
    """Return True if attention inside documents uses flex_attention, which is slow unless it is compiled."""
    return compiling and device.type == "cuda" and not config.dropout and config.context % BLOCK == 0


def inside_documents(starts: Tensor, config: ModelConfig) -> tuple[Tensor, AttentionMask]:
    """Return positions inside segments, (n, length), and the mask of causal attention inside segments.

    starts: bool (n, length), True where a segment begins. A mask that is a Tensor is bool (n, 1, length, length).
    """
    rows, length = starts.shape
    positions = torch.arange(length, device=starts.device)
    begins = torch.where(starts, positions, 0).cummax(dim=1).values
    if flex_serves(config, starts.device, compiling=torch.compiler.is_compiling()):

        def visible(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return (begins[row, query] <= key) & (key <= query)

        return positions - begins, create_block_mask(visible, rows, None, length, length, device=starts.device)
    mask = (begins.unsqueeze(2) <= positions) & (positions <= positions.unsqueeze(1))
    return positions - begins, mask.unsqueeze(1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: AttentionMask, dropout: float) -> Tensor:
    """Causal attention of queries (n, heads, length, head_width) to keys and values (n, kv_heads, read, head_width).

    Without a mask, several queries are causal, and a single query attends to all keys (generation with a cache).
    """
    grouped = k.shape[1] != q.shape[1]
    if isinstance(mask, BlockMask):
        q, k = q.to(v.dtype), k.to(v.dtype)  # autocast does this for scaled_dot_product_attention
        return flex_attention(q, k, v, block_mask=mask, enable_gqa=grouped)
    causal = mask is None and q.shape[2] > 1
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal, enable_gqa=grouped
    )
