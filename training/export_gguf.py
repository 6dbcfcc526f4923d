"""A trained model as a GGUF file, for llama.cpp and programs that use it (Ollama, LM Studio, llama-cpp-python).

Tensors have the names of `gguf.TensorNameMap`; Llama's q and k have their rows in the order of llama.cpp, which
rotates neighbouring pairs. llama.cpp has its pre-token patterns built in and selects one by a name, so that only
tokenizers with one of these patterns can be exported (src/llama-vocab.cpp at version 0.5.0).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharding.layout import DatasetLayout
from sharding.seal import Sealed
from training.config import ModelConfig
from training.errors import ConfigError
from training.export_hf import Tokenizer

FILE = "model.gguf"
_CONTRACTION, _SPACE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LETTERS = rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}%s| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACE}"
PATTERNS = {
    rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_SPACE}": (
        "qwen35",
        False,
    ),
    _LETTERS % "": ("qwen2", False),
    _LETTERS % "{1,3}": ("llama-bpe", True),
    "": ("gpt-2", False),
}
"""llama.cpp's name of a pattern ("" is GPT-2's, which ByteLevel has by itself), and whether it ignores merges."""
RUNS = "export it --to hf, which transformers runs"


def write_gguf(
    folder: Path, config: ModelConfig, weights: Mapping[str, Tensor], dataset: Sealed, layout: DatasetLayout
) -> None:
    """Write model.gguf. Raises ConfigError for a model or a tokenizer that llama.cpp can't run."""
    if importlib.util.find_spec("gguf") is None:
        raise ConfigError("--to gguf needs the package gguf: pip install 'arcorp[gguf]'")
    if config.preset == "nanochat":
        raise ConfigError(f"llama.cpp has no architecture for preset {config.preset}: {RUNS}")
    from gguf import GGUFWriter, LlamaFileType, TokenType

    tokenizer = Tokenizer(dataset, layout)
    pattern = _pattern(tokenizer.json, f"{dataset.path / 'tokenizer/tokenizer.json'}")
    file: Any = GGUFWriter(folder / FILE, config.preset)
    file.add_name("arcorp")
    file.add_file_type(LlamaFileType.ALL_F32)
    file.add_vocab_size(config.vocab_size)
    file.add_context_length(config.context)
    file.add_embedding_length(config.width)
    file.add_block_count(config.layers)
    file.add_feed_forward_length(config.ffn)
    file.add_head_count(config.heads)
    file.add_head_count_kv(config.kv_heads)
    if config.preset == "llama":
        file.add_layer_norm_rms_eps(config.style.eps)
        file.add_rope_dimension_count(config.head_width)
        file.add_rope_freq_base(config.rope_theta)
    else:
        file.add_layer_norm_eps(config.style.eps)

    model, specials = tokenizer.json["model"], tokenizer.names
    tokens = {id: name for name, id in model["vocab"].items()} | specials
    types = {
        int(token["id"]): TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        for token in tokenizer.json.get("added_tokens") or []
    }
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre(pattern)
    file.add_token_list([tokens[id].encode() for id in range(config.vocab_size)])
    file.add_token_types([types.get(id, TokenType.NORMAL) for id in range(config.vocab_size)])
    file.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]])
    file.add_add_bos_token(layout.bos is not None)
    file.add_add_eos_token(False)
    for add, id in ((file.add_bos_token_id, layout.bos), (file.add_eos_token_id, layout.end)):
        if id is not None:
            add(id)
    if tokenizer.pad is not None:
        file.add_pad_token_id(tokenizer.pad)
    template = tokenizer.settings.get("chat_template")
    if isinstance(template, str):  # llama.cpp reads no marks of the assistant's tokens
        file.add_chat_template(template.replace("{% generation %}", "").replace("{% endgeneration %}", ""))
    for name, value in gguf_weights(config, weights).items():
        file.add_tensor(name, np.ascontiguousarray(value.float().numpy()))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def _pattern(tokenizer: Mapping[str, Any], name: str) -> str:
    """Return llama.cpp's name of the pattern of a tokenizer.json. Raises ConfigError if it has none."""
    steps = tokenizer.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    splits = [str(step["pattern"].get("Regex")) for step in steps if step.get("type") == "Split"]
    if any(step.get("type") == "ByteLevel" and step.get("use_regex", True) for step in steps):
        splits.append("")
    pattern, ignores = PATTERNS[splits[0]] if len(splits) == 1 and splits[0] in PATTERNS else ("", False)
    reason = ""
    if tokenizer.get("normalizer") or any(step.get("add_prefix_space") for step in steps):
        reason = "it changes texts before it encodes them, and llama.cpp does not"
    elif not pattern:
        reason = "its pattern of pre-tokens is none of llama.cpp's"
    elif bool(tokenizer["model"].get("ignore_merges")) != ignores:
        reason = f"its ignore_merges differs from that of llama.cpp's {pattern}"
    if reason:
        raise ConfigError(f"{name}: {reason}: {RUNS}")
    return pattern


def gguf_weights(config: ModelConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters under llama.cpp's names. A tied head is left out, as there."""
    names = {"embedding": "token_embd", "positions": "position_embd", "head": "output", "norm": "output_norm"}
    inside = {"norm1": "attn_norm", "norm2": "ffn_norm", "attention.o": "attn_output"}
    inside |= {f"mlp.{name}": f"ffn_{name}" for name in ("up", "gate", "down")}
    inside |= {f"attention.{name}": f"attn_{name}" for name in ("q", "k", "v", "qkv")}
    for i in range(config.layers):
        names |= {f"blocks.{i}.{ours}": f"blk.{i}.{theirs}" for ours, theirs in inside.items()}
    changed = dict(weights)
    for i in range(config.layers):
        for end in ("weight", "bias") if config.preset == "gpt2" else ():
            parts = [changed.pop(f"blocks.{i}.attention.{name}.{end}") for name in "qkv"]
            changed[f"blocks.{i}.attention.qkv.{end}"] = torch.cat(parts)
        for name, heads in (("q", config.heads), ("k", config.kv_heads)) if config.preset == "llama" else ():
            key = f"blocks.{i}.attention.{name}.weight"
            changed[key] = _neighbouring(changed[key], heads)
    result = {}
    for name, value in changed.items():
        ours, _, end = name.rpartition(".")
        result[f"{names[ours]}.{end}"] = value
    return result


def _neighbouring(weight: Tensor, heads: int) -> Tensor:
    """Return the rows of each head with the two halves interleaved, so that the pairs of RoPE are neighbours."""
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)
