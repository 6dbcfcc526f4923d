"""Options of the trainer: frozen dataclasses that check their own values.

The presets differ only by the `Style` table. `nanochat` is the model of karpathy/nanochat of October 2025 (d20),
`gpt2` is GPT-2 with exact GELU (AraFusion-AR and the stories models), and `llama` is meant for new models.
`training/config_file.py` reads these options from files. This module does not import torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
import operator
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from training.errors import ConfigError

Preset = Literal["nanochat", "gpt2", "llama"]


# -- the model --------------------------------------------------------------------------------------------


class Group(NamedTuple):
    """How AdamW updates a group of parameters."""

    lr: float
    """Peak learning rate."""
    betas: tuple[float, float]
    """Decay rates of the two moments."""
    weight_decay: float
    eps: float = 1e-10


NANOCHAT = {
    "embedding": Group(0.3, (0.8, 0.995), 0.001),
    "values": Group(0.15, (0.8, 0.995), 0.01),
    "head": Group(0.008, (0.8, 0.96), 0.01),
    "residual": Group(0.005, (0.8, 0.95), 0.05),
    "skip": Group(0.5, (0.96, 0.95), 0.0),
}
"""Groups of nanochat's gpt.py (`setup_optimizer`, commit 92d63d4), by the first part of a parameter's name.

Rates of matrices are those at width `NANOCHAT_WIDTH`, and proportional to width^-0.5. All are those beside a rate of
0.02 of Muon, which equals `NANOCHAT_LR` / sqrt(width) here.
"""
NANOCHAT_WIDTH, NANOCHAT_LR = 768, 0.1


@dataclass(frozen=True)
class Style:
    """Architecture choices that a preset fixes."""

    positions: Literal["rope", "learned"]
    norm: Literal["rms", "weighted-rms", "layer"]
    activation: Literal["relu2", "gelu", "swiglu"]
    eps: float
    """Epsilon of the norms."""
    rotation: int = 1
    """Sign of the RoPE angles: nanochat rotates in the opposite direction to llama."""
    qk_norm: bool = False
    """RMS norm of queries and keys, after their rotation."""
    embedding_norm: bool = False
    """RMS norm of the embeddings, before the first block."""
    bias: bool = False
    """Biases in the blocks' linear layers."""
    tied: bool = False
    """The head shares the weight of the embedding."""
    softcap: float | None = None
    """Logits become softcap * tanh(logits / softcap)."""
    zero_init: bool = False
    """Residual projections start at zero and the head near zero, as in nanochat's gpt.py."""
    groups: dict[str, Group] = field(default_factory=dict)
    """Parameters that have rates of their own; `lr` scales these too."""


STYLES: dict[Preset, Style] = {
    "nanochat": Style(
        "rope",
        "rms",
        "relu2",
        1e-6,
        rotation=-1,
        qk_norm=True,
        embedding_norm=True,
        softcap=15.0,
        zero_init=True,
        groups=NANOCHAT,
    ),
    "gpt2": Style("learned", "layer", "gelu", 1e-5, bias=True, tied=True),
    "llama": Style("rope", "weighted-rms", "swiglu", 1e-5),
}


@dataclass(frozen=True)
class ModelConfig:
    """Complete shape of one decoder, without defaults to resolve. A checkpoint records it in full.

    `Config` documents the fields; `context` is the number of tokens in a row.
    """

    preset: Preset
    vocab_size: int
    context: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    dropout: float = 0.0
    intra_document: bool = False
    value_embeddings: bool = False
    rope_theta: float = 10_000.0

    @property
    def style(self) -> Style:
        return STYLES[self.preset]

    @property
    def head_width(self) -> int:
        return self.width // self.heads


# -- the run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """Validation before the first step, during the run, and after the last step."""

    every: int = 0
    """Steps between validations; 0: only at start and end."""
    rows: int = 256
    """Validation rows, the same each time, from every stratum in proportion; 0: all."""
    batch: int = 8
    """Rows in one forward pass of one rank. The figures do not depend on the number of ranks."""
    patience: int = 0
    """The run ends after this many validations in a row without an improvement; 0: never."""


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoints during the run. The last step and a signal always write one."""

    every: int = 0
    """Steps between checkpoints; 0: only at the end and on a signal."""
    keep: int | Literal["best"] = 2
    """Number of checkpoints to keep, newest first. `best`: the newest, and the one of the best validation, which then
    writes a checkpoint."""


@dataclass(frozen=True)
class Generate:
    """Text that the trained model writes at the end of a run."""

    prompts: int = 4
    """Number of prompts, taken from the start of validation rows; 0: no samples.json."""
    prompt_tokens: int = 16
    """Tokens of each prompt."""
    tokens: int = 64
    """Tokens to generate after each prompt, at most."""
    temperature: float = 0.8
    """Divisor of the logits; 0 always takes the most probable token."""
    top_k: int = 50
    """Only the k most probable tokens are drawn from; 0: all."""
    top_p: float = 1.0
    """Only the most probable tokens that together reach this probability are drawn from (nucleus sampling)."""


@dataclass(frozen=True)
class Config:
    """All options of a run. The rows of a step and their order belong to the dataset's schedule."""

    preset: Preset = "nanochat"
    """Kind of decoder: see `STYLES`."""
    layers: int = 4
    """Number of blocks."""
    width: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads; they divide `width`."""
    kv_heads: int | None = None
    """Heads of keys and values; they divide `heads`. Default: as many as `heads`."""
    ffn: int | None = None
    """Width of the feed-forward layer. Default: 4 * width; llama: 8/3 * width, rounded up to a multiple of 64."""
    dropout: float = 0.0
    """Dropout of the embeddings, the attention weights and each block's two outputs."""
    intra_document: bool = False
    """Attention does not cross document boundaries in a row, and positions restart at each document."""
    value_embeddings: bool = False
    """Value embeddings in every other block, and residual scalars (nanochat of March 2026)."""
    rope_theta: float = 10_000.0
    """Base of the rotary positions' wavelengths."""
    batch_rows: int | None = None
    """Rows in a step, over all ranks. Default: the schedule's; another value is refused."""
    steps: int | None = None
    """Number of steps. Default: the whole schedule; a larger number is refused."""
    accumulation: int = 1
    """Forward and backward passes of each rank in one step."""

    optimizer: Literal["adamw", "muon"] = "muon"
    """`muon` applies Muon to the blocks' matrices and AdamW to all other parameters."""
    init_from: str | None = None
    """Start from the weights of a run, a checkpoint or a Hugging Face folder, with a fresh optimizer."""
    lr: float = 3e-3
    """Peak learning rate. nanochat's 0.02 for Muon equals 0.02 / (0.2 * sqrt(width)) here. Preset nanochat has its own
    rates for embeddings, head and scalars (`NANOCHAT`), in proportion to this one."""
    embedding_lr: float | None = None
    """Peak learning rate of the embedding, and twice that of value embeddings. Default: by preset."""
    head_lr: float | None = None
    """Peak learning rate of the head. Default: by preset."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """Learning rate after the warm-up: see `optim.share_of_peak`."""
    warmup: int = 10
    """Steps of linear increase from 0 to `lr`."""
    warmdown: float = 0.5
    """Share of the run in which `linear` decreases."""
    final_lr: float = 0.0
    """Learning rate at the end of `cosine` and `linear`, as a share of `lr`."""
    weight_decay: float = 0.1
    """Decoupled weight decay of matrices and embeddings (GPT-3: arXiv:2005.14165, appendix B). Muon's follows a cosine
    to 0. Preset nanochat has its own for embeddings, head and scalars; 0 is for all parameters."""
    betas: tuple[float, float] | None = None
    """AdamW's decay rates of the two moments. Default: (0.9, 0.95) (GPT-3, as above); preset nanochat: by group."""
    grad_clip: float = 1.0
    """Largest norm of the whole gradient (GPT-3, as above)."""

    precision: Literal["fp32", "bf16", "fp8"] | None = None
    """Precision of the matrix products. `fp8`: FP8 in the blocks (NVIDIA Ada or newer), bf16 elsewhere. Default: bf16
    on CUDA, fp32 on a CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is CUDA where torch finds a GPU, otherwise the CPU."""
    compile: bool | None = None
    """Compile model and optimizer with torch.compile; needs a C compiler. Default: on CUDA."""
    deterministic: bool = False
    """Use kernels whose results do not depend on the order of threads, which are slower. A CPU needs no others."""
    threads: int | None = None
    """CPU threads of each rank. Default: torch's own choice."""
    seed: int = 42
    """Seed of the initial weights, dropout and sampling."""

    log_every: int = 10
    """Steps between two lines of the log and of timings.jsonl."""
    log: Literal["trackio", "wandb", "tensorboard"] | None = None
    """Package that is sent a copy of metrics.jsonl."""
    eval: Evaluation = field(default_factory=Evaluation)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    generate: Generate = field(default_factory=Generate)

    def __post_init__(self) -> None:
        """Raise ConfigError for a value out of range, or values that do not fit each other."""
        for (least, greatest), names in RANGES.items():
            for name in names.split():
                value = operator.attrgetter(name)(self)
                if value is not None and not isinstance(value, str) and not least <= value <= greatest:
                    raise ConfigError(f"{name} is {value}: it must be at least {least:g} and at most {greatest:g}")
        if not all(0 <= beta < 1 for beta in self.betas or ()):
            raise ConfigError(f"betas are {list(self.betas or ())}: each must be at least 0 and below 1")
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} is not a multiple of {self.heads} heads: change either")
        if self.heads % (self.kv_heads or 1):
            raise ConfigError(f"heads {self.heads} are not a multiple of {self.kv_heads} kv_heads: change either")
        if self.value_embeddings and self.preset != "nanochat":
            raise ConfigError(f"value_embeddings needs preset nanochat, and preset is {self.preset}: remove one")
        if STYLES[self.preset].positions == "rope" and self.width // self.heads % 2:
            raise ConfigError(
                f"a head of width {self.width // self.heads} is odd, and RoPE rotates pairs: change heads or width"
            )

    def on(self, device_type: str) -> Config:
        """Return the options with `precision` and `compile` decided for a device."""
        on_gpu = device_type == "cuda"
        precision = self.precision or ("bf16" if on_gpu else "fp32")
        return dataclasses.replace(self, precision=precision, compile=on_gpu if self.compile is None else self.compile)

    def values(self) -> dict[str, Any]:
        """Return all options by name, `eval.every` and so on, as JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        sections = {key: values.pop(key) for key in [key for key, value in values.items() if isinstance(value, dict)]}
        return values | {
            f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()
        }

    def group(self, name: str, dimensions: int) -> Group:
        """Return how AdamW updates a parameter. name: in the model; dimensions: of its shape."""
        part = name.partition(".")[0]
        group = STYLES[self.preset].groups.get(part)
        if group is None:
            group = Group(self.lr, self.betas or (0.9, 0.95), self.weight_decay if dimensions > 1 else 0.0, 1e-8)
        else:
            scale = self.lr / NANOCHAT_LR * math.sqrt(NANOCHAT_WIDTH if dimensions > 1 else self.width)
            decay = group.weight_decay if self.weight_decay else 0.0
            group = Group(scale * group.lr, self.betas or group.betas, decay)
        own = {"embedding": self.embedding_lr, "head": self.head_lr}
        own["values"] = None if self.embedding_lr is None else self.embedding_lr / 2
        rate = own.get(part)
        return group if rate is None else group._replace(lr=rate)

    def model(self, vocab_size: int, row_tokens: int) -> ModelConfig:
        """Return the model for a dataset."""
        swiglu = STYLES[self.preset].activation == "swiglu"
        values: dict[str, Any] = {option.name: getattr(self, option.name, None) for option in fields(ModelConfig)}
        values |= {
            "vocab_size": vocab_size,
            "context": row_tokens,
            "kv_heads": self.kv_heads or self.heads,
            "ffn": self.ffn or (-(-self.width * 8 // 3 // 64) * 64 if swiglu else 4 * self.width),
        }
        return ModelConfig(**values)


def harmless(option: str) -> bool:
    """Return True if an option, by its name in `Config.values`, may change when a run is resumed.

    The schedule determines batch_rows, and the weights of init_from were read before.
    """
    section, _, name = option.partition(".")
    return bool(name) or section in (
        *("accumulation", "batch_rows", "compile", "deterministic", "device", "init_from", "log", "log_every"),
        "threads",
    )


RANGES: dict[tuple[float, float], str] = {
    (1, math.inf): "layers width heads kv_heads ffn steps accumulation threads log_every eval.batch checkpoint.keep "
    "generate.prompt_tokens generate.tokens",
    (0, math.inf): "lr embedding_lr head_lr warmup weight_decay eval.every eval.rows eval.patience checkpoint.every "
    "generate.prompts generate.temperature generate.top_k",
    (0, 2**63 - 1): "seed",
    (0, 1): "dropout warmdown final_lr",
    (0.01, 1): "generate.top_p",
    (1e-6, math.inf): "grad_clip",  # a very large value disables clipping
    (2, math.inf): "rope_theta",
}
"""Smallest and largest value of each option."""
