"""Options of the model and its training. They are the trainer's own keys (`training/config.py`).

`pipelines` does not import `training`; tests compare the keys, bounds and relations of the two.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from pipelines.recipe.base import BatchRows, Misfit, Options, PositiveInt, SeedInt

WIDTH, HEADS = 128, 4
"""Defaults of the trainer (`training/config.py`)."""


class EvalOptions(Options):
    """Validation during training."""

    every: int | None = Field(None, ge=0, description="number of steps between validations (0: only at start and end)")
    rows: PositiveInt | None = Field(
        None, description="number of validation rows each time; all rows at start and end"
    )
    batch: PositiveInt | None = Field(None, description="number of rows in one forward pass")
    patience: int | None = Field(
        None, ge=0, description="stop after this number of validations without improvement (0: never)"
    )


class CheckpointOptions(Options):
    """Checkpoints during training."""

    every: int | None = Field(None, ge=0, description="number of steps between checkpoints (0: only at the end)")
    keep: PositiveInt | None = Field(None, description="number of checkpoints to keep")


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
    value_embeddings: bool | None = Field(
        None, description="value embeddings and residual scalars of nanochat; such a model cannot be exported"
    )
    context: PositiveInt | None = Field(None, description="context length in tokens; must equal pack.row_tokens")
    batch_rows: BatchRows = Field(32, description="number of rows in an optimizer step, over all ranks")
    steps: PositiveInt | None = Field(None, description="stop after this number of steps of the schedule")
    accumulation: PositiveInt | None = Field(None, description="number of micro-steps in an optimizer step")
    optimizer: Literal["adamw", "muon"] | None = Field(
        None, description="optimizer; muon updates the matrices, and AdamW the rest"
    )
    lr: PositiveFloat | None = Field(None, description="peak learning rate")
    schedule: Literal["cosine", "linear", "constant"] | None = Field(None, description="learning rate schedule")
    warmup: int | None = Field(None, ge=0, description="number of warm-up steps")
    warmdown: float | None = Field(
        None, ge=0, le=1, description="linear: fraction of the run in which the learning rate decreases"
    )
    final_lr: float | None = Field(None, ge=0, le=1, description="final learning rate as a fraction of lr")
    weight_decay: float | None = Field(None, ge=0, description="weight decay of matrices")
    betas: tuple[float, float] | None = Field(None, description="betas of AdamW")
    grad_clip: float | None = Field(None, ge=1e-6, description="maximum gradient norm")
    precision: Literal["fp32", "bf16", "fp8"] | None = Field(None, description="precision of the matrix products")
    device: Literal["auto", "cpu", "cuda"] | None = Field(None, description="device to train on")
    compile: bool | None = Field(None, description="compile the model with torch.compile")
    memory: float | None = Field(None, ge=0.01, le=1, description="fraction of each GPU's memory that may be reserved")
    threads: PositiveInt | None = Field(None, description="number of CPU threads of each rank")
    seed: SeedInt | None = Field(None, description="seed of weights and dropout; unset: the recipe's seed")
    log_every: PositiveInt | None = Field(None, description="number of steps between log lines")
    eval: EvalOptions = Field(EvalOptions(), description="validation during training")
    checkpoint: CheckpointOptions = Field(CheckpointOptions(), description="checkpoints during training")
    generate: GenerateOptions = Field(GenerateOptions(), description="text generated at the end of training")

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
