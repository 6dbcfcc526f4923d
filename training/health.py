"""Statistics of a trained model's weights: `python training/health.py --run RUN --data DATASET --out DIR`.

Writes health.json; `arcorp health` runs this script and writes a page of plots beside it. For each matrix: mean,
standard deviation, largest magnitude, a histogram, the share of weights near zero, and the effective rank, which is
the exponential of the entropy of its normalised singular values (Roy and Vetterli 2007). For each kind of matrix:
cosine similarity between blocks; values near one mean that blocks repeat each other. For the embeddings: the first two
principal components of Arabic and Latin tokens, and the distance between the two scripts in all dimensions.
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
from sharding.seal import parsed, write_json
from training import checkpoint
from training.detokenize import TokenBytes
from training.errors import ConfigError, finished, say

NEARLY_ZERO = 1e-3  # in standard deviations of the matrix
BINS = 41  # of a histogram, from -6 to 6 standard deviations
SHOWN_TOKENS = 400  # plotted tokens of each script
LARGEST = 4_096  # rows used for singular values; larger matrices are sampled at even distances


def effective_rank(matrix: Tensor) -> float:
    """Return exp(entropy of the normalised singular values): 1 for rank 1, min(shape) for equal ones, 0 for all 0."""
    values = torch.linalg.svdvals(matrix.float())
    shares = values / values.sum()
    shares = shares[shares > 0]
    return math.exp(-float((shares * shares.log()).sum())) if len(shares) else 0.0


def spaced(matrix: Tensor, rows: int) -> Tensor:
    """Return at most `rows` rows, at even distances."""
    return matrix if len(matrix) <= rows else matrix[torch.arange(rows) * len(matrix) // rows]


def matrix_statistics(matrix: Tensor) -> dict[str, Any]:
    """Return the statistics of one matrix (rows, columns)."""
    x = matrix.float()
    deviation = float(x.std())
    edge = 6 * deviation or 1.0
    sample = spaced(x, LARGEST)
    rank = effective_rank(sample)
    return {
        "shape": list(x.shape),
        "mean": float(x.mean()),
        "std": deviation,
        "largest": float(x.abs().max()),
        "nearly_zero": float((x.abs() <= NEARLY_ZERO * deviation).float().mean()),
        "effective_rank": rank,
        "rank_share": rank / min(sample.shape),
        "histogram": {"edge": edge, "counts": torch.histc(x, BINS, -edge, edge).int().tolist()},
    }


def similarity_of_blocks(weights: dict[str, Tensor], layers: int) -> dict[str, list[list[float]]]:
    """Return for each kind of matrix the (layers, layers) cosines between blocks. A zero matrix has cosine 0."""
    kinds = sorted(name.removeprefix("blocks.0.") for name in weights if name.startswith("blocks.0."))
    result = {}
    for kind in kinds:
        names = [f"blocks.{i}.{kind}" for i in range(layers)]
        if weights[names[0]].ndim == 2 and all(
            name in weights for name in names
        ):  # not value embeddings, which every other block has
            flat = torch.nn.functional.normalize(torch.stack([weights[name].flatten() for name in names]), dim=1)
            result[kind] = [[round(cosine, 4) for cosine in row] for row in (flat @ flat.T).tolist()]
    return result


def script_of(text: str) -> str | None:
    """Return `arabic` or `latin` if all letters of a text are of that script; None otherwise, or without letters."""
    letters = [char for char in text if char.isalpha()]
    if letters and all("\u0600" <= char <= "\u06ff" for char in letters):
        return "arabic"
    return "latin" if letters and all(char.isascii() for char in letters) else None


def scripts_apart(embedding: Tensor, texts: Sequence[str]) -> dict[str, Any] | None:
    """Compare the embeddings (ids, width) of Arabic and Latin tokens. Returns None unless both have two tokens.

    `plane`: their first two principal components; `explained`: shares of the variance in these; `centres_apart`:
    distance between the scripts' means, divided by the root mean square distance of tokens from their own mean;
    `told_apart`: share of tokens that are nearer to the mean of their own script.
    """
    ids = {script: [i for i, text in enumerate(texts) if script_of(text) == script] for script in ("arabic", "latin")}
    if min(len(members) for members in ids.values()) < 2:
        return None
    groups = {script: embedding[torch.tensor(members)].float() for script, members in ids.items()}
    both = torch.cat(list(groups.values()))
    middle = both.mean(dim=0)
    values, directions = torch.linalg.eigh((both - middle).T @ (both - middle))
    plane = directions[:, -2:].flip(1)
    centres = {script: group.mean(dim=0) for script, group in groups.items()}
    deviations = torch.cat([group - centres[script] for script, group in groups.items()])
    spread = deviations.square().sum(dim=1).mean().sqrt()
    nearer = torch.cat(
        [
            (group - centres[script]).norm(dim=1) < (group - centres[other]).norm(dim=1)
            for (script, group), other in zip(groups.items(), reversed(ids), strict=True)
        ]
    )
    shown = {}
    for script, group in groups.items():
        chosen = spaced(torch.arange(len(group)), SHOWN_TOKENS)
        points = ((group[chosen] - middle) @ plane).tolist()
        shown[script] = [
            {"text": texts[ids[script][i]], "x": round(x, 4), "y": round(y, 4)}
            for i, (x, y) in zip(chosen.tolist(), points, strict=True)
        ]
    return {
        "tokens": {script: len(members) for script, members in ids.items()},
        "explained": (values.flip(0)[:2] / values.sum().clamp(min=1e-12)).tolist(),
        "centres_apart": float((centres["arabic"] - centres["latin"]).norm() / spread.clamp(min=1e-12)),
        "told_apart": float(nearer.float().mean()),
        "plane": shown,
    }


def health(weights: dict[str, Tensor], layers: int, texts: Sequence[str]) -> dict[str, Any]:
    """Return all statistics of a model. weights: by parameter name; texts: of each id."""
    return {
        "matrices": {name: matrix_statistics(weight) for name, weight in sorted(weights.items()) if weight.ndim == 2},
        "blocks": similarity_of_blocks(weights, layers),
        "scripts": scripts_apart(weights["embedding.weight"], texts),
    }


def examine(run: Path, data: Path, out: Path) -> Path:
    """Write health.json for the newest sound checkpoint. Raises Unfinished if there is none."""
    dataset = Dataset(data, schedule=None)
    path, meta = checkpoint.newest(run, dataset, say)
    weights, _ = checkpoint.load_tensors(path)
    tokens = TokenBytes(dataset.tokenizer)
    texts = [tokens.decode([id]) for id in range(dataset.vocab_size)]
    result = {"step": meta.step, "model": meta.model, **health(weights, meta.model["layers"], texts)}
    out.mkdir(parents=True, exist_ok=True)
    _refuse_foreign(out)
    write_json(out / "health.json", result)
    return out


def _refuse_foreign(out: Path) -> None:
    """Raise ConfigError if the file is there and is not from an earlier examination."""
    try:
        before = parsed((out / "health.json").read_bytes())
    except (OSError, ValueError):
        before = None
    ours = isinstance(before, dict) and before.keys() >= {"step", "model", "matrices"}
    if os.path.lexists(out / "health.json") and not ours:
        raise ConfigError(f"{out / 'health.json'} is not one that this command wrote: choose another --out")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="health.py", description="Statistics of a trained model's weights.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for health.json.")
    arguments = parser.parse_args(argv)
    return finished(lambda: sys.stdout.write(f"{examine(arguments.run, arguments.data, arguments.out)}\n"))


if __name__ == "__main__":
    sys.exit(main())
