"""Pages that open from disk: one HTML file without scripts, fonts or images, which requests nothing from the network.

markup    escaped HTML and SVG elements
charts    bars, stacked bars, phases and curves as inline SVG
elements  formatted numbers, tables, figures, sections, texts with a direction
page      the whole page: head, navigation, sections and foot (`page.html`, `page.css`)
"""

from pipelines.html import charts
from pipelines.html.charts import COLOURS, Bar, Label, Line, Piece, Stack
from pipelines.html.elements import (
    THIN,
    Figures,
    Section,
    count,
    decimal,
    figure,
    folded,
    language,
    legend,
    named,
    passage,
    plural,
    reasons,
    section,
    share,
    short,
    size,
    table,
    tiles,
    token_spans,
)
from pipelines.html.markup import Content, Markup, join, tag
from pipelines.html.page import render_page

__all__ = [
    "COLOURS",
    "THIN",
    "Bar",
    "Content",
    "Figures",
    "Label",
    "Line",
    "Markup",
    "Piece",
    "Section",
    "Stack",
    "charts",
    "count",
    "decimal",
    "figure",
    "folded",
    "join",
    "language",
    "legend",
    "named",
    "passage",
    "plural",
    "reasons",
    "render_page",
    "section",
    "share",
    "short",
    "size",
    "table",
    "tag",
    "tiles",
    "token_spans",
]
