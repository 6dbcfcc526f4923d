"""Validation: bits per byte as nanochat defines it, in all and by source, language and category.

    bits per byte = nats of targets with token_bytes > 0 / (ln 2 * their bytes)

over all validation rows, or a fixed stratified sample of them. Special tokens have 0 bytes and are in neither sum.
Bits per character divide the same nats by characters, and are comparable between languages whose letters differ in
bytes. `loss` is the mean over all targets, special tokens included. `end_probability` is the mean probability of the
token that ends a document where a document ends. Sums are in float64. A forward pass reads the same
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
from torch import Tensor, nn

from sharding.layout import StratumLayout
from sharding.options import ATTRIBUTES
from sharding.rows import Split
from training.data import targets
from training.errors import InputError
from training.loss import IGNORE
from training.ranks import Ranks

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COLUMNS = 7
"""Sums of a row: nats, bytes and chars of targets that have bytes; nats and number of all targets; number of targets
that end a document, and the sum of their probabilities."""


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
                reason = " ".join(str(error).split())
                raise InputError(f"{tokenizer / name} can't be read ({reason}): export the tokenizer again") from None
            if size.shape != (vocab_size,):
                raise InputError(
                    f"{tokenizer / name} has shape {size.shape}, the dataset has {vocab_size} ids: pack it with the "
                    "tokenizer that made its ids"
                )
            sizes.append(size.astype(np.int64))
        return cls(*sizes)


def choose_rows(strata: Iterable[StratumLayout], rows: int) -> Ints:
    """Return `rows` rows of a split (0: all), sorted: evenly spaced in each stratum, in proportion to its size.

    Rounded by largest remainders. Each stratum has at least one row, so that the result may exceed `rows` by up to
    one row per stratum.
    """
    filled = [stratum for stratum in strata if stratum.rows]
    total = sum(stratum.rows for stratum in filled)
    if not rows or rows >= total:
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


def read_nats(model: nn.Module, split: Split, rows: Ints, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the target of each id of rows and its nats, (rows, row_tokens) each. The nats are float64."""
    read = split.read(rows)
    ids, target, starts = (torch.from_numpy(x).to(device) for x in (read.ids, targets(read), read.starts))
    return target, model(ids, target, starts)[1].double()


@torch.no_grad()
def row_nats(model: nn.Module, split: Split, rows: Ints, device: torch.device, batch: int) -> Floats:
    """Return the nats of each id's next id, (rows, row_tokens), float64; NaN where that is not a target.

    model, batch: as in `sum_rows`.
    """
    nats = []
    for first in range(0, len(rows), batch):
        target, nats_of_ids = read_nats(model, split, np.resize(rows[first : first + batch], batch), device)
        nats.append(torch.where(target == IGNORE, torch.nan, nats_of_ids).cpu().numpy())
    return np.concatenate(nats)[: len(rows)]


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
    """Return the sums of each row, (rows, COLUMNS); None if `stop` is True on any rank.

    model: in evaluation mode; batch: rows in one forward pass. All passes have this shape, so that a compiled model is
    compiled once: the last one repeats its rows.
    """
    device, batch = ranks.device, min(batch, len(rows))
    sums = torch.zeros((len(rows), COLUMNS), dtype=torch.float64, device=device)
    bytes_of, chars_of = (torch.from_numpy(size).to(device) for size in (sizes.bytes, sizes.chars))
    chunks = [slice(i, i + batch) for i in range(0, len(rows), batch)]
    for turn in range(0, len(chunks), ranks.world):
        if ranks.any(stop()):
            return None
        if turn + ranks.rank < len(chunks):
            chunk = chunks[turn + ranks.rank]
            target, nats = read_nats(model, split, np.resize(rows[chunk], batch), device)
            kept, next_ids = target != IGNORE, target.clamp(min=0)
            size, chars = bytes_of[next_ids] * kept, chars_of[next_ids] * kept
            ends = kept & (next_ids == (-1 if split.end is None else split.end))
            columns = (nats * (size > 0), size, chars, nats * kept, kept, ends, torch.exp(-nats) * ends)
            sums[chunk] = torch.stack([column.double().sum(dim=1) for column in columns], dim=1)[: len(sums[chunk])]
    return ranks.sum(sums).cpu().numpy()  # exact: one rank has each row, the others add 0


def out_of_patience(bits: Sequence[float | None], patience: int) -> bool:
    """Return True if none of the last `patience` validations is better than the best before them; 0: never."""
    values = [math.inf if value is None else value for value in bits]
    return patience > 0 and len(values) > patience and min(values[-patience:]) >= min(values[:-patience])


def line(step: int, result: dict[str, Any]) -> str:
    """Return a log line of a report: overall, then by language."""

    def bits(group: dict[str, Any]) -> str:
        return "-" if group["bits_per_byte"] is None else f"{group['bits_per_byte']:.4f}"

    by_language = "".join(f"  {name} {bits(group)}" for name, group in result.get("by_language", {}).items())
    end = "" if result["end_probability"] is None else f"  p(end) {result['end_probability']:.3f}"
    return f"validation at step {step}: {bits(result)} bits per byte over {result['rows']} rows{by_language}{end}"


def figures(sums: Floats) -> dict[str, Any]:
    """Return bits per byte and character, loss, perplexity and more of rows' sums; None where nothing is counted."""
    nats, size, chars, all_nats, count, ends, end_probability = (math.fsum(column) for column in sums.T)
    loss = all_nats / count if count else None
    return {
        "bits_per_byte": nats / (math.log(2) * size) if size else None,
        "bits_per_char": nats / (math.log(2) * chars) if chars else None,
        "loss": loss,
        "perplexity": math.exp(min(loss, 700.0)) if loss is not None else None,
        "end_probability": end_probability / ends if ends else None,
        "nats": nats,
        "rows": len(sums),
        "targets": int(count),
        "ends": int(ends),
        "bytes": int(size),
        "chars": int(chars),
    }


def report(sums: Floats, rows: Ints, strata: Iterable[StratumLayout]) -> dict[str, Any]:
    """Return the figures overall, and by source, language, category and stratum.

    sums: (rows, COLUMNS); rows: their indices. An attribute that no stratum has is omitted.
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
    return result
