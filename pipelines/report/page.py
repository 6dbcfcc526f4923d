"""The page: head, summary, sections, foot, in one file that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from pipelines.html.elements import count, decimal, plural, share, short, size
from pipelines.html.markup import Markup, tag
from pipelines.report.sections.corpora import corpora
from pipelines.report.sections.duplicates import duplicates
from pipelines.report.sections.mixing import mixing
from pipelines.report.sections.packing import packing
from pipelines.report.sections.provenance import provenance
from pipelines.report.sections.rows import rows
from pipelines.report.sections.sources import sources
from pipelines.report.sections.tokenizer import tokenizer
from pipelines.report.sections.training import samples, training
from sharding import seal

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever text found its way here, nothing is fetched and nothing runs."""


def render(figures: Mapping[str, Any]) -> str:
    """The whole page, from `figures.gather`."""
    name = figures["name"] or "dataset"
    return sheet(
        title=name,
        kicker="arcorp report",
        lead=[
            tag("p", figures["description"], class_="soft") if figures["description"] else None,
            tag("p", summary_sentence(figures["summary"]), class_="lede"),
            _tiles(figures["summary"]),
        ],
        parts=_sections(figures),
        foot="Written by arcorp. The same figures for programs are in report.json beside this page. Counts are those "
        "of the seals; all but throughput is the same wherever this is built.",
        made_from=seal.digest(figures["made_from"]),
    )


def sheet(
    *,
    title: str,
    kicker: str,
    lead: Sequence[Markup | None],
    parts: Sequence[tuple[str, str, Markup]],
    foot: str,
    made_from: str | None = None,
) -> str:
    """A whole page: its head, what stands above all sections, and the sections as (anchor, title, content)."""
    links = [tag("a", name, href=f"#{anchor}") for anchor, name, _ in parts]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="made-from", content=made_from) if made_from else None,
        tag("title", f"{title} · {kicker}"),
        tag("style", Markup("\n" + _style())),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("p", kicker, class_="kicker"),
            tag("h1", title),
            *lead,
            tag("nav", *links, aria_label="Sections"),
        ),
        tag("main", *[content for _, _, content in parts]),
        tag("footer", foot),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en', dir='ltr')}\n"


def _style() -> str:
    return resources.files("pipelines.report").joinpath("page.css").read_text(encoding="utf-8")


def _sections(figures: Mapping[str, Any]) -> list[tuple[str, str, Markup]]:
    """Anchor, title and content of the sections that have something to show."""
    run = figures.get("training")
    found = {
        ("sources", "Sources"): sources(figures["sources"]) if "sources" in figures else None,
        ("corpora", "Corpora"): corpora(figures["corpora"]) if "corpora" in figures else None,
        ("duplicates", "Duplicates"): duplicates(figures["duplicates"]) if "duplicates" in figures else None,
        ("mixing", "Mixing"): mixing(figures["shares"]) if "shares" in figures else None,
        ("tokenizer", "Tokenizer"): tokenizer(figures["tokenizer"]) if "tokenizer" in figures else None,
        ("packing", "Packing"): packing(figures["packing"]) if "packing" in figures else None,
        ("rows", "Rows"): rows(figures["rows"]) if "rows" in figures else None,
        ("training", "Training"): training(run, figures.get("shares")) if run else None,
        ("samples", "Samples"): samples(run["samples"]) if run else None,
        ("provenance", "Provenance"): provenance(figures["provenance"]),
    }
    return [(anchor, title, content) for (anchor, title), content in found.items() if content is not None]


def summary_sentence(summary: Mapping[str, Any]) -> str:
    """What was built, in two or three sentences, as far as it has come."""
    said = []
    if summary["documents"] is not None:
        text = (
            f"{plural(summary['documents'], 'document')} in {plural(summary['languages'], 'language')} from "
            f"{plural(summary['sources'], 'source')}"
        )
        if summary["rows"] is not None:
            text += f" became {plural(summary['rows'], 'row')} of {summary['row_tokens']} tokens"
        said.append(f"{text}.")
    bits = summary["bits_per_byte"]
    if summary["steps"]:
        text = f"A model of {short(summary['parameters'] or 0)} parameters was trained on them for "
        text += plural(summary["steps"], "step")
        if bits["before"] and bits["after"]:
            text += f", from {decimal(bits['before'])} to {decimal(bits['after'])} bits per byte of validation text"
        said.append(f"{text}.")
    if summary["rows"] is not None:
        verified = summary["verified"]
        said.append(
            f"All {plural(verified['files'], 'file')} of the dataset were read back and match their seal."
            if verified
            else "The dataset has not been verified since it was built."
        )
    return " ".join(said)


def _tiles(summary: Mapping[str, Any]) -> Markup:
    bits, verified = summary["bits_per_byte"], summary["verified"]
    tiles: list[tuple[str, str]] = []
    if summary["tokens"] is not None:
        tiles.append((short(summary["tokens"]), "tokens in rows"))
        tiles.append((f"{count(summary['rows'])} × {summary['row_tokens']}", "rows × tokens"))
    if summary["bytes"] is not None:
        tiles.append((size(summary["bytes"]), f"of text in {plural(summary['documents'], 'document')}"))
    if summary["vocab_size"] is not None:
        tiles.append((count(summary["vocab_size"]), "ids in the vocabulary"))
    if summary["parameters"]:
        tiles.append((short(summary["parameters"]), "parameters"))
        tiles.append((count(summary["steps"]), "training steps"))
    if bits and bits["before"] and bits["after"]:
        change = f"{decimal(bits['before'], 2)} → {decimal(bits['after'], 2)}"
        tiles.append((change, f"validation bits per byte, down to {share(bits['after'] / bits['before'])}"))
    if verified:
        tiles.append(("verified", f"{verified['level']}: {count(verified['files'])} files, {size(verified['bytes'])}"))
    elif summary["rows"] is not None:
        tiles.append(("not verified", "arcorp verify reads every byte"))
    return tag(
        "ul", *[tag("li", tag("b", value), tag("span", name), class_="tile") for value, name in tiles], class_="tiles"
    )
