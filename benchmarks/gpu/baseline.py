"""A plain trainer of the same model: eager, DDP, torch's AdamW, all logits stored, one random batch.

It uses `training/model.py` and no other part of the trainer. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.config_file import read_config
from training.model import Decoder, make_model

WARM = 3  # steps before the measurement


class WithLoss(nn.Module):
    """Ids (n, length) to their mean cross-entropy."""

    def __init__(self, model: Decoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits = self.model.logits(ids)
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def measure(
    config: Path, settings: list[str], vocab_size: int, row_tokens: int, rows: int, steps: int
) -> dict[str, Any]:
    """Return the tokens per second over `steps` steps of `rows` rows."""
    options = read_config(config, settings)
    device = torch.device("cuda", 0) if options.device != "cpu" else torch.device("cpu")
    on_gpu = device.type == "cuda"
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=0, world_size=1)
    inner = WithLoss(make_model(options.model(vocab_size, row_tokens), options.seed)).to(device)
    model = DistributedDataParallel(inner, device_ids=[0] if on_gpu else None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ids = torch.randint(0, vocab_size, (rows, row_tokens), device=device)
    began = 0.0
    for step in range(WARM + steps):
        if step == WARM:
            if on_gpu:
                torch.cuda.synchronize()
            began = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16):
            loss = model(ids)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    if on_gpu:
        torch.cuda.synchronize()
    speed = steps * rows * row_tokens / (time.perf_counter() - began)
    memory = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None
    dist.destroy_process_group()
    return {"tokens_per_second": speed, "rows": rows, "memory_mib": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a plain eager trainer of the same model.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    for name in ("--vocab-size", "--row-tokens", "--rows", "--steps"):
        parser.add_argument(name, type=int, required=True)
    arguments = parser.parse_args()
    sizes = (arguments.vocab_size, arguments.row_tokens, arguments.rows, arguments.steps)
    print(json.dumps(measure(arguments.config, arguments.set, *sizes)))


if __name__ == "__main__":
    main()
