"""A trained model as a Hugging Face folder.

The presets become transformers' NanoChatForCausalLM, GPT2LMHeadModel and LlamaForCausalLM. Weights are renamed; for
GPT-2, q, k and v are joined and matrices transposed (its Conv1D). A model with value embeddings, of which transformers
has no class, keeps the names of its weights, and the folder holds its code (`modeling_arcorp.py`).

Tokenizer and configuration name the ids that were trained: BOS is put before a text as in the rows, and a text ends
with EOS, else with the next BOS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sharding.layout import DatasetLayout
from sharding.seal import Sealed, write_json
from training.config import ModelConfig
from training.errors import InputError
from training.model import GATE_WIDTH

CODE = Path(__file__).with_name("modeling_arcorp.py")
MLP = ("up", "gate", "down")


def write_hf(
    folder: Path, config: ModelConfig, weights: Mapping[str, Tensor], dataset: Sealed, layout: DatasetLayout
) -> None:
    """Write the files of a model and its tokenizer. Raises InputError for a tokenizer that can't be read."""
    tokenizer = Tokenizer(dataset, layout)
    ids = {"bos_token_id": layout.bos, "eos_token_id": layout.end, "pad_token_id": tokenizer.pad}
    write_json(folder / "config.json", hf_config(config) | ids)
    write_json(folder / "generation_config.json", ids)
    save_file(hf_weights(config, weights), folder / "model.safetensors", metadata={"format": "pt"})
    if config.value_embeddings:
        (folder / CODE.name).write_bytes(CODE.read_bytes())
    for name, value in tokenizer.files(config.context).items():
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class Tokenizer:
    """The tokenizer of a dataset, as an exported model needs it.

    `json`: its tokenizer.json. `settings`: its tokenizer_config.json, with the special tokens that were trained.
    `pad`: the id of its pad token, else that of the end of a text. `names`: the special tokens by id.
    """

    def __init__(self, dataset: Sealed, layout: DatasetLayout) -> None:
        self.layout = layout
        name = "tokenizer/tokenizer.json"
        try:
            self.json: dict[str, Any] = dataset.read_json(name)
            config = "tokenizer/tokenizer_config.json"
            self.settings: dict[str, Any] = dataset.read_json(config) if config in dataset.manifest.files else {}
            added = self.json.get("added_tokens") or []
            self.names = {int(token["id"]): str(token["content"]) for token in added}
            for role, id in (("bos", layout.bos), ("eos", layout.end)):
                self.settings.pop(f"{role}_token", None)
                if id is not None:
                    self.settings[f"{role}_token"] = self.names[id]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{dataset.path / name} can't be read ({error!r}): give the dataset that the run was trained on"
            ) from None
        if not isinstance(self.settings.get("pad_token"), str) and layout.end is not None:
            self.settings["pad_token"] = self.settings["eos_token"]
        self.pad = next((id for id, name in self.names.items() if name == self.settings.get("pad_token")), None)

    def files(self, context: int) -> dict[str, Any]:
        """Return the files of the tokenizer, by name. context: most tokens that the model reads."""
        bos = self.layout.bos
        config = {**self.settings, "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": context}
        config |= {"clean_up_tokenization_spaces": False, "add_bos_token": bos is not None}
        config.pop("split_special_tokens", None)  # of release 0.1.0
        roles = {name: value for name, value in config.items() if name.endswith(("_token", "_tokens"))}
        roles = {name: value for name, value in roles.items() if not isinstance(value, bool)}
        processor = None if bos is None else _before_each_text(self.names[bos], bos)
        changed = {"post_processor": processor, "truncation": None, "padding": None}
        return {
            "tokenizer.json": {**self.json, **changed},
            "tokenizer_config.json": config,
            "special_tokens_map.json": roles,
        }


def _before_each_text(name: str, id: int) -> dict[str, Any]:
    """Return the post-processor that puts a token before each text."""
    token, first, second = ({"SpecialToken": {"id": name, "type_id": 0}}, *(_sequence(of) for of in "AB"))
    return {
        "type": "TemplateProcessing",
        "single": [token, first],
        "pair": [token, first, token, second],
        "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]}},
    }


def _sequence(name: str) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": 0}}


def hf_config(config: ModelConfig) -> dict[str, Any]:
    """Return the `config.json` of the equivalent transformers class, without special ids."""
    common: dict[str, Any] = {
        "vocab_size": config.vocab_size,
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
    }
    if config.value_embeddings:
        return common | {
            "architectures": ["ArcorpForCausalLM"],
            "model_type": "arcorp",
            "auto_map": {
                "AutoConfig": f"{CODE.stem}.ArcorpConfig",
                "AutoModelForCausalLM": f"{CODE.stem}.ArcorpForCausalLM",
            },
            "rotary_base": config.rope_theta,
            "gate_width": min(GATE_WIDTH, config.width),
        }
    common |= {
        "rms_norm_eps": config.style.eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
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
    if config.value_embeddings:
        return {name: value.contiguous() for name, value in weights.items()}
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
