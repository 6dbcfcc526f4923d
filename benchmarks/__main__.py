"""`make bench`: run the benchmarks of all packages in turn, then write docs/benchmarks.md and print its table.

Arguments select benchmarks by name. If one fails, the others still run, and it is reported at the end.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks import page

PACKAGES = ("sharding", "chain", "corpora", "tokenization", "cluster")
"""Benchmarks that need no GPU. `make bench-gpu` runs the other."""


def main() -> int:
    failed = []
    for package in sys.argv[1:] or PACKAGES:
        print(f"== {package}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{package}"]).returncode:
            failed.append(package)
    page.main()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
