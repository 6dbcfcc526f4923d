"""Every folder of the sample corpora through `arcorp ingest`; `python tests/sampled.py SAMPLES` records the counts of
them to docs/samples.yaml, which docs/sources.md shows and the tests hold to."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from pipelines import cli
from sharding.seal import Sealed

COUNTS = Path(__file__).resolve().parents[1] / "docs" / "samples.yaml"

FOLDERS: list[tuple[str, str, dict[str, str]]] = [
    ("arastories", "arastories", {}),
    ("cc100", "cc100", {}),
    ("climbmix", "english/climbmix", {}),
    ("csv", "dialect/ArSarcasm-v2", {"text-field": "tweet"}),
    ("fineweb-2", "fineweb-2", {}),
    ("fineweb-edu", "english/fineweb-edu", {}),
    ("gsm8k", "math/gsm8k", {}),
    ("hadith-json", "hadith", {}),
    ("jsonl", "bulk", {"id-field": "id"}),
    ("open-web-math", "math/open-web-math", {}),
    ("openiti", "openiti", {}),
    ("oscar", "oscar", {}),
    ("quran", "quran", {}),
    ("saudinewsnet", "saudinewsnet", {}),
    ("shamela", "shamela", {}),
    ("starcoderdata", "code/starcoderdata", {}),
    ("tashkeela", "tashkeela", {}),
    ("text", "dialect/shami", {"set": "options.split=lines", "language": "apc_Arab"}),
    ("text", "english/gutenberg", {"language": "eng_Latn"}),
    ("the-stack-v2", "code/the-stack-v2-dedup", {}),
    ("wikipedia", "wikipedia", {}),
]
"""Source, folder of the samples, flags: all folders but the one of the README."""


def ingested(samples: Path, source: str, folder: str, flags: dict[str, str], out: Path) -> dict[str, Any]:
    """Ingest one folder into `out`: what is counted of it."""
    given = [word for name, value in flags.items() for word in (f"--{name}", value)]
    command = ["ingest", source, str(samples / "data" / folder), "--out", str(out), "--workers", "1", *given]
    assert cli.run(command) == 0
    counts = Sealed(out).manifest.counts
    licences = {licence for part in parts(out) for licence in part["license"].unique().to_pylist()}
    return {
        "source": source,
        "folder": folder,
        "documents": counts["documents"].out,
        "dropped": dict(counts["documents"].dropped),
        "chars": counts["chars"].out,
        "licences": sorted(licence.partition("\n")[0] for licence in licences),
    }


def parts(folder: Path) -> Iterator[Any]:
    """Tables of the documents that lie in a folder."""
    return (pq.read_table(path) for path in sorted(folder.glob("part-*.parquet")))


def main() -> None:
    samples = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        counts = [
            ingested(samples, *folder, Path(scratch) / str(number))  # type: ignore[arg-type]
            for number, folder in enumerate(FOLDERS)
        ]
    head = "# Output of `arcorp ingest` for the sample corpora, written by `python tests/sampled.py SAMPLES`.\n"
    COUNTS.write_text(head + yaml.safe_dump(counts, sort_keys=False, allow_unicode=True, width=110), "utf-8")


if __name__ == "__main__":
    main()
