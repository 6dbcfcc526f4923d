"""Small builds of the demo recipe, and the hashes of their files for comparison."""

import hashlib
from pathlib import Path

from pipelines import cli

SMALL = (
    "embedded.bytes=300000",
    "tokenizer.vocab_size=1024",
    "pack.row_tokens=128",
    "pack.rows_per_shard=256",
    "phases=[{name: one, steps: 6}, {name: two, steps: 2}]",
    "mixture.max_epochs=50",
    "train={ranks: 1, layers: 1, width: 32, heads: 2, batch_rows: 4, threads: 1, checkpoint: {every: 2}}",
)
SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


def build(out: Path, *arguments: str, until: str = "verify") -> int:
    """Build the demo recipe at reduced size in this process; returns the exit code."""
    return cli.run(["build", "demo", "--out", str(out), "--until", until, *SETTINGS, *arguments])


def tree(folder: Path) -> dict[str, str]:
    """Return the sha256 of every result file of a build. States, logs, timings and the report are not results.

    Hashes, because pytest would need minutes to show the difference of two trees of bytes.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and ".arcorp" not in path.parts
        and path.name not in ("timings.jsonl", ".lock", "report.html", "report.json")
    }
