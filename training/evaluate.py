"""Validation: bits per byte as nanochat defines it, in all and by source, language and category.

    bits per byte = nats of targets with token_bytes > 0 / (ln 2 * their bytes)

over all validation rows, or a fixed stratified sample of them. Special tokens have 0 bytes and are in neither sum.
Bits per character divide the same nats by characters, and are comparable between languages whose letters differ in
bytes. `loss` is the mean over all targets, special tokens included. Sums are in float64. A forward pass reads the same
rows on any rank, and rows are summed in a fixed order: the figures do not depend on the number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sharding.layout import StratumLayout
from sharding.options import ATTRIBUTES
from sharding.rows import Split
from training.data import targets
from training.errors import InputError
from training.loss import IGNORE
from training.ranks import Ranks

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# columns of the sums of a row: nats, bytes and chars of targets that have bytes; nats and number of all targets
NATS, BYTES, CHARS, ALL_NATS, TARGETS = range(5)


@dataclass(frozen=True)
class TokenSizes:
    """Bytes of each id, and how many of them begin a character; 0 for special tokens. Each (vocab_size,)."""

    bytes: Ints
    chars: Ints

    @classmethod
    def read(cls, tokenizer: Path, vocab_size: int) -> TokenSizes:
        """Read a tokenizer folder. Raises InputError unless it has one size for each id."""
        sizes = []
        for name in ("token_bytes.npy", "token_chars.npy"):
            try:
                size = np.load(tokenizer / name, allow_pickle=False)
            except (OSError, EOFError, ValueError, SyntaxError, TokenError, MemoryError, OverflowError) as error:
                raise InputError(f"{tokenizer / name} can't be read ({error}): export the tokenizer again") from None
            if size.shape != (vocab_size,):
                raise InputError(
                    f"{tokenizer / name} has shape {size.shape}, the dataset has {vocab_size} ids: pack it with the "
                    "tokenizer that made its ids"
                )
            sizes.append(size.astype(np.int64))
        return cls(*sizes)


def choose_rows(strata: Iterable[StratumLayout], rows: int | None) -> Ints:
    """Return `rows` rows of a split (None: all), sorted: evenly spaced in each stratum, in proportion to its size.

    Rounded by largest remainders. Each stratum has at least one row, so that the result may exceed `rows` by up to
    one row per stratum.
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
    """Return the sums of each row, (rows, 5), in the columns NATS to TARGETS; None if `stop` is True on any rank.

    batch: rows in one forward pass.
    """
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
            inputs = (torch.from_numpy(array).to(ranks.device) for array in (read.ids, target, read.starts))
            _, token_nats = model(*inputs)
            nats = token_nats.double().cpu().numpy()
            ids, kept = np.maximum(target, 0), target != IGNORE
            size, chars = sizes.bytes[ids] * kept, sizes.chars[ids] * kept
            columns = (nats * (size > 0), size, chars, nats * kept, kept)
            sums[chunk] = np.stack([column.sum(axis=1) for column in columns], axis=1)
    model.train()
    device = ranks.device
    return ranks.sum(torch.from_numpy(sums).to(device)).cpu().numpy()  # exact: one rank has each row, the others add 0


def out_of_patience(bits: Sequence[float | None], patience: int) -> bool:
    """Return True if none of the last `patience` validations is better than the best before them; 0: never."""
    values = [math.inf if value is None else value for value in bits]
    return patience > 0 and len(values) > patience and min(values[-patience:]) >= min(values[:-patience])


def line(step: int, result: dict[str, Any]) -> str:
    """Return a log line of a report: overall, then by language."""

    def bits(group: dict[str, Any]) -> str:
        return "-" if group["bits_per_byte"] is None else f"{group['bits_per_byte']:.4f}"

    by_language = "".join(f"  {name} {bits(group)}" for name, group in result.get("by_language", {}).items())
    return f"validation at step {step}: {bits(result)} bits per byte over {result['rows']} rows{by_language}"


def figures(sums: Floats) -> dict[str, Any]:
    """Return bits per byte and character, mean loss and perplexity of rows' sums; None where nothing is counted."""
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
    """Return the figures overall, their mean over strata, and by source, language, category and stratum.

    sums: (rows, 5); rows: their indices. An attribute that no stratum has is omitted.
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
    bits = [group["bits_per_byte"] for group in result["by_stratum"].values() if group["bits_per_byte"] is not None]
    result["macro_bits_per_byte"] = math.fsum(bits) / len(bits) if bits else None
    return result
