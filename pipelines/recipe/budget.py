"""The budget of training, computed from the recipe alone: steps, tokens, parameters, FLOPs.

FLOPs are counted as in nanochat: 6 for each weight of a matrix product, the head included, and 12 x layers x width x
context for attention, without halving for the causal mask (Chowdhery et al. 2022, appendix B). The shapes are those of
`training/model.py`, which pipelines does not import; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.recipe.model import Recipe
from pipelines.recipe.train_options import HEADS, LAYERS, WIDTH, TrainOptions


@dataclass(frozen=True)
class Span:
    """One phase: index of its first step in its run, number of steps, number of tokens. run: the run, of several."""

    name: str
    first: int
    steps: int
    tokens: int
    run: str = ""


@dataclass(frozen=True)
class Budget:
    """The whole training. `step_tokens`: tokens of an optimizer step of the first run; `flops`: FLOPs of one token."""

    phases: tuple[Span, ...]
    step_tokens: int
    parameters: int
    flops: float

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def tokens(self) -> int:
        return sum(phase.tokens for phase in self.phases)

    @property
    def total_flops(self) -> float:
        return self.flops * self.tokens

    def to_json(self) -> dict[str, Any]:
        return {
            "phases": [vars(phase) for phase in self.phases],
            "steps": self.steps,
            "step_tokens": self.step_tokens,
            "trained_tokens": self.tokens,
            "parameters": self.parameters,
            "flops_per_token": self.flops,
            "flops": self.total_flops,
        }


def budget_of(recipe: Recipe) -> Budget:
    """Return the budget of a recipe, without runs that read a schedule of `arcorp mix`."""
    phases = []
    for run in recipe.all_runs:
        first, step = 0, run.train.batch_rows * recipe.pack.row_tokens
        for phase in run.phases or ():
            steps = phase.steps or (phase.tokens or 0) // step
            phases.append(Span(phase.name, first, steps, steps * step, run.name if recipe.runs else ""))
            first += steps
    train = recipe.all_runs[0].train
    shape = train, recipe.tokenizer.vocab_size, recipe.pack.row_tokens
    step = train.batch_rows * recipe.pack.row_tokens
    return Budget(tuple(phases), step, parameters(*shape), flops_per_token(*shape))


def flops_per_token(train: TrainOptions, vocab_size: int, context: int) -> float:
    """Return the training FLOPs of one token."""
    layers, width = train.layers or LAYERS, train.width or WIDTH
    return 6.0 * (_matrices(train) + width * vocab_size) + 12.0 * layers * width * context


def parameters(train: TrainOptions, vocab_size: int, context: int) -> int:
    """Return the number of parameters. A tied head is counted once; value embeddings are not counted."""
    layers, width, preset = train.layers or LAYERS, train.width or WIDTH, train.preset or "nanochat"
    table = width * vocab_size
    if preset == "gpt2":  # positions; biases of every product, and two vectors for each norm
        kv = _kv_width(train)
        vectors = layers * (4 * width + 2 * width + 2 * kv + _ffn(train) + width) + 2 * width
        return _matrices(train) + table + context * width + vectors
    norms = (2 * layers + 1) * width if preset == "llama" else 0
    return _matrices(train) + 2 * table + norms


def _matrices(train: TrainOptions) -> int:
    """Return the number of weights in the matrices of the blocks."""
    layers, width = train.layers or LAYERS, train.width or WIDTH
    gates = 3 if train.preset == "llama" else 2
    return layers * (2 * width * width + 2 * width * _kv_width(train) + gates * width * _ffn(train))


def _kv_width(train: TrainOptions) -> int:
    heads = train.heads or HEADS
    return (train.kv_heads or heads) * ((train.width or WIDTH) // heads)


def _ffn(train: TrainOptions) -> int:
    width = train.width or WIDTH
    return train.ffn or (-(-width * 8 // 3 // 64) * 64 if train.preset == "llama" else 4 * width)
