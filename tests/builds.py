"""Small builds of the demo recipe, and what to compare of them."""

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
    """The sha256 of every file of a build that is a result: states, logs, timings and the report are none.

    Not the bytes: of two trees that differ, pytest would spend minutes on telling how.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and ".arcorp" not in path.parts
        and path.name not in ("timings.jsonl", ".lock", "report.html", "report.json")
    }
