"""Options of the model and its training. They are the trainer's own keys (`training/config.py`).

`pipelines` does not import `training`; tests compare the keys, bounds and relations of the two.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveFloat

from pipelines.recipe.base import BatchRows, Misfit, Options, PositiveInt, SeedInt

LAYERS, WIDTH, HEADS = 4, 128, 4
"""Defaults of the trainer (`training/config.py`)."""


class EvalOptions(Options):
    """Validation during training."""

    every: int | None = Field(None, ge=0, description="number of steps between validations (0: only at start and end)")
    rows: int | None = Field(None, ge=0, description="number of validation rows, the same each time (0: all)")
    batch: PositiveInt | None = Field(None, description="number of rows in one forward pass")
    patience: int | None = Field(
        None, ge=0, description="stop after this number of validations without improvement (0: never)"
    )


class CheckpointOptions(Options):
    """Checkpoints during training."""

    every: int | None = Field(None, ge=0, description="number of steps between checkpoints (0: only at the end)")
    keep: PositiveInt | Literal["best"] | None = Field(
        None, description="number of checkpoints to keep; best: the newest, and that of the best validation"
    )


class GenerateOptions(Options):
    """Text generated at the end of training."""

    prompts: int | None = Field(None, ge=0, description="number of prompts, taken from validation rows")
    prompt_tokens: PositiveInt | None = Field(None, description="number of tokens in a prompt")
    tokens: PositiveInt | None = Field(None, description="number of tokens to generate")
    temperature: float | None = Field(None, ge=0, description="sampling temperature (0: greedy)")
    top_k: int | None = Field(None, ge=0, description="sample from this number of most probable tokens (0: all)")
    top_p: float | None = Field(
        None, ge=0.01, le=1, description="sample from the most probable tokens of this total probability"
    )


class TrainOptions(Options):
    """The model and its training. An unset option has the trainer's default (`training/config.py`)."""

    ranks: PositiveInt = Field(1, description="number of processes that torchrun starts on this machine")
    preset: Literal["nanochat", "gpt2", "llama"] | None = Field(None, description="architecture of the decoder")
    layers: PositiveInt | None = Field(None, description="number of decoder blocks")
    width: PositiveInt | None = Field(None, description="width of the residual stream")
    heads: PositiveInt | None = Field(None, description="number of attention heads")
    kv_heads: PositiveInt | None = Field(None, description="number of key and value heads")
    ffn: PositiveInt | None = Field(None, description="width of the feed-forward layer")
    dropout: float | None = Field(None, ge=0, le=1, description="dropout probability")
    intra_document: bool | None = Field(None, description="restrict attention to each document of a row")
    value_embeddings: bool | None = Field(None, description="value embeddings and residual scalars of nanochat")
    rope_theta: float | None = Field(None, ge=2, description="base of the wavelengths of rotary positions")
    batch_rows: BatchRows = Field(32, description="number of rows in an optimizer step, over all ranks")
    steps: PositiveInt | None = Field(None, description="stop after this number of steps of the schedule")
    accumulation: PositiveInt | None = Field(None, description="number of micro-steps in an optimizer step")
    optimizer: Literal["adamw", "muon"] | None = Field(
        None, description="optimizer; muon updates the matrices, and AdamW the rest"
    )
    init_from: str | None = Field(
        None, description="run, checkpoint or Hugging Face folder whose weights the run starts from"
    )
    lr: PositiveFloat | None = Field(None, description="peak learning rate")
    embedding_lr: float | None = Field(
        None, ge=0, description="peak learning rate of the embedding; unset: in proportion to lr, by preset"
    )
    head_lr: float | None = Field(
        None, ge=0, description="peak learning rate of the head; unset: in proportion to lr, by preset"
    )
    schedule: Literal["cosine", "linear", "constant"] | None = Field(None, description="learning rate schedule")
    warmup: int | None = Field(None, ge=0, description="number of warm-up steps")
    warmdown: float | None = Field(
        None, ge=0, le=1, description="linear: fraction of the run in which the learning rate decreases"
    )
    final_lr: float | None = Field(None, ge=0, le=1, description="final learning rate as a fraction of lr")
    weight_decay: float | None = Field(None, ge=0, description="weight decay of matrices")
    betas: tuple[float, float] | None = Field(None, description="betas of AdamW; unset: by preset")
    grad_clip: float | None = Field(None, ge=1e-6, description="maximum gradient norm")
    precision: Literal["fp32", "bf16", "fp8"] | None = Field(
        None, description="precision of the matrix products; unset: bf16 on CUDA, fp32 on a CPU"
    )
    device: Literal["auto", "cpu", "cuda"] | None = Field(None, description="device to train on")
    compile: bool | None = Field(None, description="compile model and optimizer with torch.compile; unset: on CUDA")
    deterministic: bool | None = Field(None, description="use only deterministic kernels, which are slower")
    threads: PositiveInt | None = Field(None, description="number of CPU threads of each rank")
    seed: SeedInt | None = Field(None, description="seed of weights and dropout; unset: the recipe's seed")
    log_every: PositiveInt | None = Field(None, description="number of steps between log lines")
    log: Literal["trackio", "wandb", "tensorboard"] | None = Field(
        None, description="package that is sent a copy of metrics.jsonl"
    )
    eval: EvalOptions = Field(EvalOptions(), description="validation during training")
    checkpoint: CheckpointOptions = Field(CheckpointOptions(), description="checkpoints during training")
    generate: GenerateOptions = Field(GenerateOptions(), description="text generated at the end of training")

    @property
    def shape(self) -> dict[str, Any]:
        """The options that weights depend on (`training/weights.py`), by name, with the trainer's defaults."""
        return {
            "preset": self.preset or "nanochat",
            "layers": self.layers or LAYERS,
            "width": self.width or WIDTH,
            "heads": self.heads or HEADS,
            "kv_heads": self.kv_heads or self.heads or HEADS,
            "ffn": self.ffn,
            "value_embeddings": bool(self.value_embeddings),
            "rope_theta": self.rope_theta or 10_000.0,
        }

    def check(self) -> None:
        """Raise Misfit for values that contradict each other, as the trainer does (`training/config.py`)."""
        width, heads = self.width or WIDTH, self.heads or HEADS
        if not all(0 <= beta < 1 for beta in self.betas or ()):
            raise Misfit(f"{list(self.betas or ())}: choose two values of at least 0 and below 1", "betas")
        if width % heads:
            raise Misfit(f"width {width} is not a multiple of {heads} heads: change one of them", "heads")
        if heads % (self.kv_heads or heads):
            raise Misfit(
                f"{heads} heads are not a multiple of {self.kv_heads} kv_heads: change one of them", "kv_heads"
            )
        preset = self.preset or "nanochat"
        if self.value_embeddings and preset != "nanochat":
            raise Misfit(
                f"only preset nanochat has value embeddings, and the preset is {preset}: remove the option",
                "value_embeddings",
            )
        if preset != "gpt2" and width // heads % 2:
            raise Misfit(
                f"the width of a head is {width // heads}, and rotary positions need an even number: change heads",
                "heads",
            )
        if self.batch_rows % (self.ranks * (self.accumulation or 1)):
            raise Misfit(
                f"{self.batch_rows} rows are not a multiple of {self.ranks} ranks x {self.accumulation or 1} "
                "accumulation: change one of them",
                "batch_rows",
            )
