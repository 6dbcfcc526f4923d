"""Build every packaged recipe at reduced size on sample corpora, training included: `python -m benchmarks.recipes`.

Writes benchmarks/results/recipes-DATE.json, the source of the results in docs/recipes. ARCORP_SAMPLES is the folder of
the sample corpora.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import reduced  # noqa: E402

from pipelines import cli  # noqa: E402
from sharding.seal import Sealed  # noqa: E402

SIZES = {"limit": 20, "chars": 300_000, "steps": 10}
MORE = (
    "pack.validation={rows: 8}",
    "train.layers=2",
    "train.width=64",
    "train.heads=2",
    "train.batch_rows=2",
    "train.threads=2",
    "train.warmup=5",
)


def main() -> int:
    samples = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared"))
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = ROOT / "benchmarks" / "results" / f"recipes-{date}.json"
    builds: dict[str, object] = {}
    for name in reversed(reduced.SAMPLES):  # the smallest first
        with tempfile.TemporaryDirectory() as made:
            out = Path(made) / "out"
            books = ["corpora.0.limit=1"] if "openiti" in reduced.SAMPLES[name][0] else []
            changes = [*reduced.settings(name, samples, Path(made) / "samples", **SIZES), *MORE, *books]
            flags = [word for change in changes for word in ("--set", change)]
            if cli.run(["build", name, "--out", str(out), *flags]):
                return 1
            builds[name] = figures(out)
        result = {"date": date, "sizes": SIZES, "builds": builds}
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(path)
    return 0


def figures(out: Path) -> dict[str, object]:
    """Return the figures of a build."""
    report = json.loads((out / "report.json").read_text("utf-8"))
    packing, summary = report["packing"], report["summary"]
    from_documents = packing["tokens"]["in"]
    return {
        "documents": summary["documents"],
        "bytes": summary["bytes"],
        "tokens": summary["tokens"],
        "bytes_per_token": summary["bytes"] / from_documents,
        "rows": {name: split["rows"] for name, split in packing["splits"].items()},
        "padding": Sealed(out / "dataset").manifest.counts["tokens"].added.get("padding", 0),
        "steps": summary["steps"],
        "before": summary["bits_per_byte"]["before"],
        "after": summary["bits_per_byte"]["after"],
    }


if __name__ == "__main__":
    sys.exit(main())
