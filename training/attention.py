"""Attention by the fastest kernel of the machine, chosen and named before the first step. Nothing is downloaded.

Whole rows use torch's scaled_dot_product_attention. Its kernels are tried in this order: FlashAttention 3 (if its
package is installed; Hopper only, no dropout), cuDNN, FlashAttention 2, the rest. Attention inside documents uses
flex_attention where it is compiled for CUDA: it skips the empty blocks of the mask. Without compilation, on a CPU, and
with dropout (which flex_attention lacks), the whole mask is given to scaled_dot_product_attention.
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

AttentionMask = Tensor | BlockMask | None

FLASH_3 = "flash_attn_interface"  # the module of FlashAttention 3
HOPPER = (9, 0)  # compute capability
BLOCK = 128  # flex_attention's kernels need contexts in multiples of this

NAMES = {
    SDPBackend.CUDNN_ATTENTION: "cuDNN",
    SDPBackend.FLASH_ATTENTION: "FlashAttention 2",
    SDPBackend.EFFICIENT_ATTENTION: "memory-efficient attention",
    SDPBackend.MATH: "plain arithmetic",
}


@contextmanager
def fastest_kernels(run: Config, config: ModelConfig, device: torch.device) -> Iterator[str]:
    """Context manager in which scaled_dot_product_attention uses the fastest usable kernel. Yields its name.

    Raises TrainError if FlashAttention 3 is installed and does not load, instead of training slower without notice.
    """
    flash_3 = _use_flash_3(config, device)
    order = list(NAMES)
    if flash_3:
        order.insert(0, order.pop(1))
    with sdpa_kernel(order, set_priority=True):
        yield _name(run, config, device, flash_3)


def _use_flash_3(config: ModelConfig, device: torch.device) -> bool:
    """Replace FlashAttention 2 by 3 if it is installed and usable. Returns True if so."""
    activate = getattr(attention, "activate_flash_attention_impl", None)
    if device.type != "cuda" or config.dropout or activate is None or importlib.util.find_spec(FLASH_3) is None:
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


def _name(run: Config, config: ModelConfig, device: torch.device, flash_3: bool) -> str:
    """Return the name of the kernel that torch chooses for tensors of this model's shape."""
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
    name = "FlashAttention 3" if flash_3 and chosen == SDPBackend.FLASH_ATTENTION else NAMES.get(chosen, chosen.name)
    return f"attention by {name}" + (", inside documents by a mask" if config.intra_document else "")


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
