"""Packing on one core: documents per second, padding, and documents split without need, compared with others."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.sharding.corpus import lengths
from sharding.packing import pack_rows

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).parent / "peers"
DOCUMENTS, WINDOW, PEER_DOCUMENTS, ROUNDS = 1_000_000, 100_000, 50_000, 5
PACKERS = {"trl": (".venv-bench-trl", "trl_pack.py"), "olmo-core": (".venv-bench-olmo", "olmo_pack.py")}


def measure(scratch: Path) -> dict[str, Any]:
    """Measure alternating rounds of our packer and others, in windows of 100,000 of one million documents."""
    documents = lengths(DOCUMENTS)
    np.save(scratch / "lengths.npy", documents[:PEER_DOCUMENTS])
    results = {}
    for row_tokens in (2048, 512):
        pack_rows(documents[:WINDOW], row_tokens)  # compile, or load the compiled code
        ours: list[float] = []
        peers: dict[str, list[dict[str, Any]]] = {name: [] for name in PACKERS}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for first in range(0, DOCUMENTS, WINDOW):
                pack_rows(documents[first : first + WINDOW], row_tokens)
            ours.append(DOCUMENTS / (time.perf_counter() - began))
            for name, (environment, script) in PACKERS.items():
                figures = peer(environment, script, str(scratch / "lengths.npy"), str(row_tokens))
                if figures:
                    peers[name].append(figures)
        results[str(row_tokens)] = {
            "documents_per_second": median(ours),
            **_waste(documents, row_tokens),
            "peers": {name: _summary(rounds, median(ours)) for name, rounds in peers.items() if rounds},
        }
    return results


def _summary(rounds: list[dict[str, Any]], ours: float) -> dict[str, Any]:
    speed = median(figures["documents"] / figures["seconds"] for figures in rounds)
    return {"version": rounds[0]["version"], "documents_per_second": speed, "ours_is_times": ours / speed}


def _waste(documents: Any, row_tokens: int) -> dict[str, float]:
    """Return the padding, and the share of documents in more pieces than their length requires."""
    split = carried = rows = 0
    for first in range(0, DOCUMENTS, WINDOW):
        window = documents[first : first + WINDOW]
        packed = pack_rows(window, row_tokens)
        pieces = np.bincount(packed.item, minlength=len(window))
        split += int(np.count_nonzero(pieces > -(-window // row_tokens)))
        carried += int(packed.length[len(packed.length) - packed.carried :].sum())
        rows += int(np.count_nonzero(packed.position[: len(packed.position) - packed.carried] == 0))
    padding = rows * row_tokens + carried - int(documents.sum())
    unavoidable = float(np.mean(documents > row_tokens))
    return {"padding_tokens": padding, "cut_beyond_unavoidable": split / DOCUMENTS, "unavoidable_cuts": unavoidable}


def peer(environment: str, script: str, *arguments: str) -> dict[str, Any] | None:
    """Run a script in its environment. Returns its JSON output, or None if the environment does not exist.

    Raises RuntimeError if the script fails.
    """
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        return None
    process = subprocess.run(
        [str(python), str(PEERS / script), *arguments], capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise RuntimeError(f"{script} failed: {process.stderr.strip().splitlines()[-1]}")
    figures: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return figures
