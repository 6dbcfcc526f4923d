"""AdamW and Muon behind one interface, and the schedules of rate, momentum and decay.

Muon (Jordan et al. 2024) updates each matrix by its orthogonalised momentum. The update is scaled by
0.2 * sqrt(max(rows, columns)), which gives it the root mean square of AdamW's updates (Liu et al. 2025, "Muon is
scalable"), so that both use one learning rate. Embeddings, head, norms and biases use AdamW, in the groups of the
preset (`config.NANOCHAT`). The ranks share the orthogonalisation, the expensive part. Each rank holds the whole
momentum, so that checkpoints do not depend on the number of ranks. torch.optim.Muon repeats the work on every rank and
takes one matrix at a time. Details follow nanochat's optim.py at 92d63d4: polynomials of Polar Express
(arXiv:2505.16932), momentum and decay by step, and decay only where it does not oppose the update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch import distributed as dist

from training.config import Config, Group

POLAR_EXPRESS = (  # of arXiv:2505.16932 for five iterations; safety factor 2e-2, cushion 2
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
MOMENTUM = (0.85, 0.97, 0.90)  # of Muon at the first step, after `WARM_STEPS`, and where the rate has decreased to 0
WARM_STEPS = 400


class Pace(NamedTuple):
    """What the optimizers use in one step."""

    share: float  # of the peak learning rate
    momentum: float  # of Muon
    decay: float  # factor of Muon's weight decay


def pace(step: int, steps: int, config: Config) -> Pace:
    """Return the pace of step `step` of `steps`, counted from 0.

    Muon's momentum increases over the first steps and decreases with the learning rate. Its decay is a cosine to 0.
    """
    first, most, last = MOMENTUM
    warm = min(step / WARM_STEPS, 1.0)
    momentum = (1 - warm) * first + warm * (last + (most - last) * height(step, steps, config))
    return Pace(share_of_peak(step, steps, config), momentum, 0.5 * (1 + math.cos(math.pi * step / steps)))


def height(step: int, steps: int, config: Config) -> float:
    """Return how far the learning rate of a step is from its end to its peak, 0 to 1, without the warm-up.

    `linear` is constant until the last `warmdown` share of the run; `constant` stays.
    """
    if config.schedule == "constant" or step < config.warmup:
        return 1.0
    if config.schedule == "cosine":
        return 0.5 * (1 - math.cos(math.pi * (steps - step) / max(1, steps - config.warmup)))
    return min(1.0, (steps - step) / max(1.0, config.warmdown * steps))


def share_of_peak(step: int, steps: int, config: Config) -> float:
    """Return the learning rate of a step as a share of its peak.

    It increases linearly over `warmup` steps. Then `cosine` and `linear` decrease to `final_lr` at the end.
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    return config.final_lr + (1 - config.final_lr) * height(step, steps, config)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return about the nearest semi-orthogonal matrix, U V^T of U S V^T, to each of (n, rows, columns)."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.01 + 1e-7)
    for a, b, c in POLAR_EXPRESS:
        square = x @ x.mT
        x = a * x + torch.baddbmm(square, square, square, beta=b, alpha=c) @ x
    result: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return result


def nesterov(gradients: list[Tensor], momenta: list[Tensor], momentum: Tensor) -> Tensor:
    """Update the momenta, in place, and return the updates of n matrices of one shape: (n, rows, columns)."""
    gradient, state = torch.stack(gradients), torch.stack(momenta)
    state = gradient.lerp(state, momentum)
    torch._foreach_copy_(momenta, list(state))
    return gradient.lerp(state, momentum)


def apply(parameters: list[Tensor], updates: Tensor, lr: Tensor, decay: Tensor) -> None:
    """Subtract lr * (0.2 * sqrt(max(rows, columns)) * update + decay * parameter) from each parameter, in place.

    A weight does not decay where its update increases its magnitude.
    """
    before = torch.stack(parameters)
    decayed = torch.where(updates * before >= 0, decay, 0.0) * before
    after = before - lr * (0.2 * math.sqrt(max(updates.shape[1:])) * updates + decayed)
    torch._foreach_copy_(parameters, list(after))


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay, for 2-D parameters, one group for each shape."""

    def __init__(self, params: list[nn.Parameter], *, lr: float, weight_decay: float, compiled: bool) -> None:
        shapes: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in params:
            shapes.setdefault(parameter.shape, []).append(parameter)
        super().__init__([{"params": same} for same in shapes.values()], {"lr": lr, "weight_decay": weight_decay})
        self.owned = set(params)
        parts: list[Callable[..., Any]] = [nesterov, orthogonalise, apply]
        if compiled:
            parts = [torch.compile(part, dynamic=False) for part in parts]
        self.nesterov, self.orthogonalise, self.apply = parts

    @torch.no_grad()
    def step(self, pace: Pace) -> None:  # type: ignore[override]
        """Update all parameters. Matrices of one shape are updated together."""
        for group in self.param_groups:
            parameters = group["params"]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter]["momentum"] = torch.zeros_like(parameter)
            # tensors, since a compiled function is compiled anew for each value of a number
            values = (group["lr"] * pace.share, pace.momentum, group["weight_decay"] * pace.decay)
            lr, momentum, decay = map(torch.tensor, values)
            momenta = [self.state[parameter]["momentum"] for parameter in parameters]
            updates = self.nesterov([parameter.grad for parameter in parameters], momenta, momentum)
            self.apply(parameters, self._orthogonalised(updates), lr, decay)

    def _orthogonalised(self, matrices: Tensor) -> Tensor:
        """Orthogonalise (n, rows, columns), each rank a share of them, and gather the result on all ranks."""
        if not (dist.is_available() and dist.is_initialized()):
            whole: Tensor = self.orthogonalise(matrices)
            return whole
        world, rank, count = dist.get_world_size(), dist.get_rank(), len(matrices)
        share = -(-count // world)
        part = matrices.new_zeros((share, *matrices.shape[1:]))
        mine = matrices[rank * share : (rank + 1) * share]
        if len(mine):
            part[: len(mine)] = self.orthogonalise(mine)
        parts = [torch.empty_like(part) for _ in range(world)]
        dist.all_gather(parts, part)
        return torch.cat(parts)[:count]


class Optimizer:
    """The optimizers of a run: one step, and the state by parameter name."""

    def __init__(self, model: nn.Module, config: Config) -> None:
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
        hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blocks.")]
        hidden = hidden if config.optimizer == "muon" else []
        decay, compiled = config.weight_decay, bool(config.compile)
        self.muon = Muon(hidden, lr=config.lr, weight_decay=decay, compiled=compiled) if hidden else None
        groups: dict[Group, list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if self.muon is None or parameter not in self.muon.owned:
                groups.setdefault(config.group(name, parameter.ndim), []).append(parameter)
        options = [{"params": members, "peak": group.lr, **group._asdict()} for group, members in groups.items()]
        self.adamw = torch.optim.AdamW(options, fused=True)
        self.parts = [part for part in (self.muon, self.adamw) if part is not None]

    def step(self, pace: Pace) -> None:
        """Update every parameter and clear its gradient."""
        for group in self.adamw.param_groups:
            group["lr"] = group["peak"] * pace.share
        self.adamw.step()
        if self.muon is not None:
            self.muon.step(pace)
        for part in self.parts:
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
