"""Export a trained model as a Hugging Face folder: `python training/export.py --run RUN --data DATASET --out DIR`.

The presets become transformers' NanoChatForCausalLM, GPT2LMHeadModel and LlamaForCausalLM. Weights are renamed; for
GPT-2, q, k and v are joined and matrices transposed (its Conv1D). The folder also holds the tokenizer. It loads with
AutoModelForCausalLM and AutoTokenizer, without code of this project.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from safetensors.torch import save_file
from torch import Tensor

from sharding.rows import Dataset
from sharding.seal import Sealed, atomic_folder, write_json
from training import checkpoint
from training.config import ModelConfig
from training.errors import ConfigError, finished, say

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
MLP = ("up", "gate", "down")
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}


def hf_config(config: ModelConfig, bos: int | None, eos: int | None) -> dict[str, Any]:
    """Return the `config.json` of the equivalent transformers class. bos, eos: ids, None if there is none."""
    common: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": None,
        "tie_word_embeddings": config.style.tied,
        "dtype": "float32",
    }
    if config.preset == "gpt2":
        return common | {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_positions": config.context,
            "n_embd": config.width,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_inner": config.ffn,
            "activation_function": "gelu",
            "layer_norm_epsilon": config.style.eps,
            "embd_pdrop": config.dropout,
            "attn_pdrop": config.dropout,
            "resid_pdrop": config.dropout,
        }
    common |= {
        "hidden_size": config.width,
        "intermediate_size": config.ffn,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.style.eps,
        "rope_parameters": ROPE,
        "attention_bias": False,
        "attention_dropout": config.dropout,
    }
    if config.preset == "nanochat":
        return common | {
            "architectures": ["NanoChatForCausalLM"],
            "model_type": "nanochat",
            "hidden_act": "relu2",
            "final_logit_softcapping": config.style.softcap,
        }
    return common | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "head_dim": config.head_width,
        "mlp_bias": False,
    }


def hf_weights(config: ModelConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters under transformers' names, a tied head once."""
    result = (_gpt2_weights if config.preset == "gpt2" else _llama_weights)(config, weights)
    return {name: value.contiguous() for name, value in result.items()}


def _llama_weights(config: ModelConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = {"embedding": "model.embed_tokens", "head": "lm_head", "norm": "model.norm"}
    mlp = {"up": "fc1", "down": "fc2"} if config.preset == "nanochat" else {name: f"{name}_proj" for name in MLP}
    for i in range(config.layers):
        here, there = f"blocks.{i}", f"model.layers.{i}"
        names |= {f"{here}.norm1": f"{there}.input_layernorm", f"{here}.norm2": f"{there}.post_attention_layernorm"}
        names |= {f"{here}.attention.{name}": f"{there}.self_attn.{name}_proj" for name in "qkvo"}
        names |= {f"{here}.mlp.{ours}": f"{there}.mlp.{theirs}" for ours, theirs in mlp.items()}
    return {f"{names[name.removesuffix('.weight')]}.weight": value for name, value in weights.items()}


def _gpt2_weights(config: ModelConfig, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = {"embedding": "wte", "positions": "wpe", "norm": "ln_f"}
    for i in range(config.layers):
        pairs = {"norm1": "ln_1", "norm2": "ln_2", "attention.o": "attn.c_proj", "attention.qkv": "attn.c_attn"}
        pairs |= {"mlp.up": "mlp.c_fc", "mlp.down": "mlp.c_proj"}
        names |= {f"blocks.{i}.{ours}": f"h.{i}.{theirs}" for ours, theirs in pairs.items()}
    fused = dict(weights)
    for i in range(config.layers):
        for end in ("weight", "bias"):
            parts = [fused.pop(f"blocks.{i}.attention.{name}.{end}") for name in "qkv"]
            fused[f"blocks.{i}.attention.qkv.{end}"] = torch.cat(parts)
    result = {}
    for name, value in fused.items():
        ours, _, end = name.rpartition(".")
        is_matrix = value.ndim == 2 and ours.startswith("blocks.")
        result[f"transformer.{names[ours]}.{end}"] = value.t() if is_matrix else value
    return result


def export(run: Path, data: Path, out: Path) -> Path:
    """Export the newest sound checkpoint of a run to the folder `out` and return it. The folder appears by a rename.

    Raises Unfinished if there is no checkpoint, ConfigError if the model can't be exported or `out` exists.
    """
    dataset = Dataset(data)
    path, meta = checkpoint.newest(run, dataset, say)
    if out.exists():
        raise ConfigError(f"{out} exists already: delete it, or choose another --out")
    config = ModelConfig(**meta.model)
    if config.value_embeddings:
        raise ConfigError(
            f"{run} has value_embeddings, which no class of transformers has: train without them to export"
        )
    weights, _ = checkpoint.load_tensors(path)
    sealed = Sealed(data, "pack")
    with atomic_folder(out) as inside:
        write_json(inside / "config.json", hf_config(config, dataset.layout.bos, dataset.layout.eos))
        save_file(hf_weights(config, weights), inside / "model.safetensors", metadata={"format": "pt"})
        for name in TOKENIZER_FILES:
            if f"tokenizer/{name}" in sealed.manifest.files:
                (inside / name).write_bytes(sealed.read(f"tokenizer/{name}"))
    return out


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.py", description="Export a trained model as a Hugging Face folder.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    parser.add_argument("--out", type=Path, required=True, help="Folder to create.")
    arguments = parser.parse_args(argv)
    return finished(lambda: sys.stdout.write(f"{export(arguments.run, arguments.data, arguments.out)}\n"))


if __name__ == "__main__":
    sys.exit(main())
