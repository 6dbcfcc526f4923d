"""What a run is told: frozen, validated, with strict keys, from a YAML or JSON file and `--set a.b=c`.

The three presets differ by the `Style` table below and by nothing else. Two of them are also the seeds' models:
`nanochat` is karpathy/nanochat of October 2025 (d20), `gpt2` with exact GELU is AraFusion-AR and the stories
models; `llama` is there for anything new. Nothing here needs torch.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from training.errors import ConfigError

Preset = Literal["nanochat", "gpt2", "llama"]
T = TypeVar("T")


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
        for (least, greatest), names in RANGES.items():
            for name in names.split():
                value = operator.attrgetter(name)(self)
                if value is not None and not least <= value <= greatest:
                    raise ConfigError(f"{name} is {value}: it must be at least {least:g} and at most {greatest:g}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas are {list(self.betas)}: each is a part, below 1")
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} does not divide into {self.heads} heads")
        if self.heads % (self.kv_heads or 1):
            raise ConfigError(f"heads {self.heads} do not divide among {self.kv_heads} kv_heads")
        if self.value_embeddings and self.preset != "nanochat":
            raise ConfigError(f"value_embeddings belong to the preset nanochat, and preset is {self.preset}")
        if STYLES[self.preset].positions == "rope" and self.width // self.heads % 2:
            raise ConfigError(f"a head of width {self.width // self.heads} is odd, and RoPE turns pairs: change heads")

    def deciding(self) -> dict[str, Any]:
        """The part that decides what a run computes, as JSON would give it back."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if key not in OPERATIONAL}
        return {**values, "betas": list(self.betas)}

    def model(self, vocab_size: int, row_tokens: int) -> ModelConfig:
        """The model for a dataset. Raises ConfigError if `context` says other than its rows."""
        if self.context not in (None, row_tokens):
            raise ConfigError(
                f"context is {self.context} but the dataset's rows hold {row_tokens} tokens: leave it out, "
                f"or pack with row_tokens {self.context}"
            )
        swiglu = STYLES[self.preset].activation == "swiglu"
        settled: dict[str, Any] = {one.name: getattr(self, one.name, None) for one in fields(ModelConfig)}
        settled |= {
            "vocab_size": vocab_size,
            "context": row_tokens,
            "kv_heads": self.kv_heads or self.heads,
            "ffn": self.ffn or (-(-self.width * 8 // 3 // 64) * 64 if swiglu else 4 * self.width),
        }
        return ModelConfig(**settled)


OPERATIONAL = ("log_every", "checkpoint", "generate", "threads", "device", "memory", "accumulation", "compile")
"""Keys that may change between two launches of one run."""

RANGES: dict[tuple[float, float], str] = {
    (1, math.inf): "layers width heads kv_heads ffn steps accumulation threads log_every eval.rows eval.batch "
    "checkpoint.keep generate.prompt_tokens generate.tokens",
    (0, math.inf): "lr warmup weight_decay eval.every eval.patience checkpoint.every generate.prompts "
    "generate.temperature generate.top_k",
    (0, 2**63 - 1): "seed",
    (0, 1): "dropout warmdown final_lr",
    (0.01, 1): "memory generate.top_p",
    (1e-6, math.inf): "grad_clip",  # a large one clips nothing
}
"""What values must lie within, the ends included."""


# -- reading ----------------------------------------------------------------------------------------------


def read_config(file: Path | None, settings: Sequence[str] = ()) -> Config:
    """The configuration of a file, or the defaults, with each `a.b=c` of `settings` laid over it.

    Raises ConfigError for a file that can't be read, an unknown key (naming the closest), a wrong type or
    a value out of range.
    """
    values: Any = {}
    if file is not None:
        try:
            values = yaml.safe_load(file.read_bytes()) or {}
        except OSError as error:
            raise ConfigError(f"{file} can't be read: {error.strerror}") from None
        except RecursionError:
            raise ConfigError(f"{file} is nested too deeply") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    try:
        for setting in settings:
            _lay(values, setting)
        return _build(Config, values, "")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}" if file is not None else str(error)) from None


def _lay(values: Any, setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set {setting} has no '=': write --set a.b=c")
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {}) if isinstance(values, dict) else values
    if not isinstance(values, dict):
        raise ConfigError(f"--set {setting}: {'.'.join(sections) or 'the file'} is a value, not a section")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {setting}: {text!r} is not YAML") from None


def _build(kind: type[T], values: Any, prefix: str) -> T:
    """A dataclass from a mapping, key by key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'it'} must hold keys and values, not {values!r}")
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
    wanted = f"of type {getattr(hint, '__name__', hint)}"
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        wanted = f"one of {', '.join(get_args(hint))}"
    elif get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and len(value) == len(get_args(hint)):
            return tuple(_value(one, item, name) for one, item in zip(get_args(hint), value, strict=True))
        wanted = f"a list of {len(get_args(hint))} numbers"
    elif hint is float and type(value) in (int, str):
        wanted = "a number"
        with suppress(ValueError):
            return float(value)
    elif type(value) is hint:
        return value
    raise ConfigError(f"{name} is {value!r}: it must be {wanted}")
