"""Near-duplicates: what is found of planted copies, and which drops are right on the bulk samples, with the evidence.

    python -m benchmarks.corpora.near_duplicates           # figures, kept in benchmarks/results
    python -m benchmarks.corpora.near_duplicates show 60   # drops of the bulk samples, read side by side

The stages ingest and dedup run as in a build. A planted copy is found if it is dropped for its original; any other
drop is false. On the samples the true Jaccard similarity of a dropped document and the one that stays is computed from
their n-grams of words; it is right if it is at least the threshold less its error, .45. Threshold 0 drops all
candidates.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.corpora.texts import SAMPLES, edited, real
from benchmarks.harness import keep, print_results
from corpora.dedup import DROPPED, SETTINGS
from pipelines.recipe import DedupOptions, IngestOptions
from pipelines.run import Context, run_stage
from pipelines.stages.build_folder import DUPLICATES
from pipelines.stages.dedup import dedup_stage
from pipelines.stages.ingest import ingest_stage
from sharding.seal import Sealed
from sharding.tables import read_table

METHODS = ("minhash", "minhash-scattered")
THRESHOLDS = (0.0, 0.5, 0.6)
ORIGINALS, COPIES = 600, 200
EDITS = [(share, scattered) for scattered in (False, True) for share in (0.05, 0.1, 0.2)]
TEMPLATES = 400
"""Texts of 85 words of which the first 45 are the same, as hadiths with one chain of transmitters."""
RIGHT = 0.45
SHOWN = 160
"""Characters of each text that are shown, from the first difference."""


class Drop(NamedTuple):
    """A dropped near-duplicate: ids, and the estimate of the similarity, None if it was not compared."""

    id: str
    kept: str
    estimate: float | None


def main() -> None:
    """Measure, or show drops."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-near-") as scratch:
        if sys.argv[1:2] == ["show"]:
            show(Path(scratch), int(sys.argv[2]))
            return
        results = {"planted": planted(Path(scratch)), "samples": samples(Path(scratch))}
    for name, figures in results.items():
        print_results(name, figures)
    keep("near-duplicates", results, [], load, "numpy", "numba", "pyarrow")


def planted(scratch: Path) -> dict[str, Any]:
    """Return found copies and false drops for each method, kind of edit and threshold; and drops of templates."""
    rng = random.Random(3)
    texts = distinct(scratch, [text for text in real(("arb_news",)) if 200 <= len(text.split()) <= 600])[:ORIGINALS]
    collections = {}
    for share, scattered in EDITS:
        copies = [edited(text, share, scattered=scattered, rng=rng) for text in texts[:COPIES]]
        collections[f"{share:.0%} of words {'scattered' if scattered else 'in a block'}"] = [*texts, *copies]
    words = " ".join(texts).split()
    opening = words[:45]
    collections["45 of 85 words in common"] = [
        " ".join([*opening, *rng.choices(words, k=40)]) for _ in range(TEMPLATES)
    ]
    results: dict[str, Any] = {}
    for number, (kind, collection) in enumerate(collections.items()):
        folder = ingested(scratch / f"planted-{number}", collection)
        for method in METHODS:
            for threshold in THRESHOLDS:
                drops = dropped(folder, method, threshold)
                right = sum(_number(drop.id) - _number(drop.kept) == ORIGINALS for drop in drops)
                figures = {"found": right, "false": len(drops) - right}
                results.setdefault(method, {}).setdefault(kind, {})[f"{threshold:g}"] = figures
    return results


def distinct(scratch: Path, texts: Sequence[str]) -> list[str]:
    """Return the texts that are no candidates of each other, so that all drops but those of copies are false."""
    texts = list(dict.fromkeys(texts))
    folder = ingested(scratch / "distinct", texts)
    drops = [drop for method in METHODS for drop in dropped(folder, method, 0)]
    others = {_number(name) for drop in drops for name in (drop.id, drop.kept)}
    return [text for number, text in enumerate(texts) if number not in others]


def samples(scratch: Path) -> dict[str, Any]:
    """Return the drops on the bulk samples for each method and threshold, and how many of them are right."""
    folder = ingested(scratch / "samples", list(bulk()))
    results: dict[str, Any] = {"documents": Sealed(folder).manifest.counts["documents"].out}
    for method in METHODS:
        for threshold in THRESHOLDS:
            drops = dropped(folder, method, threshold)
            texts = texts_of(folder, drops)
            true = [similarity(texts[drop.id], texts[drop.kept], SETTINGS[method].ngram) for drop in drops]
            right = sum(value >= RIGHT for value in true)
            figures: dict[str, Any] = {"drops": len(drops), "right": right, "precision": right / max(1, len(drops))}
            if threshold:
                errors = [(drop.estimate or 0) - value for drop, value in zip(drops, true, strict=True)]
                figures["mean error of the estimate"] = sum(errors) / max(1, len(errors))
            results.setdefault(method, {})[f"{threshold:g}"] = figures
    return results


def show(scratch: Path, count: int) -> None:
    """Print dropped documents of the bulk samples, chosen at random, beside the ones that stay."""
    folder = ingested(scratch / "samples", list(bulk()))
    drops = dropped(folder, METHODS[0], 0.5)
    chosen = random.Random(0).sample(drops, min(count, len(drops)))
    texts = texts_of(folder, chosen)
    for number, drop in enumerate(chosen, 1):
        first, second = texts[drop.id], texts[drop.kept]
        true = similarity(first, second, SETTINGS[METHODS[0]].ngram)
        equal = len(_common(first, second))
        print(f"{number}. {drop.id} for {drop.kept}: estimate {drop.estimate:.2f}, true {true:.2f}, equal to {equal}")
        for text in (first, second):
            print(f"   {text[max(0, equal - SHOWN // 4) : equal + SHOWN]!r}")


def bulk() -> Iterator[str]:
    """Yield the texts of the bulk samples."""
    for path in sorted((SAMPLES / "data" / "bulk").glob("*.jsonl.zst")):
        yield from real((path.name.removesuffix(".jsonl.zst"),))


def ingested(folder: Path, texts: Sequence[str]) -> Path:
    """Ingest texts, whose ids are `jsonl/` and their number."""
    folder.mkdir(parents=True)
    with (folder / "text.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
    options = IngestOptions(language="arb_Arab", options={"id_field": "id"})
    run_stage(ingest_stage(folder / "documents", "jsonl", [str(folder / "text.jsonl")], options), Context())
    return folder / "documents"


def dropped(documents: Path, method: str, threshold: float) -> list[Drop]:
    """Return the near-duplicates that dedup drops."""
    folder = documents.parent / f"unique-{method}-{threshold:g}"
    options = DedupOptions.model_validate({"method": method, "similarity": threshold})
    sealed = run_stage(dedup_stage(folder, [documents], options), Context()).sealed
    drops = []
    for name in sealed.names(suffix=DUPLICATES):
        table = read_table(sealed.read(name), DROPPED.names)
        table = table.filter(pc.equal(table["reason"], "near duplicate"))
        columns = (table[column].to_pylist() for column in ("id", "kept", "similarity"))
        drops += [Drop(*line) for line in zip(*columns, strict=True)]
    return drops


def texts_of(documents: Path, drops: Sequence[Drop]) -> dict[str, str]:
    """Return the texts of dropped documents and of those that stay, by id."""
    sealed = Sealed(documents)
    texts: dict[str, str] = {}
    needed = pa.array(sorted({name for drop in drops for name in (drop.id, drop.kept)}), pa.string())
    for name in sealed.names(suffix=".parquet"):
        table = read_table(sealed.read(name), ["id", "text"])
        table = table.filter(pc.is_in(table["id"], needed))
        texts.update(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    return texts


def similarity(text: str, other: str, ngram: int) -> float:
    """Return the Jaccard similarity of the n-grams of two texts."""
    first, second = _ngrams(text, ngram), _ngrams(other, ngram)
    return len(first & second) / max(1, len(first | second))


def _common(text: str, other: str) -> str:
    """Return the longest beginning of both."""
    size = next((k for k, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    return text[:size]


def _number(name: str) -> int:
    """Return the number of a text from its id."""
    return int(name.removeprefix("jsonl/"))


@cache
def _ngrams(text: str, length: int) -> frozenset[tuple[str, ...]]:
    """Return the n-grams of words in lower case, without marks; all numbers are equal."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c)[0] not in "MC")
    words = re.sub(r"\d+", "0", plain.replace("\u0640", "")).replace("_", " ")
    every = re.findall(r"\w+", words)
    return frozenset(tuple(every[k : k + length]) for k in range(max(1, len(every) - length + 1)))


if __name__ == "__main__":
    main()
