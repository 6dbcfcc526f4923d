"""AdamW and Muon behind one interface, and the learning rate by step.

Muon (Jordan et al. 2024) updates each matrix by its orthogonalised momentum. The update is scaled by
0.2 * sqrt(max(rows, columns)), which gives it the root mean square of AdamW's updates (Liu et al. 2025, "Muon is
scalable"), so that both use one learning rate. Embeddings, head, norms and biases use AdamW. The ranks share the
orthogonalisation, the expensive part. Each rank holds the whole momentum, so that checkpoints do not depend on the
number of ranks. torch.optim.Muon repeats the work on every rank and takes one matrix at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from training.config import Config

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's quintic polynomial; singular values end in 0.7 to 1.2
NEWTON_SCHULZ_STEPS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return about the nearest semi-orthogonal matrix, U V^T of U S V^T, to each of (n, rows, columns)."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay, for 2-D parameters."""

    def __init__(self, params: list[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all parameters. Matrices of one shape are orthogonalised together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                shapes.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in shapes.items():
                updates = _split_over_ranks(torch.stack([self._momentum(p, group["momentum"]) for p in parameters]))
                scale = 0.2 * math.sqrt(max(shape))
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def _split_over_ranks(matrices: Tensor) -> Tensor:
    """Orthogonalise (n, rows, columns), each rank a share of them, and gather the result on all ranks."""
    if not (dist.is_available() and dist.is_initialized()):
        return orthogonalise(matrices)
    world, rank, count = dist.get_world_size(), dist.get_rank(), len(matrices)
    share = -(-count // world)
    part = matrices.new_zeros((share, *matrices.shape[1:]))
    mine = matrices[rank * share : (rank + 1) * share]
    if len(mine):
        part[: len(mine)] = orthogonalise(mine)
    parts = [torch.empty_like(part) for _ in range(world)]
    dist.all_gather(parts, part)
    return torch.cat(parts)[:count]


class Optimizer:
    """The optimizers of a run: one step with a learning rate, and the state by parameter name."""

    def __init__(self, model: nn.Module, config: Config) -> None:
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
        hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blocks.")]
        self.parts: list[torch.optim.Optimizer] = []
        if config.optimizer == "muon":
            self.parts.append(Muon(hidden, config.lr, config.weight_decay))
        else:
            hidden = []
        taken = set(hidden)
        rest = [p for p in model.parameters() if p not in taken]
        groups = [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        self.parts.append(torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True))

    def step(self, lr: float) -> None:
        """Update every parameter and clear its gradient."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = lr
            part.step()
            part.zero_grad()

    def state(self) -> dict[str, Tensor]:
        """Return `<parameter>/<state name>` -> tensor. It does not depend on the number of ranks."""
        return {
            f"{self.names[parameter]}/{key}": value
            for part in self.parts
            for parameter, values in part.state.items()
            for key, value in values.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state that `state` returned."""
        by_name: dict[str, dict[str, Any]] = {}
        for key, value in state.items():
            name, _, slot = key.rpartition("/")
            by_name.setdefault(name, {})[slot] = value
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    values = by_name.get(self.names[parameter], {})
                    part.state[parameter] = {key: value.to(parameter.device) for key, value in values.items()}


def learning_rate(step: int, steps: int, config: Config) -> float:
    """Return the learning rate of step `step` of `steps`, counted from 0.

    It increases linearly over `warmup` steps. Then `cosine` decreases to `final_lr` * lr at the end; `linear` is
    constant until the last `warmdown` share of the run, in which it decreases to the same; `constant` stays.
    """
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    remaining = (steps - step) / max(1, steps - config.warmup)
    if config.schedule == "constant":
        height = 1.0
    elif config.schedule == "cosine":
        height = 0.5 * (1 - math.cos(math.pi * remaining))
    else:
        height = min(1.0, (steps - step) / max(1.0, config.warmdown * steps))
    return config.lr * (config.final_lr + (1 - config.final_lr) * height)
