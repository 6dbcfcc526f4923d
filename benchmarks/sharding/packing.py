"""Packing: documents a second on one core, padding, and documents cut that need not be; against other packers."""

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
    """Rounds A B A B of our kernel and the peers', in windows of 100,000 of one million documents."""
    documents = lengths(DOCUMENTS)
    np.save(scratch / "lengths.npy", documents[:PEER_DOCUMENTS])
    results = {}
    for row_tokens in (2048, 512):
        pack_rows(documents[:WINDOW], row_tokens)  # compiles, or loads what was compiled
        ours: list[float] = []
        peers: dict[str, list[dict[str, Any]]] = {name: [] for name in PACKERS}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for first in range(0, DOCUMENTS, WINDOW):
                pack_rows(documents[first : first + WINDOW], row_tokens)
            ours.append(DOCUMENTS / (time.perf_counter() - began))
            for name, (environment, script) in PACKERS.items():
                found = peer(environment, script, str(scratch / "lengths.npy"), str(row_tokens))
                if found:
                    peers[name].append(found)
        results[str(row_tokens)] = {
            "documents_per_second": median(ours),
            **_waste(documents, row_tokens),
            "peers": {name: _summary(found, median(ours)) for name, found in peers.items() if found},
        }
    return results


def _summary(found: list[dict[str, Any]], ours: float) -> dict[str, Any]:
    speed = median(one["documents"] / one["seconds"] for one in found)
    return {"version": found[0]["version"], "documents_per_second": speed, "ours_is_times": ours / speed}


def _waste(documents: Any, row_tokens: int) -> dict[str, float]:
    """Padding, and the share of documents that are in more pieces than their length makes unavoidable."""
    cut = carried = rows = 0
    for first in range(0, DOCUMENTS, WINDOW):
        window = documents[first : first + WINDOW]
        packed = pack_rows(window, row_tokens)
        pieces = np.bincount(packed.item, minlength=len(window))
        cut += int(np.count_nonzero(pieces > -(-window // row_tokens)))
        carried += int(packed.length[len(packed.length) - packed.carried :].sum())
        rows += int(np.count_nonzero(packed.position[: len(packed.position) - packed.carried] == 0))
    padding = rows * row_tokens + carried - int(documents.sum())
    unavoidable = float(np.mean(documents > row_tokens))
    return {"padding_tokens": padding, "cut_beyond_unavoidable": cut / DOCUMENTS, "unavoidable_cuts": unavoidable}


def peer(environment: str, script: str, *arguments: str) -> dict[str, Any] | None:
    """Run a peer's script in its environment; None if that is not there. Raises RuntimeError if it fails."""
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        return None
    done = subprocess.run([str(python), str(PEERS / script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
