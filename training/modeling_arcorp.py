"""A nanochat decoder with value embeddings, for transformers: `trust_remote_code=True`.

arcorp copies this file into the exported folders of such models, since no class of transformers has value embeddings
and residual scalars (karpathy/nanochat, gpt.py at commit 6ed7d1d). It needs torch and transformers only. Parameters
have the names of arcorp's checkpoints.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast

GATE_RANGE, SHARPER, SOFTCAP, EPS = 3.0, 1.15, 15.0, 1e-6


class ArcorpConfig(PretrainedConfig):
    """The shape of a model; the names are those of Llama's configuration."""

    model_type = "arcorp"

    def __init__(
        self,
        vocab_size=256,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        rotary_base=10_000.0,
        gate_width=12,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.max_position_embeddings = max_position_embeddings
        self.rotary_base = rotary_base
        self.gate_width = gate_width
        super().__init__(**{"tie_word_embeddings": False, **kwargs})

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads

    def has_value(self, layer):
        """Return whether a layer has a value embedding: every other one, the last one included."""
        return layer % 2 == (self.num_hidden_layers - 1) % 2


def norm(x):
    return F.rms_norm(x, (x.shape[-1],), None, EPS)


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.config, self.layer = config, layer
        kv_width = config.num_key_value_heads * config.head_dim
        self.q = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k = nn.Linear(config.hidden_size, kv_width, bias=False)
        self.v = nn.Linear(config.hidden_size, kv_width, bias=False)
        self.o = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        if config.has_value(layer):
            self.value_gate = nn.Parameter(torch.zeros(config.num_key_value_heads, config.gate_width))

    def forward(self, x, rotation, mask, value, cache):
        rows, length, _ = x.shape
        shape = (rows, length, -1, self.config.head_dim)
        q, k, v = (linear(x).view(shape).transpose(1, 2) for linear in (self.q, self.k, self.v))
        if value is not None:
            gate = GATE_RANGE * torch.sigmoid(F.linear(x[..., : self.config.gate_width], self.value_gate))
            v = v + (gate.unsqueeze(3) * value.view(shape)).transpose(1, 2).to(v.dtype)
        q, k = (SHARPER * norm(rotated(states, rotation)) for states in (q, k))
        if cache is not None:
            k, v = cache.update(k, v, self.layer)
        y = F.scaled_dot_product_attention(q, k.to(q.dtype), v.to(q.dtype), mask, enable_gqa=q.shape[1] != k.shape[1])
        return self.o(y.transpose(1, 2).reshape(rows, length, -1))


def rotated(x, rotation):
    """Apply RoPE in nanochat's direction."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return (x * cos - torch.cat((-second, first), dim=-1) * sin).to(x.dtype)


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.attention, self.mlp = Attention(config, layer), Mlp(config)

    def forward(self, x, rotation, mask, value, cache):
        x = x + self.attention(norm(x), rotation, mask, value, cache)
        return x + self.mlp(norm(x))


class ArcorpForCausalLM(PreTrainedModel, GenerationMixin):
    """The model: logits of the next ids, with a key-value cache."""

    config_class = ArcorpConfig
    base_model_prefix = ""
    _supports_sdpa = True
    _no_split_modules = ("Block",)

    def __init__(self, config):
        super().__init__(config)
        width, layers = config.hidden_size, range(config.num_hidden_layers)
        kv_width = config.num_key_value_heads * config.head_dim
        self.embedding = nn.Embedding(config.vocab_size, width)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in layers)
        self.values = nn.ModuleDict(
            {str(layer): nn.Embedding(config.vocab_size, kv_width) for layer in layers if config.has_value(layer)}
        )
        self.residual = nn.Parameter(torch.ones(len(layers)))
        self.skip = nn.Parameter(torch.zeros(len(layers)))
        self.head = nn.Linear(width, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.embedding

    def get_output_embeddings(self):
        return self.head

    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        labels=None,
        use_cache=None,
        logits_to_keep=0,
        **kwargs,
    ):
        """Return logits (rows, length, vocab_size) and, with labels, the mean cross-entropy of the next ids."""
        config = self.config
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=config)
        before = past_key_values.get_seq_length() if past_key_values is not None else 0
        length, device = input_ids.shape[1], input_ids.device
        places = torch.arange(before, before + length, device=device)
        mask = torch.arange(before + length, device=device) <= places[:, None]
        if attention_mask is not None and attention_mask.ndim == 2:
            seen = attention_mask[:, None, None, : before + length].bool()
            mask = (mask & seen) | (torch.arange(before + length, device=device) == places[:, None])
            if position_ids is None:
                position_ids = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, before : before + length]
        positions = (places[None] if position_ids is None else position_ids)[:, None, :, None].float()
        steps = torch.arange(0, config.head_dim, 2, device=device).float() / config.head_dim
        angles = positions / config.rotary_base**steps
        angles = torch.cat((angles, angles), dim=-1)
        rotation = angles.cos(), angles.sin()
        x = first = norm(self.embedding(input_ids))
        for layer, block in enumerate(self.blocks):
            value = self.values[str(layer)](input_ids) if config.has_value(layer) else None
            x = block(self.residual[layer] * x + self.skip[layer] * first, rotation, mask, value, past_key_values)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = SOFTCAP * torch.tanh(self.head(norm(x[:, kept])).float() / SOFTCAP)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past_key_values if use_cache else None)
