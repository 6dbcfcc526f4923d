"""The dataset card: README.md as the Hugging Face Hub reads it, metadata first, then what a stranger must know.

A card is a function of a sealed folder, a dataset or an export of one, and lies beside the seal, not under it: words
about a dataset can change without its root. `report` writes it into a build's dataset, `push` where it is not there.
Metadata keys are those of huggingface/hub-docs, datasetcard.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.html.elements import count, language, share, size
from pipelines.report.figures import licences_of
from pipelines.texts import is_unedited, markdown, signature, yaml_text
from sharding import seal
from sharding.seal import Sealed

CARD = "README.md"
LIMIT = 20
"""Languages and licences beyond so many are told together."""

TWO_LETTERS = {"arb": "ar", "eng": "en", "fra": "fr", "pes": "fa", "urd": "ur"}
"""ISO 639-1 where the Hub knows a language by it; ISO 639-3 for the others."""

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
"""SPDX names, lower case, to the Hub's."""

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
    """Write the card of a sealed dataset or export beside its seal, over one of ours, never over one that was edited.

    repo: where it will be on the Hub, told in how to load it. Raises UsageError for a folder of another kind.
    """
    sealed, path = Sealed(folder), folder / CARD
    if path.exists() and not is_unedited(path):
        return path
    with seal.atomic_file(path) as file:
        file.write(card_of(sealed, name, repo).encode())
    return path


def card_of(sealed: Sealed, name: str, repo: str | None = None) -> str:
    """The card. Raises UsageError for a folder that is neither a dataset nor an export."""
    stage, told = sealed.manifest.stage, sealed.manifest.summary
    if stage not in ("pack", "export"):
        raise UsageError(f"{sealed.path} is what '{stage}' makes: a card is made for a dataset or an export of one")
    licences = told["licences"] if stage == "export" else licences_of(sealed)
    kind = "dataset" if stage == "pack" else "parquet" if told["to"] == "parquet" else "other"
    repo = repo or f"USER/{name}"
    strata = told["splits"]["train"].get("strata") or told.get("strata") or []
    metadata = _metadata(name, kind, told, strata, licences)
    head = yaml_text(metadata)
    parts = [
        f"# {markdown(name)}",
        _what_it_is(told, strata, kind),
        "## How to load",
        f"```python\n{LOAD[kind].format(repo=json.dumps(repo), row_tokens=told['row_tokens'])}\n```",
        NUMPY.format(
            first=json.dumps(_first_shard(sealed)), dtype=json.dumps(told["dtype"]), row_tokens=told["row_tokens"]
        )
        if kind == "dataset"
        else "",
        "## What is in it",
        _splits(told),
        _strata(strata),
        "## Licences",
        _licences(licences),
        "## Known limits",
        "\n".join(f"- {one}" for one in _limits(told, strata, licences)),
        "## Proof",
        f"The folder is sealed: `{sealed.root}` stands for every byte in it, the options it was made with and what it "
        "was made from. `arcorp verify DIR` reads all of it back and names what is at fault. This card is beside the "
        "seal, not under it.",
    ]
    body = f"---\n{head}---\n\n" + "\n\n".join(part.strip() for part in parts if part) + "\n"
    return f"{body}\n{signature(body)}\n"


def _metadata(
    name: str,
    kind: str,
    told: Mapping[str, Any],
    strata: Sequence[Mapping[str, Any]],
    licences: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    labels = [label for one in strata if (label := one.get("language")) and "_" in label]
    codes = dict.fromkeys(TWO_LETTERS.get(label.partition("_")[0], label.partition("_")[0]) for label in labels)
    metadata: dict[str, Any] = {"pretty_name": name}
    if codes:
        metadata["language"] = sorted(codes)
    metadata |= _license({line["licence"] for line in licences})
    metadata["task_categories"] = ["text-generation"]
    metadata["size_categories"] = [_size_category(told["splits"]["train"]["rows"])]
    metadata["tags"] = ["arcorp", "pretraining", "tokenized", *(["arabic"] if "ar" in codes else [])]
    if kind == "parquet":
        files = [
            {"split": split, "path": f"{split}-*.parquet"} for split, one in told["splits"].items() if one["rows"]
        ]
        metadata["configs"] = [{"config_name": "default", "data_files": files}]
    elif kind == "dataset":
        files = [{"split": "documents", "path": "documents/*.parquet"}]
        metadata["configs"] = [{"config_name": "documents", "data_files": files}]
    return metadata


def _license(names: set[str]) -> dict[str, str]:
    """One licence by its name on the Hub; several, or one that it does not know, as other, with a table to read."""
    known = LICENSES.get(next(iter(names)).lower()) if len(names) == 1 else None
    if known:
        return {"license": known}
    return {"license": "other", "license_name": "by-source", "license_link": "#licences"}


def _size_category(rows: int) -> str:
    names = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
    return names[min(max(len(str(rows)) - 3, 0), len(names) - 1)]


def _what_it_is(told: Mapping[str, Any], strata: Sequence[Mapping[str, Any]], kind: str) -> str:
    rows = sum(split["rows"] for split in told["splits"].values())
    languages = list(dict.fromkeys(language(one["language"]) for one in strata if one.get("language")))
    named = f" of {', '.join(map(markdown, languages[:LIMIT]))}" if languages else ""
    form = {"parquet": " as Parquet", "other": f" as {markdown(told.get('to', ''))} reads them"}.get(kind, "")
    return (
        f"Text{named}, tokenized and packed for pretraining: {count(rows * told['row_tokens'])} tokens in "
        f"{count(rows)} rows of {count(told['row_tokens'])}, without padding{form}. The tokenizer, of "
        f"{count(told['vocab_size'])} ids, is in `tokenizer/`. Made with arcorp."
    )


def _first_shard(sealed: Sealed) -> str:
    names = sealed.names(prefix="shards/", suffix=".bin")
    return next((name for name in names if "train" in name), "shards/train-00000-of-00001.bin")


def _splits(told: Mapping[str, Any]) -> str:
    lines = ["| split | rows | tokens |", "|---|--:|--:|"]
    for name, split in told["splits"].items():
        lines.append(f"| {markdown(name)} | {count(split['rows'])} | {count(split['rows'] * told['row_tokens'])} |")
    return "\n".join(lines)


def _strata(strata: Sequence[Mapping[str, Any]]) -> str:
    if not strata:
        return ""
    whole = sum(one["tokens"] for one in strata) or 1
    lines = ["| stratum | documents | tokens | share | text |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {markdown(one['name'])} | {count(one['documents'])} | {count(one['tokens'])} "
        f"| {share(one['tokens'] / whole)} | {size(one['bytes'])} |"
        for one in sorted(strata, key=lambda one: -one["tokens"])
    ]
    return "\n".join(lines)


def _licences(licences: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "Each document keeps the licence of its source, and it is yours to heed:",
        "",
        "| source | licence | documents | tokens |",
        "|---|---|--:|--:|",
    ]
    for one in licences:
        stated = markdown(one["licence"]) or "not stated"
        lines.append(f"| {markdown(one['source'])} | {stated} | {count(one['documents'])} | {count(one['tokens'])} |")
    return "\n".join(lines)


def _limits(
    told: Mapping[str, Any], strata: Sequence[Mapping[str, Any]], licences: Sequence[Mapping[str, Any]]
) -> list[str]:
    said = []
    names = [line["licence"] for line in licences]
    bound = sorted({name for name in names if re.search(r"\bnc\b|non-?commercial|research", name, re.IGNORECASE)})
    if bound:
        said.append(f"Some of it is not for commercial use: {', '.join(map(markdown, bound))}.")
    if "" in names:
        said.append("Some sources do not state a licence.")
    said.append(
        "Text is as its sources have it, normalised: it may be wrong, biased, offensive or machine-made, and hold "
        "names and addresses of people."
    )
    said.append("Copies that are alike, not equal, are gone only if the recipe asked for it (`dedup.method`).")
    said.append(
        "Validation holds no document, book or known copy that is trained on; text that quotes other text is on "
        "both sides."
    )
    said.append(
        f"Ids mean nothing without the tokenizer beside them; documents longer than {count(told['row_tokens'])} "
        "tokens go on in another row."
    )
    if len({one.get("language") for one in strata}) > 1:
        said.append(
            "Languages are labels of the sources, or of a classifier before them: dialects are often mixed up."
        )
    return said
