"""Validation: bits per byte exactly as nanochat defines it, and by source, language and category.

    bits per byte = nats of targets with token_bytes > 0 / (ln 2 x their bytes)

over all validation rows or a fixed stratified choice of them; special tokens (0 bytes) leave both sides. Bits
per character divides the same nats by characters begun, which compares languages whose letters differ in bytes.
`loss` is the mean over every target, specials too. Sums are in float64. A forward pass always holds the same
rows, whichever rank runs it, and sums are added row by row in one order: the figures don't depend on the number
of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sharding.layout import ATTRIBUTES, StratumLayout
from sharding.rows import Split
from training.data import targets
from training.errors import InputError
from training.loss import IGNORE
from training.ranks import Ranks

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# what is summed for each row: nats of targets that have bytes, their bytes, their chars, nats of all, targets
NATS, BYTES, CHARS, ALL_NATS, TARGETS = range(5)


@dataclass(frozen=True)
class TokenSizes:
    """Raw bytes of each id, and those of them that begin a character; 0 for special tokens."""

    bytes: Ints
    chars: Ints

    @classmethod
    def read(cls, tokenizer: Path, vocab_size: int) -> TokenSizes:
        """From a tokenizer folder. Raises InputError if there is not one size for each id."""
        sizes = []
        for name in ("token_bytes.npy", "token_chars.npy"):
            try:
                size = np.load(tokenizer / name, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise InputError(f"{tokenizer / name} can't be read ({error}): export the tokenizer again") from None
            if size.shape != (vocab_size,):
                raise InputError(f"{tokenizer / name} has shape {size.shape}, the dataset has {vocab_size} ids")
            sizes.append(size.astype(np.int64))
        return cls(*sizes)


def choose_rows(strata: Iterable[StratumLayout], rows: int | None) -> Ints:
    """`rows` rows of a split, or all: each stratum in proportion, one at least, evenly spaced. Sorted.

    Largest remainders, ties to the earlier stratum; at most one row a stratum more than asked for.
    """
    filled = [stratum for stratum in strata if stratum.rows]
    total = sum(stratum.rows for stratum in filled)
    if rows is None or rows >= total:
        return np.arange(total, dtype=np.int64)
    quotas = [stratum.rows * rows // total for stratum in filled]
    by_remainder = sorted(range(len(filled)), key=lambda i: (-(filled[i].rows * rows % total), i))
    for i in by_remainder[: rows - sum(quotas)]:
        quotas[i] += 1
    chosen = [
        stratum.first_row + np.arange(max(1, quota), dtype=np.int64) * stratum.rows // max(1, quota)
        for stratum, quota in zip(filled, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


@torch.no_grad()
def sum_rows(
    model: nn.Module,
    split: Split,
    rows: Ints,
    sizes: TokenSizes,
    ranks: Ranks,
    batch: int,
    stop: Callable[[], bool] = lambda: False,
) -> Floats | None:
    """(rows, 5) sums by row: see NATS and its neighbours. None if `stop` was raised on any rank meanwhile."""
    sums = np.zeros((len(rows), 5))
    chunks = [slice(i, i + batch) for i in range(0, len(rows), batch)]
    model.eval()
    for turn in range(0, len(chunks), ranks.world):
        if ranks.any(stop()):
            model.train()
            return None
        if turn + ranks.rank < len(chunks):
            chunk = chunks[turn + ranks.rank]
            read = split.read(rows[chunk])
            target = targets(read)
            given = (torch.from_numpy(one).to(ranks.device) for one in (read.ids, target, read.starts))
            _, each = model(*given)
            nats = each.double().cpu().numpy()
            known, kept = np.maximum(target, 0), target != IGNORE
            size, chars = sizes.bytes[known] * kept, sizes.chars[known] * kept
            columns = (nats * (size > 0), size, chars, nats * kept, kept)
            sums[chunk] = np.stack([column.sum(axis=1) for column in columns], axis=1)
    model.train()
    device = ranks.device
    return ranks.sum(torch.from_numpy(sums).to(device)).cpu().numpy()  # each row has one rank: x + 0 is exact


def out_of_patience(found: Sequence[float | None], patience: int) -> bool:
    """Whether the last `patience` figures of a run are all no better than the best before them. 0 is never."""
    known = [math.inf if one is None else one for one in found]
    return patience > 0 and len(known) > patience and min(known[-patience:]) >= min(known[:-patience])


def line(step: int, result: dict[str, Any]) -> str:
    """A report for people: overall, then by language."""

    def bits(one: dict[str, Any]) -> str:
        return "-" if one["bits_per_byte"] is None else f"{one['bits_per_byte']:.4f}"

    by_language = "".join(f"  {name} {bits(one)}" for name, one in result.get("by_language", {}).items())
    return f"validation at step {step}: {bits(result)} bits per byte over {result['rows']} rows{by_language}"


def figures(sums: Floats) -> dict[str, Any]:
    """Bits per byte, per character, mean loss and perplexity of some rows' sums; None where nothing is counted."""
    nats, size, chars, all_nats, count = (math.fsum(column) for column in sums.T)
    loss = all_nats / count if count else None
    return {
        "bits_per_byte": nats / (math.log(2) * size) if size else None,
        "bits_per_char": nats / (math.log(2) * chars) if chars else None,
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)) if loss is not None else None,
        "nats": nats,
        "rows": len(sums),
        "targets": int(count),
        "bytes": int(size),
        "chars": int(chars),
    }


def report(sums: Floats, rows: Ints, strata: Iterable[StratumLayout]) -> dict[str, Any]:
    """The figures overall, their mean over strata, and `by_source`, `by_language`, `by_category`, `by_stratum`.

    An attribute by which the strata are not split is left out.
    """
    names = ("stratum", *ATTRIBUTES)
    groups: dict[str, dict[str, list[npt.NDArray[np.bool_]]]] = {name: {} for name in names}
    for stratum in strata:
        inside = (rows >= stratum.first_row) & (rows < stratum.first_row + stratum.rows)
        if inside.any():
            for name in names:
                value = stratum.name if name == "stratum" else getattr(stratum, name)
                if value is not None:
                    groups[name].setdefault(value, []).append(inside)
    result = figures(sums)
    for name, members in groups.items():
        if members:
            result[f"by_{name}"] = {
                value: figures(sums[np.logical_or.reduce(masks)]) for value, masks in sorted(members.items())
            }
    each = [one["bits_per_byte"] for one in result["by_stratum"].values() if one["bits_per_byte"] is not None]
    result["macro_bits_per_byte"] = math.fsum(each) / len(each) if each else None
    return result
