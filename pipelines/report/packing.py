"""The report on packing: rows, shards, and the counts of tokens and documents that were written or dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.html import Figures, Markup, Section, count, folded, plural, section, share, size, table, tag
from pipelines.report.folders import Folders, count_to_json
from pipelines.stages.build_folder import DATASET
from sharding.options import ATTRIBUTES

LABELS = ("name", *ATTRIBUTES)
STRATUM_COUNTS = ("rows", "documents", "tokens", "bytes", "chars")

SPLIT_WHERE = {
    "best-fit": "A document is split where it is longer than a row and, rarely, to fill a row exactly.",
    "concat": "A document is split wherever a row ends.",
}
"""By packing policy."""

REASONS = {"tail shorter than a row": "too few tokens were left to fill one"}
"""Sentences for reasons that the seal has in short form."""


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return rows and shards of each split, and the counts of tokens and documents.

    `cuts` is how often a document is split between two rows, and `masked_cuts` a conversation. None without a dataset.
    """
    dataset = folders.get(DATASET)
    if dataset is None:
        return None
    summary, counts = dataset.manifest.summary, dataset.manifest.counts
    sidecars = [dataset.read_json(name) for name in dataset.names(prefix="shards/", suffix=".json")]
    segments = sum(sidecar["summary"]["segments"] for sidecar in sidecars)
    splits = {
        name: {
            "rows": split["rows"],
            "shards": split["shards"],
            "rows_per_shard": split["rows_per_shard"],
            "documents": sum(stratum["documents"] for stratum in split["strata"]),
            "bytes": sum(stratum["bytes"] for stratum in split["strata"]),
            "strata": [
                {key: stratum[key] for key in (*LABELS, *STRATUM_COUNTS)} | {"trained": trained_of(stratum)}
                for stratum in split["strata"]
            ],
        }
        for name, split in summary["splits"].items()
    }
    return {
        **{key: summary[key] for key in ("row_tokens", "dtype", "policy", "fill", "bos", "eos", "vocab_size")},
        "documents": count_to_json(counts["documents"]),
        "tokens": count_to_json(counts["tokens"]),
        "segments": segments,
        "cuts": segments - counts["documents"].out,
        "masked_cuts": sum(sidecar["summary"].get("cuts", 0) for sidecar in sidecars),
        "bytes": sum(record.bytes for name, record in dataset.manifest.files.items() if name.startswith("shards/")),
        "splits": splits,
    }


def trained_of(stratum: Mapping[str, Any]) -> int:
    """Return the tokens of a stratum that are trained on: all, or of conversations the answers."""
    return int(stratum.get("trained", stratum["tokens"]))


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on rows, shards and tokens."""
    tokens, splits = figures["tokens"], figures["splits"]
    total = tokens["in"] + sum(tokens["added"].values())
    rows = sum(split["rows"] for split in splits.values())
    bits = 8 * int(figures["dtype"][-1])
    return [
        section(
            "packing",
            "Packing",
            f"{plural(rows, 'row')} of {figures['row_tokens']} tokens, {bits} bits each, in {size(figures['bytes'])}: "
            f"policy {figures['policy']}, no padding. Rows hold {share(tokens['out'] / (total or 1))} of all tokens.",
            table(
                ["", "#tokens"],
                [
                    ("from documents", count(tokens["in"])),
                    *(
                        (f"added: {reason.upper()}", f"+ {count(number)}")
                        for reason, number in tokens["added"].items()
                    ),
                    *((f"dropped: {reason}", f"− {count(number)}") for reason, number in tokens["dropped"].items()),
                ],
                total=("in rows", count(tokens["out"])),
                narrow=True,
            ),
            table(
                ["split", "#rows", "#tokens", "#shards", "#documents", "#bytes of text"],
                [
                    (
                        name,
                        count(split["rows"]),
                        count(split["rows"] * figures["row_tokens"]),
                        count(split["shards"]),
                        count(split["documents"]),
                        size(split["bytes"]),
                    )
                    for name, split in splits.items()
                ],
            ),
            tag("p", f"{_splits_of_documents(figures)} {_dropped(figures['documents'])} {_trained(figures)}".strip()),
            folded("Every stratum of both splits", _strata(splits)),
        )
    ]


def _splits_of_documents(figures: Figures) -> str:
    documents = figures["documents"]["out"]
    rate = 100 * figures["cuts"] / (documents or 1)
    return (
        f"Rows hold {plural(documents, 'document')} in {plural(figures['segments'], 'piece')}: documents were split "
        f"{count(figures['cuts'])} times, {rate:.3g} per hundred documents. {SPLIT_WHERE.get(figures['policy'], '')}"
    )


def _dropped(documents: Figures) -> str:
    if not documents["dropped"]:
        return "Every document is in some row."
    return " ".join(
        f"{plural(number, 'document')} {'is' if number == 1 else 'are'} in no row: {REASONS.get(reason, reason)}."
        for reason, number in documents["dropped"].items()
    )


def _trained(figures: Figures) -> str:
    """Return how many tokens of conversations are trained on, and how often one is split; "" if all tokens are."""
    strata = [stratum for split in figures["splits"].values() for stratum in split["strata"]]
    masked = [stratum for stratum in strata if stratum["trained"] != stratum["tokens"]]
    trained, tokens = (sum(stratum[unit] for stratum in masked) for unit in ("trained", "tokens"))
    sentence = f"Of {plural(tokens, 'token')} of conversations or labelled ids, {count(trained)} are trained on."
    return f"{sentence} They were split {count(figures['masked_cuts'])} times." if masked else ""


def _strata(splits: Mapping[str, Figures]) -> Markup:
    return table(
        ["stratum", "split", *(f"#{unit}" for unit in STRATUM_COUNTS), "#tokens trained on"],
        [
            (stratum["name"], name, *(count(stratum[unit]) for unit in (*STRATUM_COUNTS, "trained")))
            for name, split in splits.items()
            for stratum in split["strata"]
        ],
    )
