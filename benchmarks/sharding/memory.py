"""Time and peak memory of planning one and ten million documents."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.sharding.corpus import write_tokens

PER_PART = 50_000


def measure(scratch: Path) -> dict[str, Any]:
    """Return the figures of planning with and without validation, each measured in a separate process."""
    results = {}
    for documents in (1_000_000, 10_000_000):
        tokens = write_tokens(scratch / f"tokens-{documents}", documents, PER_PART, ids=False)
        for held_out in ("", "validation"):
            command = [sys.executable, "-m", "benchmarks.sharding.memory", str(tokens), held_out]
            process = subprocess.run(command, capture_output=True, text=True, check=True)
            results[f"{documents} documents{', validation' if held_out else ''}"] = json.loads(process.stdout)
    for held_out in ("", ", validation"):
        few, many = (results[f"{count} documents{held_out}"]["peak_bytes"] for count in (1_000_000, 10_000_000))
        results[f"bytes a document{held_out}"] = (many - few) / 9_000_000
    return results


def main() -> None:
    """Plan a dataset and print time and peak memory as JSON."""
    from sharding.options import PackOptions, Validation
    from sharding.packing import make_plan
    from sharding.seal import Sealed

    validation = Validation(share=0.005) if sys.argv[2] else None
    options = PackOptions(row_tokens=2048, bos=1, validation=validation)
    began = time.perf_counter()
    planned = make_plan([Sealed(Path(sys.argv[1]))], options)
    seconds = time.perf_counter() - began
    documents = planned.plan.counts["documents"].input
    status = Path("/proc/self/status").read_text()  # ru_maxrss would include the memory of the parent process
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "documents_per_second": documents / seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
