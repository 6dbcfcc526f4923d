"""What a run is told: frozen, validated, with strict keys, from a YAML or JSON file and `--set a.b=c`.

The three presets differ by the `Style` table below and by nothing else. Two of them are also the seeds' models:
`nanochat` is karpathy/nanochat of October 2025 (d20), `gpt2` with exact GELU is AraFusion-AR and the stories
models; `llama` is there for anything new. Nothing here needs torch.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

Preset = Literal["nanochat", "gpt2", "llama"]
T = TypeVar("T")


class TrainError(Exception):
    """Training can't go on; the message is one sentence that names the place and the mend. Exit code 1."""

    exit_code = 1


class ConfigError(TrainError):
    """A key or a value of the configuration is wrong. Exit code 2."""

    exit_code = 2


# -- the model --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """What a preset fixes. `rotation` is the sign of RoPE: nanochat turns the other way than llama."""

    positions: Literal["rope", "learned"]
    norm: Literal["rms", "weighted-rms", "layer"]
    activation: Literal["relu2", "gelu", "swiglu"]
    eps: float
    rotation: int = 1
    qk_norm: bool = False
    embedding_norm: bool = False
    bias: bool = False
    tied: bool = False
    softcap: float | None = None
    zero_init: bool = False  # residual projections begin at zero, the head near it (nanochat)


STYLES: dict[Preset, Style] = {
    "nanochat": Style(
        "rope", "rms", "relu2", 1e-6, rotation=-1, qk_norm=True, embedding_norm=True, softcap=15.0, zero_init=True
    ),
    "gpt2": Style("learned", "layer", "gelu", 1e-5, bias=True, tied=True),
    "llama": Style("rope", "weighted-rms", "swiglu", 1e-5),
}


@dataclass(frozen=True)
class ModelConfig:
    """The shape of one decoder, with nothing left open. Its digest binds a checkpoint to its model."""

    preset: Preset
    vocab_size: int
    context: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    dropout: float = 0.0
    intra_document: bool = False  # no position attends to another document's
    value_embeddings: bool = False  # of every other block, with residual scalars: nanochat of 2026

    @property
    def style(self) -> Style:
        return STYLES[self.preset]

    @property
    def head_width(self) -> int:
        return self.width // self.heads


# -- the run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """Validation every `every` steps (0: never between) on `rows` stratified rows; all rows at start and end."""

    every: int = 0
    rows: int = 256
    batch: int = 8  # rows in one forward pass, the same for any number of ranks
    patience: int = 0  # after so many in a row without a better one the run ends (0: never)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint every `every` steps (0: only at the end and on a signal), the last `keep` of them kept."""

    every: int = 0
    keep: int = 2


@dataclass(frozen=True)
class Generate:
    """Text written at the end: `prompts` of `prompt_tokens` validation tokens each, continued by `tokens`."""

    prompts: int = 4
    prompt_tokens: int = 16
    tokens: int = 64
    temperature: float = 0.8
    top_k: int = 50
    top_p: float = 1.0


@dataclass(frozen=True)
class Config:
    """Everything a run is told. Lengths are in steps, rates per step; the batch is the schedule's."""

    preset: Preset = "nanochat"
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int | None = None  # as many as heads
    ffn: int | None = None  # 4 x width; swiglu: 8/3 x width, up to a multiple of 64
    dropout: float = 0.0
    intra_document: bool = False  # attention stays inside a row's documents, and positions begin anew with each
    value_embeddings: bool = False  # nanochat's of 2026, with its residual scalars; such a model can't be exported
    context: int | None = None  # the dataset's row_tokens; it may be given to be checked
    batch_rows: int | None = None  # the schedule's; it may be given to be checked
    steps: int | None = None  # all that the schedule has
    accumulation: int = 1

    optimizer: Literal["adamw", "muon"] = "muon"
    lr: float = 3e-3
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    warmup: int = 10
    warmdown: float = 0.5  # the part of the run in which `linear` goes down
    final_lr: float = 0.0  # as a part of lr
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    grad_clip: float = 1.0

    precision: Literal["fp32", "bf16", "fp8"] = "fp32"  # fp8: bf16 but for the products of the blocks
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compile: bool = False
    memory: float = 1.0  # the part of each GPU's memory that may be reserved
    threads: int | None = None  # CPU threads of each rank; torch's own choice
    seed: int = 42

    log_every: int = 10
    eval: Evaluation = field(default_factory=Evaluation)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    generate: Generate = field(default_factory=Generate)

    def __post_init__(self) -> None:
        at_least = {
            1: ("layers", "width", "heads", "kv_heads", "ffn", "steps", "accumulation", "threads", "log_every"),
            0: ("warmup", "weight_decay", "dropout", "warmdown", "final_lr", "lr", "seed"),
        }
        for least, names in at_least.items():
            for name in names:
                _at_least(name, getattr(self, name), least)
        _at_least("eval.every", self.eval.every, 0)
        _at_least("eval.rows", self.eval.rows, 1)
        _at_least("eval.batch", self.eval.batch, 1)
        _at_least("eval.patience", self.eval.patience, 0)
        _at_least("checkpoint.every", self.checkpoint.every, 0)
        _at_least("checkpoint.keep", self.checkpoint.keep, 1)
        _at_least("generate.prompts", self.generate.prompts, 0)
        _at_least("generate.prompt_tokens", self.generate.prompt_tokens, 1)
        _at_least("generate.tokens", self.generate.tokens, 1)
        _at_least("generate.temperature", self.generate.temperature, 0)
        _at_least("generate.top_k", self.generate.top_k, 0)
        for name in ("dropout", "warmdown", "final_lr"):
            if getattr(self, name) > 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: it is a part, at most 1")
        if not 0 < self.memory <= 1:
            raise ConfigError(f"memory is {self.memory}: it is a part of the GPU's, above 0 and at most 1")
        if not 0 < self.generate.top_p <= 1:
            raise ConfigError(f"generate.top_p is {self.generate.top_p}: it lies above 0 and is at most 1")
        if self.grad_clip <= 0:
            raise ConfigError(f"grad_clip is {self.grad_clip}: it is a norm above 0; a large one clips nothing")
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} does not divide into {self.heads} heads")
        if self.kv_heads is not None and self.heads % self.kv_heads:
            raise ConfigError(f"heads {self.heads} do not divide among {self.kv_heads} kv_heads")
        if self.value_embeddings and self.preset != "nanochat":
            raise ConfigError(f"value_embeddings belong to the preset nanochat, and preset is {self.preset}")
        if STYLES[self.preset].positions == "rope" and self.width // self.heads % 2:
            raise ConfigError(f"a head of width {self.width // self.heads} is odd, and RoPE turns pairs: change heads")

    def model(self, vocab_size: int, row_tokens: int) -> ModelConfig:
        """The model for a dataset. Raises ConfigError if `context` says other than its rows."""
        if self.context is not None and self.context != row_tokens:
            raise ConfigError(
                f"context is {self.context} but the dataset's rows hold {row_tokens} tokens: leave it out, "
                f"or pack with row_tokens {self.context}"
            )
        swiglu = STYLES[self.preset].activation == "swiglu"
        ffn = self.ffn or (-(-self.width * 8 // 3 // 64) * 64 if swiglu else 4 * self.width)
        return ModelConfig(
            self.preset,
            vocab_size,
            row_tokens,
            self.layers,
            self.width,
            self.heads,
            self.kv_heads or self.heads,
            ffn,
            self.dropout,
            self.intra_document,
            self.value_embeddings,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, nested as in the file."""
        return dataclasses.asdict(self)


def _at_least(name: str, value: float | None, least: float) -> None:
    if value is not None and not value >= least:
        raise ConfigError(f"{name} is {value}: it must be at least {least}")


# -- reading ----------------------------------------------------------------------------------------------


def read_config(file: Path | None, settings: Sequence[str] = ()) -> Config:
    """The configuration of a file, or the defaults, with each `a.b=c` of `settings` laid over it.

    Raises ConfigError for a file that can't be read, an unknown key (naming the closest), a wrong type or
    a value out of range.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = yaml.safe_load(file.read_bytes()) or {}
        except OSError as error:
            raise ConfigError(f"{file} can't be read: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{file} must hold keys and values, not {type(values).__name__}")
    for setting in settings:
        _lay(values, setting)
    try:
        return _build(Config, values, "")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}" if file is not None else str(error)) from None


def _lay(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set {setting} has no '=': write --set a.b=c")
    *sections, last = key.strip().split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {setting}: {section} is a value, not a section")
        values = inner
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {setting}: {text!r} is not YAML") from None


def _build(kind: type[T], values: Any, prefix: str) -> T:
    """A dataclass from a mapping, key by key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{prefix.rstrip('.')} must hold keys and values, not {values!r}")
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1, cutoff=0.5)
            known = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(sorted(hints))}"
            raise ConfigError(f"unknown key {prefix}{key}; {known}")
    return kind(**{key: _value(hints[key], value, prefix + key) for key, value in values.items()})


def _value(hint: Any, value: Any, name: str) -> Any:
    """`value` as `hint` wants it. YAML reads 3e-4 as a string, and 1 as an integer where 1.0 is meant."""
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(one for one in get_args(hint) if one is not type(None))
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{name}.")  # type: ignore[arg-type]  # a class, as hints are
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise ConfigError(f"{name} is {value!r}: it must be one of {', '.join(get_args(hint))}")
    if get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and len(value) == len(get_args(hint)):
            return tuple(_value(one, item, name) for one, item in zip(get_args(hint), value, strict=True))
        raise ConfigError(f"{name} is {value!r}: it must be a list of {len(get_args(hint))} numbers")
    if hint is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            value = float(value)
        except ValueError:
            raise ConfigError(f"{name} is {value!r}: it must be a number") from None
    if type(value) is not hint:
        raise ConfigError(f"{name} is {value!r}: it must be of type {hint.__name__}")
    return value
