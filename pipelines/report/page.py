"""The report as a page: its summary and its sections."""

from __future__ import annotations

from pipelines.html import (
    Content,
    Figures,
    count,
    decimal,
    plural,
    render_page,
    share,
    short,
    size,
    tag,
    tiles,
)
from pipelines.report.sections import SECTIONS
from sharding import seal


def render(figures: Figures) -> str:
    """Return the whole page, from the figures of `gather`."""
    lead: list[Content] = [
        tag("p", figures["description"], class_="soft") if figures["description"] else None,
        tag("p", summary_sentence(figures["summary"]), class_="lede"),
        tiles(_tiles(figures["summary"])),
    ]
    return render_page(
        title=figures["name"] or "dataset",
        kicker="arcorp report",
        lead=lead,
        sections=[
            section
            for key, (_, render_section) in SECTIONS.items()
            if key in figures
            for section in render_section(figures[key])
        ],
        foot="Written by arcorp. report.json, beside this page, holds the same figures for programs. Counts are those "
        "of the sealed folders. Everything but throughput is the same wherever this dataset is built.",
        made_from=seal.digest_of(figures["made_from"]),
    )


def summary_sentence(summary: Figures) -> str:
    """Return two or three sentences on what has been built so far."""
    sentences = []
    if summary["documents"] is not None:
        sentence = (
            f"{plural(summary['documents'], 'document')} in {plural(summary['languages'], 'language')} from "
            f"{plural(summary['sources'], 'source')}"
        )
        if summary["rows"] is not None:
            sentence += f" became {plural(summary['rows'], 'row')} of {summary['row_tokens']} tokens"
        sentences.append(f"{sentence}.")
    bits = summary["bits_per_byte"]
    if summary["steps"]:
        sentence = f"A model of {short(summary['parameters'] or 0)} parameters was trained on them for "
        sentence += plural(summary["steps"], "step")
        if bits["before"] and bits["after"]:
            sentence += (
                f", from {decimal(bits['before'])} to {decimal(bits['after'])} bits per byte of validation text"
            )
        if summary["continued"]:
            sentence += f"; the runs {' and '.join(summary['continued'])} continue it"
        sentences.append(f"{sentence}.")
    if summary["rows"] is not None:
        verified = summary["verified"]
        sentences.append(
            f"All {plural(verified['files'], 'file')} of the dataset were read back and match their seal."
            if verified
            else "The dataset has not been verified since it was built."
        )
    return " ".join(sentences)


def _tiles(summary: Figures) -> list[tuple[str, str]]:
    """Return the summary's tiles as (value, name)."""
    bits, verified = summary["bits_per_byte"], summary["verified"]
    values: list[tuple[str, str]] = []
    if summary["tokens"] is not None:
        values.append((short(summary["tokens"]), "tokens in rows"))
        values.append((f"{count(summary['rows'])} × {summary['row_tokens']}", "rows × tokens"))
    if summary["bytes"] is not None:
        values.append((size(summary["bytes"]), f"of text in {plural(summary['documents'], 'document')}"))
    if summary["vocab_size"] is not None:
        values.append((count(summary["vocab_size"]), "ids in the vocabulary"))
    if summary["parameters"]:
        values.append((short(summary["parameters"]), "parameters"))
        values.append((count(summary["steps"]), "training steps"))
    if bits and bits["before"] and bits["after"]:
        change = f"{decimal(bits['before'], 2)} → {decimal(bits['after'], 2)}"
        values.append((change, f"validation bits per byte, down to {share(bits['after'] / bits['before'])}"))
    if verified:
        values.append(
            ("verified", f"{verified['level']}: {count(verified['files'])} files, {size(verified['bytes'])}")
        )
    elif summary["rows"] is not None:
        values.append(("not verified", "run arcorp verify, which reads every byte"))
    return values
