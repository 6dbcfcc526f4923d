"""How a trained model's weights are doing: `python training/health.py --run RUN --data DATASET --out DIR`.

Writes health.json, and health.html with the same as plots (`training/plots.py`). For every matrix: mean, spread,
extremes, a histogram, the part that is nearly zero, and its effective rank, the exponential of the entropy of its
singular values as shares (Roy and Vetterli 2007). For every kind of matrix: cosine similarity between blocks, where
values near one would mean that blocks repeat each other. For the embeddings: the plane of the first two principal
components of Arabic and Latin tokens, and how far apart the two scripts lie in all dimensions.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from sharding.rows import Dataset
from sharding.seal import atomic_file, parsed, write_json
from training import checkpoint
from training.errors import ConfigError, finished, say
from training.generate import TokenBytes
from training.plots import page

NEARLY_ZERO = 1e-3  # of a matrix's standard deviation
BINS = 41  # of a histogram, over six standard deviations to either side
SHOWN_TOKENS = 400  # of each script in the plane
LARGEST = 4_096  # rows of a table whose singular values are taken; of more, as many evenly spaced


def effective_rank(matrix: Tensor) -> float:
    """exp(entropy of the singular values as shares): 1 for one direction, min(shape) for all alike, 0 for zeros."""
    values = torch.linalg.svdvals(matrix.float())
    shares = values / values.sum()
    shares = shares[shares > 0]
    return math.exp(-float((shares * shares.log()).sum())) if len(shares) else 0.0


def spaced(matrix: Tensor, rows: int) -> Tensor:
    """At most `rows` rows, evenly spaced."""
    return matrix if len(matrix) <= rows else matrix[torch.arange(rows) * len(matrix) // rows]


def of_matrix(matrix: Tensor) -> dict[str, Any]:
    """The figures of one matrix (rows, columns)."""
    x = matrix.float()
    spread = float(x.std())
    edge = 6 * spread or 1.0
    part = spaced(x, LARGEST)
    rank = effective_rank(part)
    return {
        "shape": list(x.shape),
        "mean": float(x.mean()),
        "std": spread,
        "largest": float(x.abs().max()),
        "nearly_zero": float((x.abs() <= NEARLY_ZERO * spread).float().mean()),
        "effective_rank": rank,
        "rank_share": rank / min(part.shape),
        "histogram": {"edge": edge, "counts": torch.histc(x, BINS, -edge, edge).int().tolist()},
    }


def similarity_of_blocks(weights: dict[str, Tensor], layers: int) -> dict[str, list[list[float]]]:
    """For each kind of matrix, (layers, layers) cosines between blocks. Zero matrices are like none."""
    kinds = sorted(name.removeprefix("blocks.0.") for name in weights if name.startswith("blocks.0."))
    found = {}
    for kind in kinds:
        names = [f"blocks.{i}.{kind}" for i in range(layers)]
        if weights[names[0]].ndim == 2 and all(name in weights for name in names):  # tables of values: every other one
            flat = torch.nn.functional.normalize(torch.stack([weights[name].flatten() for name in names]), dim=1)
            found[kind] = [[round(cosine, 4) for cosine in row] for row in (flat @ flat.T).tolist()]
    return found


def script_of(text: str) -> str | None:
    """`arabic` or `latin`, if its letters are of one of them and there are any."""
    letters = [char for char in text if char.isalpha()]
    if letters and all("\u0600" <= char <= "\u06ff" for char in letters):
        return "arabic"
    return "latin" if letters and all(char.isascii() for char in letters) else None


def scripts_apart(embedding: Tensor, texts: Sequence[str]) -> dict[str, Any] | None:
    """Arabic against Latin tokens by their embeddings (ids, width). None unless there are some of both.

    `plane`: their first two principal components; `explained`: the parts of variance in these; `centres_apart`: the
    distance between the scripts' means over the root mean square distance of a token from its own; `told_apart`:
    the part of tokens that are nearer to the mean of their own script.
    """
    ids = {script: [i for i, text in enumerate(texts) if script_of(text) == script] for script in ("arabic", "latin")}
    if min(len(one) for one in ids.values()) < 2:
        return None
    groups = {script: embedding[torch.tensor(one)].float() for script, one in ids.items()}
    both = torch.cat(list(groups.values()))
    middle = both.mean(dim=0)
    values, directions = torch.linalg.eigh((both - middle).T @ (both - middle))
    plane = directions[:, -2:].flip(1)
    centres = {script: one.mean(dim=0) for script, one in groups.items()}
    spread = torch.cat([one - centres[script] for script, one in groups.items()]).square().sum(dim=1).mean().sqrt()
    nearer = torch.cat(
        [
            (one - centres[script]).norm(dim=1) < (one - centres[other]).norm(dim=1)
            for (script, one), other in zip(groups.items(), reversed(ids), strict=True)
        ]
    )
    shown = {}
    for script, one in groups.items():
        chosen = spaced(torch.arange(len(one)), SHOWN_TOKENS)
        places = ((one[chosen] - middle) @ plane).tolist()
        shown[script] = [
            {"text": texts[ids[script][i]], "x": round(x, 4), "y": round(y, 4)}
            for i, (x, y) in zip(chosen.tolist(), places, strict=True)
        ]
    return {
        "tokens": {script: len(one) for script, one in ids.items()},
        "explained": (values.flip(0)[:2] / values.sum().clamp(min=1e-12)).tolist(),
        "centres_apart": float((centres["arabic"] - centres["latin"]).norm() / spread.clamp(min=1e-12)),
        "told_apart": float(nearer.float().mean()),
        "plane": shown,
    }


def health(weights: dict[str, Tensor], layers: int, texts: Sequence[str]) -> dict[str, Any]:
    """Everything about a model's weights by name. `texts`: of each id."""
    return {
        "matrices": {name: of_matrix(one) for name, one in sorted(weights.items()) if one.ndim == 2},
        "blocks": similarity_of_blocks(weights, layers),
        "scripts": scripts_apart(weights["embedding.weight"], texts),
    }


def examine(run: Path, data: Path, out: Path) -> Path:
    """Examine the newest sound checkpoint of a run. Raises Unfinished if there is none."""
    dataset = Dataset(data, schedule=None)
    path, meta = checkpoint.newest(run, dataset, say)
    weights, _ = checkpoint.load_tensors(path)
    tokens = TokenBytes(dataset.tokenizer)
    texts = [tokens.decode([id]) for id in range(dataset.vocab_size)]
    found = {"step": meta.step, "model": meta.model, **health(weights, meta.model["layers"], texts)}
    out.mkdir(parents=True, exist_ok=True)
    _refuse_foreign(out)
    write_json(out / "health.json", found)
    with atomic_file(out / "health.html") as file:
        file.write(page(found).encode())
    return out


def _refuse_foreign(out: Path) -> None:
    """Raise ConfigError if one of the two files is there and is not from an earlier examination."""
    try:
        before = parsed((out / "health.json").read_bytes())
    except (OSError, ValueError):
        before = None
    ours = isinstance(before, dict) and before.keys() >= {"step", "model", "matrices"}
    there = next((name for name in ("health.json", "health.html") if os.path.lexists(out / name)), None)
    if there and not ours:
        raise ConfigError(f"{out / there} is not one that this command wrote: choose another --out")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="health.py", description="How a trained model's weights are doing.")
    parser.add_argument("--run", type=Path, required=True, help="the --out of training")
    parser.add_argument("--data", type=Path, required=True, help="the dataset that it was trained on")
    parser.add_argument("--out", type=Path, required=True, help="the folder for health.json and health.html")
    arguments = parser.parse_args(argv)
    return finished(lambda: sys.stdout.write(f"{examine(arguments.run, arguments.data, arguments.out)}\n"))


if __name__ == "__main__":
    sys.exit(main())
