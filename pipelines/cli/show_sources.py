"""What is shown of sources, and of the recipe that `arcorp init` wrote."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.recipe import CorpusOptions, Written, sentences_on_left_out, size_of
from pipelines.texts import line, yaml_text


def show_written(written: Written, out: Path, console: Console) -> None:
    """Show the recipe that `arcorp init` wrote: its corpora, the files that are left out, and notes."""
    rows = []
    for section, corpus in zip(written.sections, written.seen.corpora, strict=True):
        options = {key: value for key, value in section.items() if key not in ("source", "input", "language")}
        shown = yaml_text(options, default_flow_style=True, width=1000).strip()[1:-1] if options else ""
        language = "in the data" if corpus.labelled else section.get("language", "unknown")
        rows.append((corpus.source, len(corpus.files), size_of(corpus.bytes), language, shown))
    console.table(["source", "files", "text, about", "language", "options"], rows)
    left_out = written.seen.left_out
    if left_out:
        console.text(f"\nleft out: {len(left_out)} file{'s' if len(left_out) > 1 else ''}")
    for sentence in sentences_on_left_out(left_out):
        console.text(f"  {line(sentence)}")
    console.text("")
    for note in written.notes:
        console.say(note)
    result = {
        "recipe": str(out),
        "corpora": written.sections,
        "left_out": [{"file": path, "reason": reason} for path, reason in left_out],
        "notes": written.notes,
    }
    console.result(result, f"{out}: review it, then run: arcorp build {out} --out out/{out.stem}")


def show_sources(console: Console) -> None:
    """Show the sources with titles and categories."""
    from corpora.sources import SOURCES, describe

    facts = {name: describe(name) for name in SOURCES}
    console.table(
        ["source", "description", "category"],
        [(n, f["title"].rstrip("."), f.get("category", "")) for n, f in facts.items()],
    )
    console.result(facts, f"{len(facts)} sources; `arcorp sources NAME` shows one with its options")


def show_source(name: str, console: Console) -> None:
    """Show the facts and options of a source. Raises UnknownSource."""
    from corpora.sources import describe, source_options

    facts, options = describe(name), source_options(name)
    console.table(["", ""], list(facts.items())[1:], title=facts["title"])
    rows = []
    example: dict[str, Any] = {"source": name, "input": "PATH"}
    for option in options:
        beside = option.name in CorpusOptions.model_fields
        given = option.default not in (None, [])
        rows.append(
            (
                option.name if beside else f"options: {option.name}",
                option.description,
                option.kind,
                str(option.default) if given else "",
            )
        )
        if given:
            (example if beside else example.setdefault("options", {}))[option.name] = option.default
    console.text("")
    console.table(["key in a recipe", "description", "type", "default"], rows, title="Options")
    shown = yaml_text([example], default_flow_style=True, width=200).strip()[1:-1]
    console.result({**facts, "options": [asdict(option) for option in options]}, f"\ncorpora:\n  - {shown}")
