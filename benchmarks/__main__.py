"""`make bench`: every room's benchmark, one after the other, then docs/benchmarks.md and its table.

Name rooms to run only those. One that fails is told at the end, and the others still run.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks import page

ROOMS = ("sharding", "chain", "corpora", "tokenization", "cluster")
"""Those that need no GPU: `make bench-gpu` is for a machine that has one."""


def main() -> int:
    failed = []
    for room in sys.argv[1:] or ROOMS:
        print(f"== {room}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{room}"]).returncode:
            failed.append(room)
    page.main()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
