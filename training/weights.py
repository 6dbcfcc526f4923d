"""Weights to start from (`init_from`): those of a run, of one checkpoint, or of a Hugging Face folder.

Only weights are read; the optimizer, the schedule and the dataset are those of the new run. The two models must have
equal parameters and the two datasets equal tokenizers. A tokenizer of a run is identified by the sha256 of its
tokenizer.json; that of a Hugging Face folder by its tokens and merges, since other fields may differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sharding.rows import Dataset
from training import checkpoint
from training.config import ModelConfig
from training.errors import ConfigError, Unfinished
from training.export_hf import hf_weights
from training.model import Decoder

FAMILIES = {"arcorp": "nanochat", "nanochat": "nanochat", "gpt2": "gpt2", "llama": "llama"}
"""Preset of each `model_type` of transformers."""
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embedding.weight")
_UNFIT = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, StopIteration, SafetensorError)
"""What a folder of another shape raises: RuntimeError is torch's, and JSON's that is nested too deeply."""
SHARED = ("preset", "vocab_size", "layers", "width", "heads", "kv_heads", "ffn", "value_embeddings", "rope_theta")


def starting_weights(
    path: Path, config: ModelConfig, dataset: Dataset, say: Callable[[str], None]
) -> dict[str, Tensor]:
    """Return the weights in a run's folder, a checkpoint's or a Hugging Face folder, by our names, on the CPU.

    Raises ConfigError if the model or the tokenizer is another one, Unfinished if there are no weights, and
    DamagedCheckpoint for a damaged checkpoint.
    """
    if (path / checkpoint.META).exists() or (path / "checkpoints").exists():
        saved, meta = checkpoint.newest(path, None, say)
        _compare(saved, meta.model, config)
        if meta.tokenizer and meta.tokenizer != dataset.layout.tokenizer:
            raise ConfigError(
                f"{saved} was trained with another tokenizer than {dataset.path}: use a dataset of its own"
            )
        return checkpoint.load_tensors(saved)[0]
    if not (path / "config.json").exists() or not list(path.glob("*.safetensors")):
        raise Unfinished(f"{path} has no weights: init_from is a run, a checkpoint's folder or a Hugging Face folder")
    try:
        _compare_tokenizers(path, dataset)
        return _from_hf(path, config)
    except _UNFIT as error:
        raise ConfigError(
            f"{path} can't be read as a model of preset {config.preset} ({error!r}): export it again"
        ) from None


def _compare(path: Path, theirs: dict[str, Any], ours: ModelConfig) -> None:
    """Raise ConfigError if a model differs in an attribute that its weights depend on."""
    names = (*SHARED, "context") if ours.style.positions == "learned" else SHARED
    for name in names:
        before, now = theirs.get(name, getattr(ModelConfig, name, None)), getattr(ours, name)
        if before != now:
            raise ConfigError(
                f"{path} has {name} {before}, and this run {now}: change {name}, or init_from other weights"
            )


def _compare_tokenizers(path: Path, dataset: Dataset) -> None:
    files = (path / "tokenizer.json", dataset.tokenizer / "tokenizer.json")
    if not files[0].exists():
        raise ConfigError(
            f"{files[0]} is missing, so that its ids can't be compared: copy the model's tokenizer there"
        )
    theirs, ours = (json.loads(file.read_bytes()) for file in files)
    for name in ("vocab", "merges"):
        if theirs["model"][name] != ours["model"][name]:
            raise ConfigError(f"{files[0]} is another tokenizer than that of {dataset.path}: its {name} differ")


def _from_hf(path: Path, config: ModelConfig) -> dict[str, Tensor]:
    """Return the weights of a Hugging Face folder under our names.

    `hf_weights` renames, joins and transposes. Such a linear map is inverted by its vector-Jacobian product.
    """
    theirs = json.loads((path / "config.json").read_bytes())
    if FAMILIES.get(theirs["model_type"]) != config.preset:
        raise ConfigError(
            f"{path} has model_type {theirs['model_type']}, and this run preset {config.preset}: change it"
        )
    heads = theirs.get("num_attention_heads", theirs.get("n_head"))
    tensors = {
        name: tensor.float() for file in sorted(path.glob("*.safetensors")) for name, tensor in load_file(file).items()
    }
    with torch.device("meta"):
        shapes = {name: parameter.shape for name, parameter in Decoder(config).named_parameters()}
    ours = {name: torch.zeros(shape, requires_grad=True) for name, shape in shapes.items()}
    mapped = hf_weights(config, ours)
    table = next(tensors[name] for name in tensors if name.endswith(EMBEDDINGS))
    rope = theirs.get("rope_parameters") or {"rope_theta": theirs.get("rotary_base", config.rope_theta)}
    shape = {"vocab_size": table.shape[0], "width": table.shape[1], "heads": heads, "rope_theta": rope["rope_theta"]}
    _compare(path, {**{name: getattr(config, name) for name in (*SHARED, "context")}, **shape}, config)
    for name, value in mapped.items():
        if name not in tensors or tensors[name].shape != value.shape:
            there = tuple(tensors[name].shape) if name in tensors else "not there"
            raise ConfigError(
                f"{path}: {name} is {there}, and this run has {tuple(value.shape)}: change the model's shape"
            )
    torch.autograd.backward(list(mapped.values()), [tensors[name] for name in mapped])
    return {name: parameter.grad for name, parameter in ours.items() if parameter.grad is not None}
