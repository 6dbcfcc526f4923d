"""The dataset card: README.md as the Hugging Face Hub reads it, with metadata, usage, counts, licences and limits.

A card is a function of a sealed folder, a dataset or an export of one. It is beside the seal and not part of it, so
that its text can change without changing the folder's digest. A build writes it with the report; `push` writes it
where there is none. Metadata keys are those of huggingface/hub-docs, datasetcard.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.html import count, language, share, size
from pipelines.stages.dataset_facts import licences_of
from pipelines.texts import is_unedited, markdown, signature, yaml_text
from sharding import seal
from sharding.seal import Sealed

CARD = "README.md"
LIMIT = 20
"""The most languages that are named."""

TWO_LETTERS = {"arb": "ar", "eng": "en", "fra": "fr", "fas": "fa", "urd": "ur"}
"""ISO 639-1 codes of the languages that the Hub lists by them; others have their ISO 639-3 code."""

LICENSES = {
    "odc-by-1.0": "odc-by",
    "cdla-sharing-1.0": "cdla-sharing-1.0",
    "cc-by-3.0": "cc-by-3.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0",
    "cc0-1.0": "cc0-1.0",
    "apache-2.0": "apache-2.0",
    "mit": "mit",
}
"""Licence names of the Hub by SPDX name in lower case."""

LOAD = {
    "parquet": """from datasets import load_dataset

rows = load_dataset({repo}, split="train")
rows[0]["input_ids"]  # {row_tokens} ids; `position_ids` begin anew with each document""",
    "dataset": """from huggingface_hub import snapshot_download
from sharding import Dataset  # of arcorp; numpy alone is needed

rows = Dataset(snapshot_download({repo}, repo_type="dataset"))
rows.batch(step=0, rank=0, world=8).ids  # int64, (batch_rows / 8, {row_tokens})""",
    "other": """from huggingface_hub import snapshot_download

folder = snapshot_download({repo}, repo_type="dataset")""",
}

NUMPY = """Without arcorp, a shard is a plain array:

```python
import numpy as np

rows = np.memmap({first}, {dtype}, "r").reshape(-1, {row_tokens})
```
"""


def write_card(folder: Path, name: str, repo: str | None = None) -> Path:
    """Write the card of a sealed dataset or export beside its seal. A card that was edited is not overwritten.

    repo: the repository on the Hub, for the code that loads it. Raises UsageError for a folder of another kind.
    """
    sealed, path = Sealed(folder), folder / CARD
    if path.exists() and not is_unedited(path):
        return path
    with seal.atomic_file(path) as file:
        file.write(card_of(sealed, name, repo).encode())
    return path


def card_of(sealed: Sealed, name: str, repo: str | None = None) -> str:
    """Return the card. Raises UsageError for a folder that is neither a dataset nor an export."""
    stage, summary = sealed.manifest.stage, sealed.manifest.summary
    if stage not in ("pack", "export"):
        raise UsageError(f"{sealed.path} is what '{stage}' makes: a card is made for a dataset or an export of one")
    licences = summary["licences"] if stage == "export" else licences_of(sealed)
    kind = "dataset" if stage == "pack" else "parquet" if summary["to"] == "parquet" else "other"
    repo = repo or f"USER/{name}"
    strata = summary["splits"]["train"].get("strata") or summary.get("strata") or []
    metadata = _metadata(name, kind, summary, strata, licences)
    head = yaml_text(metadata)
    parts = [
        f"# {markdown(name)}",
        _what_it_is(summary, strata, kind),
        "## How to load",
        f"```python\n{LOAD[kind].format(repo=json.dumps(repo), row_tokens=summary['row_tokens'])}\n```",
        NUMPY.format(
            first=json.dumps(_first_shard(sealed)),
            dtype=json.dumps(summary["dtype"]),
            row_tokens=summary["row_tokens"],
        )
        if kind == "dataset"
        else "",
        "## What is in it",
        _splits(summary),
        _strata(strata),
        "## Licences",
        _licences(licences),
        "## Known limits",
        "\n".join(f"- {sentence}" for sentence in _limits(summary, strata, licences)),
        "## Proof",
        f"The folder is sealed: its digest, `{sealed.digest}`, is a hash of all its files, its options and the "
        "digests of its inputs. `arcorp verify DIR` reads everything back and names each damaged file. This card is "
        "not part of the seal.",
    ]
    body = f"---\n{head}---\n\n" + "\n\n".join(part.strip() for part in parts if part) + "\n"
    return f"{body}\n{signature(body)}\n"


def _metadata(
    name: str,
    kind: str,
    summary: Mapping[str, Any],
    strata: Sequence[Mapping[str, Any]],
    licences: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the metadata of the Hub; keys without a value are left out."""
    from huggingface_hub import DatasetCardData

    labels = [label for stratum in strata if (label := stratum.get("language")) and "_" in label]
    codes = {TWO_LETTERS.get(label.partition("_")[0], label.partition("_")[0]) for label in labels}
    paths = {
        "dataset": {"documents": "documents/*.parquet"},
        "parquet": {split: f"{split}-*.parquet" for split, counts in summary["splits"].items() if counts["rows"]},
    }.get(kind, {})
    config = {
        "config_name": "documents" if kind == "dataset" else "default",
        "data_files": [{"split": split, "path": path} for split, path in paths.items()],
    }
    data = DatasetCardData(
        pretty_name=name,
        language=sorted(codes) or None,
        task_categories=["text-generation"],
        size_categories=[_size_category(summary["splits"]["train"]["rows"])],
        tags=["arcorp", "pretraining", "tokenized", *(["arabic"] if "ar" in codes else [])],
        configs=[config] if paths else None,
        **_license({line["licence"] for line in licences}),
    )
    return dict(data.to_dict())  # type: ignore[no-untyped-call]


def _license(names: set[str]) -> dict[str, Any]:
    """Return the licence by its name on the Hub; "other" for several, and for one that the Hub does not list."""
    known = LICENSES.get(next(iter(names)).lower()) if len(names) == 1 else None
    if known:
        return {"license": known}
    return {"license": "other", "license_name": "by-source", "license_link": "#licences"}


def _size_category(rows: int) -> str:
    names = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
    return names[min(max(len(str(rows)) - 3, 0), len(names) - 1)]


def _what_it_is(summary: Mapping[str, Any], strata: Sequence[Mapping[str, Any]], kind: str) -> str:
    rows = sum(split["rows"] for split in summary["splits"].values())
    languages = list(dict.fromkeys(language(stratum["language"]) for stratum in strata if stratum.get("language")))
    named = f" of {', '.join(map(markdown, languages[:LIMIT]))}" if languages else ""
    form = {"parquet": " as Parquet", "other": f" as {markdown(summary.get('to', ''))} reads them"}.get(kind, "")
    return (
        f"Text{named}, tokenized and packed for pretraining: {count(rows * summary['row_tokens'])} tokens in "
        f"{count(rows)} rows of {count(summary['row_tokens'])}, without padding{form}. The tokenizer, of "
        f"{count(summary['vocab_size'])} ids, is in `tokenizer/`. Made with arcorp."
    )


def _first_shard(sealed: Sealed) -> str:
    names = sealed.names(prefix="shards/", suffix=".bin")
    return next((name for name in names if "train" in name), "shards/train-00000-of-00001.bin")


def _splits(summary: Mapping[str, Any]) -> str:
    lines = ["| split | rows | tokens |", "|---|--:|--:|"]
    for name, split in summary["splits"].items():
        lines.append(f"| {markdown(name)} | {count(split['rows'])} | {count(split['rows'] * summary['row_tokens'])} |")
    return "\n".join(lines)


def _strata(strata: Sequence[Mapping[str, Any]]) -> str:
    if not strata:
        return ""
    whole = sum(stratum["tokens"] for stratum in strata) or 1
    lines = ["| stratum | documents | tokens | share | text |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {markdown(stratum['name'])} | {count(stratum['documents'])} | {count(stratum['tokens'])} "
        f"| {share(stratum['tokens'] / whole)} | {size(stratum['bytes'])} |"
        for stratum in sorted(strata, key=lambda stratum: -stratum["tokens"])
    ]
    return "\n".join(lines)


def _licences(licences: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "Each document keeps the licence of its source. You are responsible for observing it:",
        "",
        "| source | licence | documents | tokens |",
        "|---|---|--:|--:|",
    ]
    for line in licences:
        stated = markdown(line["licence"]) or "not stated"
        lines.append(
            f"| {markdown(line['source'])} | {stated} | {count(line['documents'])} | {count(line['tokens'])} |"
        )
    return "\n".join(lines)


def _limits(
    summary: Mapping[str, Any], strata: Sequence[Mapping[str, Any]], licences: Sequence[Mapping[str, Any]]
) -> list[str]:
    sentences = []
    names = [line["licence"] for line in licences]
    bound = sorted({name for name in names if re.search(r"\bnc\b|non-?commercial|research", name, re.IGNORECASE)})
    if bound:
        sentences.append(f"Some of it is not for commercial use: {', '.join(map(markdown, bound))}.")
    if "" in names:
        sentences.append("Some sources do not state a licence.")
    sentences.append(
        "The text is that of the sources, normalised. It can be wrong, biased, offensive or machine-generated, and "
        "can contain names and addresses of people."
    )
    sentences.append("Near-duplicates were removed only if the recipe required it (`dedup.method`).")
    sentences.append(
        "The validation split holds no document, book or known copy of the training split. Quotations of the same "
        "text can be in both."
    )
    sentences.append(
        f"Ids are those of the tokenizer in `tokenizer/`. Documents longer than {count(summary['row_tokens'])} tokens "
        "continue in another row."
    )
    if len({stratum.get("language") for stratum in strata}) > 1:
        sentences.append("Language labels are those of the sources, or of a classifier: dialects are often confused.")
    return sentences
