"""The figures of a build as plain data: those of each section, and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.report.folders import Folders, made_from, open_folders
from pipelines.report.sections import SECTIONS
from pipelines.stages.build_folder import VERIFIED

FORMAT = 1


def gather(folder: Path) -> dict[str, Any]:
    """Return every figure of a build as JSON; sections of stages that have not run are absent.

    No figure is an estimate: counts are the sealed ones, which balance. Raises UsageError, Incomplete, Damaged.
    """
    folders = open_folders(folder)
    every = {key: gather_section(folders) for key, (gather_section, _) in SECTIONS.items()}
    figures = {key: section for key, section in every.items() if section is not None}
    head = {"format": FORMAT, "made_from": made_from(folder), **folders.recipe}
    return {**head, "summary": _summary(folders, figures), **figures}


def _summary(folders: Folders, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the most important numbers; None where their stage has not run."""
    packing, sources = (figures.get(key) for key in ("packing", "sources"))
    runs = [figures["training"]] if "training" in figures else figures.get("runs", [])
    kept = sources["kept"] if sources else []
    rows = sum(split["rows"] for split in packing["splits"].values()) if packing else None
    verified = folders.get(VERIFIED)
    return {
        "sources": len({line["source"] for line in kept}) if sources else None,
        "languages": len({line["language"] for line in kept}) if sources else None,
        "documents": sum(line["documents"] for line in kept) if sources else None,
        "bytes": sum(line["bytes"] for line in kept) if sources else None,
        "tokens": packing["row_tokens"] * rows if packing else None,
        "rows": rows,
        "row_tokens": packing["row_tokens"] if packing else None,
        "vocab_size": figures["tokenizer"]["vocab_size"] if "tokenizer" in figures else None,
        "parameters": runs[0]["model"].get("parameters") if runs else None,
        "steps": runs[0]["steps"] if runs else None,
        "bits_per_byte": runs[0]["bits_per_byte"] if runs else None,
        "continued": [run["name"] for run in runs[1:]],
        "verified": {
            "level": verified.manifest.options["level"],
            "files": verified.manifest.counts["files"].out,
            "bytes": verified.manifest.counts["bytes"].out,
        }
        if verified
        else None,
    }
