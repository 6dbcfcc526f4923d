"""What the sections are made of: numbers as people read them, tables, charts with their tables, directed texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from corpora.languages import is_arabic
from pipelines.html.charts import COLOURS
from pipelines.html.markup import Content, Markup, join, tag

Figures = Mapping[str, Any]
"""A part of what `figures.gather` returns."""

LANGUAGES = {
    "arb_Arab": "Modern Standard Arabic",
    "arz_Arab": "Egyptian Arabic",
    "ars_Arab": "Najdi Arabic",
    "ary_Arab": "Moroccan Arabic",
    "apc_Arab": "Levantine Arabic",
    "aeb_Arab": "Tunisian Arabic",
    "acm_Arab": "Mesopotamian Arabic",
    "afb_Arab": "Gulf Arabic",
    "pes_Arab": "Persian",
    "urd_Arab": "Urdu",
    "eng_Latn": "English",
    "fra_Latn": "French",
}
"""Names of the language labels that are met most; others stand for themselves."""


THIN = "\u202f"
"""A narrow space that no line is broken at, between a number and its unit."""


# -- numbers ----------------------------------------------------------------------------------------------


def count(number: float | None) -> str:
    """12,345"""
    return "–" if number is None else f"{number:,.0f}"


def short(number: float) -> str:
    """3.44 M; whole below ten thousand."""
    return count(number) if number < 1e4 else _scaled(number, ("", "k", "M", "G", "T"))


def size(number: float) -> str:
    """16.4 MB, in powers of a thousand."""
    return _scaled(number, ("B", "kB", "MB", "GB", "TB"))


def _scaled(number: float, units: Sequence[str]) -> str:
    """Three digits and the unit that takes them; whole numbers as they are."""
    power = 0
    while number >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    digits = count(number) if number >= 100 or number == int(number) else f"{number:.3g}"
    return f"{digits}{THIN}{units[power]}"


def share(part: float | None) -> str:
    """12.3 %, finer where it is small."""
    if part is None:
        return "–"
    return f"{100 * part:.1f}{THIN}%" if part >= 0.01 else f"{100 * part:.2g}{THIN}%"


def decimal(number: float | None, digits: int = 3) -> str:
    return "–" if number is None else f"{number:.{digits}f}"


def plural(number: int, word: str) -> str:
    """3 sources, 1 source."""
    return f"{count(number)} {word}" + ("" if number == 1 else "s")


def language(label: str) -> str:
    """Egyptian Arabic for arz_Arab."""
    return LANGUAGES.get(label, label)


def named(label: str) -> Markup:
    """A language's name, and its label behind it."""
    name = language(label)
    return join([name] if name == label else [tag("span", name, class_="name"), " ", tag("code", label)])


def reasons(dropped: Mapping[str, int]) -> str:
    """12 too short, 3 empty"""
    return ", ".join(f"{count(number)} {reason}" for reason, number in dropped.items())


# -- tables and figures -----------------------------------------------------------------------------------


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Content]],
    *,
    total: Sequence[Content] | None = None,
    narrow: bool = False,
) -> Markup:
    """A table in a box of its own that scrolls if it must. A column's name that begins with # holds numbers."""
    kinds = ["n" if name.startswith("#") else None for name in columns]
    head = tag(
        "tr",
        *[tag("th", name.lstrip("#"), scope="col", class_=kind) for name, kind in zip(columns, kinds, strict=True)],
    )
    lines = [_row(row, kinds) for row in rows]
    foot = tag("tfoot", _row(total, kinds)) if total else None
    return tag(
        "div",
        tag("table", tag("thead", head), tag("tbody", *lines), foot),
        class_="scroll narrow" if narrow else "scroll",
    )


def _row(cells: Sequence[Content], kinds: Sequence[str | None]) -> Markup:
    return tag("tr", *[tag("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)])


def figure(
    title: str, note: str, chart: Markup, numbers: Markup | None = None, legend: Markup | None = None
) -> Markup:
    """A chart with its title and what to see in it; the numbers it shows are folded under it."""
    caption = tag("figcaption", tag("b", title), note)
    return tag("figure", caption, legend, chart, folded("The numbers", numbers) if numbers else None)


def legend(names: Mapping[str, int]) -> Markup:
    """Names with their colours."""
    return tag(
        "ul",
        *[tag("li", tag("i", class_=f"f{min(colour, COLOURS)}"), name) for name, colour in names.items()],
        class_="legend",
    )


def folded(title: str, *content: Content) -> Markup:
    return tag("details", tag("summary", title), *content)


def section(name: str, title: str, lead: Content, *content: Content) -> Markup:
    return tag("section", tag("h2", title), tag("p", lead, class_="soft"), *content, id=name)


# -- texts ------------------------------------------------------------------------------------------------


def passage(content: Sequence[Content], label: str | None, *, kind: str = "") -> Markup:
    """Text from a corpus or a model, in its own direction and alphabet, whatever stands around it."""
    label = label or ""
    if is_arabic(label):
        lang, direction = "ar", "rtl"
    elif label.endswith("_Arab"):
        lang, direction = label.partition("_")[0], "rtl"
    elif "_" not in label and label:
        lang, direction, kind = "", "ltr", f"{kind} code"
    else:
        lang, direction = "en" if label == "eng_Latn" else "", "auto"
    return tag("p", *content, dir=direction, lang=lang or None, class_=f"text {kind}".strip())
