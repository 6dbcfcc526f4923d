"""Options of the trainer: frozen dataclasses that check their own values.

The presets differ only by the `Style` table. `nanochat` is the model of karpathy/nanochat of October 2025 (d20),
`gpt2` is GPT-2 with exact GELU (AraFusion-AR and the stories models), and `llama` is meant for new models.
`training/config_file.py` reads these options from files. This module does not import torch.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from training.errors import ConfigError

Preset = Literal["nanochat", "gpt2", "llama"]


# -- the model --------------------------------------------------------------------------------------------


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


STYLES: dict[Preset, Style] = {
    "nanochat": Style(
        "rope", "rms", "relu2", 1e-6, rotation=-1, qk_norm=True, embedding_norm=True, softcap=15.0, zero_init=True
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

    @property
    def style(self) -> Style:
        return STYLES[self.preset]

    @property
    def head_width(self) -> int:
        return self.width // self.heads


# -- the run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """Validation during the run. All validation rows are also used before the first step and after the last."""

    every: int = 0
    """Steps between validations; 0: only at start and end."""
    rows: int = 256
    """Validation rows, the same each time, from every stratum in proportion."""
    batch: int = 8
    """Rows in one forward pass of one rank. The figures do not depend on the number of ranks."""
    patience: int = 0
    """The run ends after this many validations in a row without an improvement; 0: never."""


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoints during the run. The last step and a signal always write one."""

    every: int = 0
    """Steps between checkpoints; 0: only at the end and on a signal."""
    keep: int = 2
    """Number of checkpoints to keep, newest first."""


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
    """Value embeddings in every other block, and residual scalars (nanochat of March 2026). Not exportable."""
    context: int | None = None
    """Tokens in a row. Default: the dataset's; another value is refused."""
    batch_rows: int | None = None
    """Rows in a step, over all ranks. Default: the schedule's; another value is refused."""
    steps: int | None = None
    """Number of steps. Default: the whole schedule; a larger number is refused."""
    accumulation: int = 1
    """Forward and backward passes of each rank in one step."""

    optimizer: Literal["adamw", "muon"] = "muon"
    """`muon` applies Muon to the blocks' matrices and AdamW to all other parameters."""
    lr: float = 3e-3
    """Peak learning rate, of every parameter. nanochat's 0.02 for Muon equals 0.02 / (0.2 * sqrt(width)) here."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """Learning rate after the warm-up: see `optim.learning_rate`."""
    warmup: int = 10
    """Steps of linear increase from 0 to `lr`."""
    warmdown: float = 0.5
    """Share of the run in which `linear` decreases."""
    final_lr: float = 0.0
    """Learning rate at the end of `cosine` and `linear`, as a share of `lr`."""
    weight_decay: float = 0.1
    """Decoupled weight decay of matrices and embeddings (GPT-3: arXiv:2005.14165, appendix B)."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the two moments (GPT-3, as above)."""
    grad_clip: float = 1.0
    """Largest norm of the whole gradient (GPT-3, as above)."""

    precision: Literal["fp32", "bf16", "fp8"] = "fp32"
    """Precision of the matrix products. `fp8`: FP8 in the blocks (NVIDIA Ada or newer), bf16 elsewhere."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is CUDA where torch finds a GPU, otherwise the CPU."""
    compile: bool = False
    """Compile the model with torch.compile; needs a C compiler."""
    memory: float = 1.0
    """Share of each GPU's memory that the run may reserve."""
    threads: int | None = None
    """CPU threads of each rank. Default: torch's own choice."""
    seed: int = 42
    """Seed of the initial weights, dropout and sampling."""

    log_every: int = 10
    """Steps between two lines of the log and of timings.jsonl."""
    eval: Evaluation = field(default_factory=Evaluation)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    generate: Generate = field(default_factory=Generate)

    def __post_init__(self) -> None:
        """Raise ConfigError for a value out of range, or values that do not fit each other."""
        for (least, greatest), names in RANGES.items():
            for name in names.split():
                value = operator.attrgetter(name)(self)
                if value is not None and not least <= value <= greatest:
                    raise ConfigError(f"{name} is {value}: it must be at least {least:g} and at most {greatest:g}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas are {list(self.betas)}: each must be at least 0 and below 1")
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

    def deciding(self) -> dict[str, Any]:
        """Return the options that determine the result, as JSON values. A resumed run must have the same."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if key not in OPERATIONAL}
        return {**values, "betas": list(self.betas)}

    def model(self, vocab_size: int, row_tokens: int) -> ModelConfig:
        """Return the model for a dataset. Raises ConfigError if `context` differs from its row_tokens."""
        if self.context not in (None, row_tokens):
            raise ConfigError(
                f"context is {self.context} but the dataset's rows hold {row_tokens} tokens: remove it, "
                f"or pack with row_tokens {self.context}"
            )
        swiglu = STYLES[self.preset].activation == "swiglu"
        values: dict[str, Any] = {option.name: getattr(self, option.name, None) for option in fields(ModelConfig)}
        values |= {
            "vocab_size": vocab_size,
            "context": row_tokens,
            "kv_heads": self.kv_heads or self.heads,
            "ffn": self.ffn or (-(-self.width * 8 // 3 // 64) * 64 if swiglu else 4 * self.width),
        }
        return ModelConfig(**values)


OPERATIONAL = ("log_every", "checkpoint", "generate", "threads", "device", "memory", "accumulation", "compile")
"""Options that may change when a run is resumed."""

RANGES: dict[tuple[float, float], str] = {
    (1, math.inf): "layers width heads kv_heads ffn steps accumulation threads log_every eval.rows eval.batch "
    "checkpoint.keep generate.prompt_tokens generate.tokens",
    (0, math.inf): "lr warmup weight_decay eval.every eval.patience checkpoint.every generate.prompts "
    "generate.temperature generate.top_k",
    (0, 2**63 - 1): "seed",
    (0, 1): "dropout warmdown final_lr",
    (0.01, 1): "memory generate.top_p",
    (1e-6, math.inf): "grad_clip",  # a very large value disables clipping
}
"""Smallest and largest value of each option."""
