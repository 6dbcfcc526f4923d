"""One decoder for three presets: each block computes x + attention(norm(x)), then x + mlp(norm(x)).

`config.Style` holds the differences (positions, norm, activation, ...). The logits equal those of transformers'
NanoChatForCausalLM, GPT2LMHeadModel and LlamaForCausalLM with the same weights, so that a model can be exported. FLOPs
per token follow nanochat: 6 for each weight of a matrix product (the head included, embeddings not), and
12 * layers * width * context for attention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.attention import AttentionMask, attend, inside_documents
from training.config import ModelConfig
from training.loss import cap, head_loss, widened

Rotation = tuple[Tensor, Tensor]

# Constants of value embeddings, from nanochat's gpt.py at commit 6ed7d1d (March 2026), which trained V1.
GATE_WIDTH = 12  # first channels of a block's input, from which its gate is computed
GATE_RANGE = 3.0  # the gate multiplies the value embedding by 0 to 3
SHARPER = 1.15  # factor of queries and keys after their norm
FIRST_SKIP = 0.1  # initial weight of the embedding that is added to each block's input


class Norm(nn.Module):
    """RMS without weights, RMS with weights, or LayerNorm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = config.style.norm
        self.shape, self.eps, self.centred = (config.width,), config.style.eps, kind == "layer"
        self.weight = nn.Parameter(torch.ones(config.width)) if kind != "rms" else None
        self.bias = nn.Parameter(torch.zeros(config.width)) if kind == "layer" else None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normed, in fp32 arithmetic and the dtype of `x`."""
        wide = widened(x)
        if self.centred:
            return F.layer_norm(wide, self.shape, self.weight, self.bias, self.eps).to(x.dtype)
        return F.rms_norm(wide, self.shape, self.weight, self.eps).to(x.dtype)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Apply RoPE: rotate the two halves of each head by position. The sines carry the direction."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Cache:
    """Keys and values of one layer for the tokens read so far: (n, kv_heads, context, head_width) each."""

    def __init__(self, config: ModelConfig, rows: int, device: torch.device) -> None:
        shape = (rows, config.kv_heads, config.context, config.head_width)
        self.keys, self.values = (torch.zeros(shape, device=device) for _ in range(2))
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> Rotation:
        """Append keys and values and return all of them. After the first call, one position at a time."""
        if self.length and keys.shape[2] > 1:
            raise ValueError("a cache that is not empty takes one position at a time")
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def keep(self, rows: list[int]) -> None:
        """Forget all rows but these."""
        self.keys, self.values = self.keys[rows], self.values[rows]


class Attention(nn.Module):
    """Causal self-attention with grouped keys and values."""

    def __init__(self, config: ModelConfig, has_value: bool) -> None:
        super().__init__()
        self.config = config
        width, kv_width, bias = config.width, config.kv_heads * config.head_width, config.style.bias
        self.q = nn.Linear(width, width, bias=bias)
        self.k = nn.Linear(width, kv_width, bias=bias)
        self.v = nn.Linear(width, kv_width, bias=bias)
        self.o = nn.Linear(width, width, bias=bias)
        self.gate_width = min(GATE_WIDTH, width)
        self.value_gate = nn.Parameter(torch.zeros(config.kv_heads, self.gate_width)) if has_value else None

    def forward(
        self, x: Tensor, rotation: Rotation | None, mask: AttentionMask, value: Tensor | None, cache: Cache | None
    ) -> Tensor:
        config = self.config
        rows, length, _ = x.shape
        q, k, v = (f(x).view(rows, length, -1, config.head_width).transpose(1, 2) for f in (self.q, self.k, self.v))
        if value is not None and self.value_gate is not None:
            gate = GATE_RANGE * torch.sigmoid(F.linear(x[..., : self.gate_width], self.value_gate))
            v = v + (gate.unsqueeze(3) * value.view(rows, length, -1, config.head_width)).transpose(1, 2).to(v.dtype)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        if config.style.qk_norm:
            q, k = (F.rms_norm(x, (config.head_width,), None, config.style.eps).to(v.dtype) for x in (q, k))
        if config.value_embeddings:
            q, k = SHARPER * q, SHARPER * k
        if cache is not None:
            k, v = cache.extend(k, v)
        y = attend(q, k, v, mask, config.dropout if self.training else 0.0)
        out: Tensor = self.o(y.transpose(1, 2).reshape(rows, length, -1))
        return out


class Mlp(nn.Module):
    """Feed-forward layer: up, activation (gated for swiglu), down."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.style.activation
        self.up = nn.Linear(config.width, config.ffn, bias=config.style.bias)
        self.gate = nn.Linear(config.width, config.ffn, bias=False) if self.activation == "swiglu" else None
        self.down = nn.Linear(config.ffn, config.width, bias=config.style.bias)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up(x)
        if self.gate is not None:
            up = F.silu(self.gate(x)) * up
        elif self.activation == "relu2":
            up = F.relu(up).square()
        else:
            up = F.gelu(up)
        out: Tensor = self.down(up)
        return out


class Block(nn.Module):
    """Attention and feed-forward layer, each with its norm and residual connection."""

    def __init__(self, config: ModelConfig, has_value: bool) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.norm1, self.attention = Norm(config), Attention(config, has_value)
        self.norm2, self.mlp = Norm(config), Mlp(config)

    def forward(
        self, x: Tensor, rotation: Rotation | None, mask: AttentionMask, value: Tensor | None, cache: Cache | None
    ) -> Tensor:
        x = x + F.dropout(self.attention(self.norm1(x), rotation, mask, value, cache), self.dropout, self.training)
        return x + F.dropout(self.mlp(self.norm2(x)), self.dropout, self.training)


class Decoder(nn.Module):
    """The model. `forward` returns nats, for training and validation; `logits` serves generation and tests."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, style = config, config.style
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.positions = nn.Embedding(config.context, config.width) if style.positions == "learned" else None
        # every other block, the last one included, has a value embedding (nanochat's gpt.py)
        with_value = range((config.layers - 1) % 2, config.layers, 2) if config.value_embeddings else ()
        table = (config.vocab_size, config.kv_heads * config.head_width)
        self.blocks = nn.ModuleList(Block(config, i in with_value) for i in range(config.layers))
        self.values = nn.ModuleDict({str(i): nn.Embedding(*table) for i in with_value})
        if config.value_embeddings:  # weights of the residual stream and of the embedding in each block's input
            self.residual = nn.Parameter(torch.ones(config.layers))
            self.skip = nn.Parameter(torch.full((config.layers,), FIRST_SKIP))
        self.norm = Norm(config)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        if style.tied:
            self.head.weight = self.embedding.weight
        if style.positions == "rope":
            steps = torch.arange(0, config.head_width, 2, device="cpu").float() / config.head_width
            angles = torch.outer(torch.arange(config.context, device="cpu").float(), 1 / config.rope_theta**steps)
            angles = torch.cat((angles, angles), dim=-1)
            self.register_buffer("cos", angles.cos(), persistent=False)
            self.register_buffer("sin", style.rotation * angles.sin(), persistent=False)

    def forward(self, ids: Tensor, targets: Tensor, starts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the sum of the nats, and the nats of each token (n, length), detached.

        ids: (n, length); targets: (n, length), the next ids, or `loss.IGNORE` where there is no loss;
        starts: bool (n, length), True where a segment begins. Only `intra_document` reads it; None: one per row.
        """
        x = self._hidden(ids, None, starts).flatten(0, 1)
        total, nats = head_loss(x, self.head.weight, targets.flatten(), self.config.style.softcap)
        return total, nats.view_as(targets)

    def logits(self, ids: Tensor, caches: list[Cache] | None = None) -> Tensor:
        """Return the logits (n, length, vocab_size), fp32, of ids (n, length). caches: one per layer, to generate."""
        return cap(self.head(self._hidden(ids, caches)), self.config.style.softcap)

    def _hidden(self, ids: Tensor, caches: list[Cache] | None, starts: Tensor | None = None) -> Tensor:
        config, style = self.config, self.config.style
        begin = caches[0].length if caches else 0
        end = begin + ids.shape[1]
        x = self.embedding(ids)
        device = ids.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        rotation: Rotation | None = None
        mask: AttentionMask = None
        positions: slice | Tensor = slice(begin, end)
        if config.intra_document and starts is not None:
            positions, mask = inside_documents(starts, config)
        if self.positions is not None:
            x = x + self.positions.weight[positions]
        else:
            cos, sin = (table[positions].to(dtype) for table in (self.cos, self.sin))  # type: ignore[index]
            rotation = (cos, sin) if mask is None else (cos.unsqueeze(1), sin.unsqueeze(1))
        if style.embedding_norm:
            x = F.rms_norm(x, (config.width,), None, style.eps)
        x = x.to(dtype)  # in bf16, the residual stream takes half of the memory that autocast would take
        x = F.dropout(x, config.dropout, self.training)
        first = x
        for i, block in enumerate(self.blocks):
            value = self.values[str(i)](ids) if str(i) in self.values else None
            if config.value_embeddings:
                x = self.residual[i] * x + self.skip[i] * first
            x = block(x, rotation, mask, value, caches[i] if caches else None)
        return self.norm(x)  # type: ignore[no-any-return]


def make_model(config: ModelConfig, seed: int) -> Decoder:
    """Return a decoder with initial weights, a function of config and seed. They are drawn on the CPU.

    Standard deviations. gpt2 and llama: 0.02; residual projections 0.02 / sqrt(2 * layers) (GPT-2's paper).
    nanochat, as in its gpt.py: embedding 1, matrices 1 / sqrt(width), residual projections 0, head 0.001; with value
    embeddings, of March 2026: embedding 0.8, and half for `up`.
    """
    model = Decoder(config)
    generator = torch.Generator().manual_seed(seed)
    zero = config.style.zero_init
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2:
                continue  # weights of norms stay one
            std = config.width**-0.5 if zero else 0.02
            if name.endswith(("o.weight", "down.weight")):
                std = 0.0 if zero else std / math.sqrt(2 * config.layers)
            elif name.endswith("value_gate"):
                parameter.uniform_(0.0, 0.02, generator=generator)
                continue
            elif name.startswith(("embedding", "positions")):
                std = (0.8 if config.value_embeddings else 1.0) if zero else std
            elif name.endswith("up.weight") and config.value_embeddings:
                std *= 0.5
            elif name.startswith("head"):
                std = 0.001 if zero else std
            parameter.normal_(0.0, std, generator=generator)
        for module in model.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()
    return model


# -- counting ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelCost:
    """Size of a model, and training FLOPs per token."""

    parameters: int  # a tied head is counted once
    matrices: int  # weights of matrix products, the head included
    flops: int  # nanochat's count


def count(model: Decoder) -> ModelCost:
    """Count the parameters and FLOPs of a model. Works on the meta device too."""
    config = model.config
    matrices = sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear))
    attention = 12 * config.layers * config.width * config.context
    return ModelCost(
        sum(parameter.numel() for parameter in model.parameters()),
        matrices,
        6 * matrices + attention,
    )
