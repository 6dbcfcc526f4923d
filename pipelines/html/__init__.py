"""Pages that open from disk: one HTML file without fonts or images, which requests nothing from the network.

markup    escaped HTML and SVG elements
palette   colours of series and languages
charts    bars, stacked bars, phases and curves as inline SVG
plots     histograms, grids and planes as inline SVG
elements  formatted numbers, tables, figures, sections, texts with a direction
page      the whole page: head, navigation, sections, foot and script (`page.html`, `page.css`, `page.js`)
"""

from pipelines.html import charts, plots
from pipelines.html.charts import Bar, Label, Line, Piece, Stack
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
    of_all,
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
from pipelines.html.palette import INK, MANY, colours_of, language_colours

__all__ = [
    "INK",
    "MANY",
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
    "colours_of",
    "count",
    "decimal",
    "figure",
    "folded",
    "join",
    "language",
    "language_colours",
    "legend",
    "named",
    "of_all",
    "passage",
    "plots",
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
