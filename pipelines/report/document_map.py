"""Map of documents: a sample of them in islands of similar words, each point with the colour of its source.

Where there is one source, the colours are those of languages. Sample documents of the page are among the points, and
are links to their texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipelines.html import (
    Figures,
    Markup,
    Section,
    colours_of,
    count,
    figure,
    join,
    language,
    language_colours,
    legend,
    plural,
    section,
    table,
    tag,
)
from pipelines.report.clusters import find_clusters
from pipelines.report.documents import document_anchor
from pipelines.report.folders import Folders
from pipelines.stages.documents import STATISTICS

DOCUMENTS, CHARS, PARTS = 800, 2000, 4
"""Documents on the map, about; characters of each that count; parts that are read for each source and language."""
TITLE = 70
"""Characters of the title of a document: the beginning of its first line."""
SIDE, EDGE = 1000, 40
"""Side of the map and its margin, in units of its own."""


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return points and islands; neither where the documents are too few or too alike to divide."""
    if not folders.documents:
        return None
    from pipelines.stages.document_samples import spread_documents

    documents = {each["id"]: each for each in spread_documents(folders.documents, DOCUMENTS, CHARS, PARTS)}
    shown = {each["id"]: each for each in _kept_samples(folders)}
    mapped = list((shown | documents).values())
    clusters = find_clusters([each["text"] for each in mapped])
    if clusters is None:
        return {"points": [], "islands": []}
    points = [
        {
            "id": each["id"],
            "source": each["source"],
            "language": each["language"],
            "title": next(iter(each["text"].strip().splitlines()), "")[:TITLE],
            "island": island,
            "place": place,
            "shown": each["id"] in shown,
        }
        for each, island, place in zip(mapped, clusters.of, clusters.places, strict=True)
    ]
    islands = [
        {"words": words, "centre": centre, "radius": radius}
        for words, centre, radius in zip(clusters.words, clusters.centres, clusters.radii, strict=True)
    ]
    return {"points": points, "islands": islands}


def _kept_samples(folders: Folders) -> list[dict[str, Any]]:
    """Return the sample documents of the page that were kept: id, source, language and the beginning of the text."""
    from corpora.document_statistics import merge

    read = [folder.read_json(STATISTICS) for folder in folders.documents if STATISTICS in folder.manifest.files]
    return [
        {"id": each["id"], "source": source, "language": each["language"], "text": each["text"]}
        for source, kinds in (merge(read)["samples"] if read else {}).items()
        for each in kinds.get("kept", [])
    ]


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section with the map; none without points."""
    points, islands = figures["points"], figures["islands"]
    if not points:
        return []
    sources = Counter(point["source"] for point in points)
    key = "source" if len(sources) > 1 else "language"
    colours = colours_of(sorted(sources, key=lambda name: (-sources[name], name)))
    if key == "language":
        colours = language_colours(name for name, _ in Counter(point["language"] for point in points).most_common())
    inside = [[point for point in points if point["island"] == number] for number in range(len(islands))]
    rows = [
        (
            str(number),
            tag(
                "bdi",
                "، ".join(island["words"]) if _arabic(island["words"]) else ", ".join(island["words"]),
                dir="auto",
            ),
            count(len(members)),
            ", ".join(f"{source} {count(n)}" for source, n in Counter(p["source"] for p in members).most_common()),
            ", ".join(language(name) for name, _ in Counter(p["language"] for p in members).most_common(3)),
        )
        for number, (island, members) in enumerate(zip(islands, inside, strict=True), 1)
    ]
    lead = (
        f"{plural(len(points), 'document')}, chosen evenly from all sources, in {plural(len(islands), 'island')} of "
        "similar words, named by words that are more frequent there than elsewhere. Islands with similar words are "
        "near each other. No model is involved: the distances are those of weighted word counts."
    )
    chart = figure(
        "Documents by their words",
        f"A point is a document and has the colour of its {key}. A larger point with a rim is a link to its text, "
        "which is among the documents to look at.",
        tag(
            "div",
            _chart(points, islands, [colours[point[key]] for point in points]),
            class_="scroll",
            tabindex=0,
            role="group",
            aria_label="Map",
        ),
        legend=legend({language(name): colour for name, colour in colours.items()}),
    )
    numbers = tag("div", table(["#", "words", "#documents", "sources", "languages"], rows), class_="map-table")
    return [section("map", "Map of documents", lead, chart, numbers, name="Map")]


def _arabic(words: Sequence[str]) -> bool:
    return any("\u0600" <= char <= "\u06ff" for word in words for char in word)


def _chart(points: Sequence[Figures], islands: Sequence[Figures], colours: Sequence[int]) -> Markup:
    discs = [
        tag("circle", cx=_at(island["centre"][0]), cy=_at(island["centre"][1]), r=_length(island["radius"]))
        for island in islands
    ]
    dots = [_dot(point, colour) for point, colour in zip(points, colours, strict=True)]
    names = [
        tag(
            "text",
            f"{number}\u200e {' · '.join(island['words'][:2])}",
            x=_at(island["centre"][0]),
            y=_at(island["centre"][1]) - _length(island["radius"]) - 4,
        )
        for number, island in enumerate(islands, 1)
    ]
    heights = [island["centre"][1] + island["radius"] for island in islands]
    height = _at(max(heights)) + EDGE / 2
    return tag(
        "svg",
        tag("g", *discs, class_="islands"),
        tag("g", *dots),
        tag("g", *names, class_="names", aria_hidden="true"),
        role="group",
        aria_label="Map of documents. The table below lists its islands.",
        viewBox=f"0 0 {SIDE} {height:.0f}",
        class_="map",
        dir="auto",
    )


def _at(share: float) -> float:
    return EDGE + (SIDE - 2 * EDGE) * share


def _length(share: float) -> float:
    return (SIDE - 2 * EDGE) * share


def _dot(point: Figures, colour: int) -> Markup:
    hint = f"{point['title']} · {language(point['language'])} · {point['id']}"
    dot = tag(
        "circle",
        tag("title", hint),
        cx=_at(point["place"][0]),
        cy=_at(point["place"][1]),
        r=6.0,
        class_=f"f{colour} linked" if point["shown"] else f"f{colour}",
    )
    if not point["shown"]:
        return dot
    return tag("a", dot, href=f"#{document_anchor(point['id'])}", aria_label=join([point["title"] or point["id"]]))
