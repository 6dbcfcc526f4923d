"""The elements of a page: formatted numbers, tables, charts with their tables, sections, texts with a direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpora.languages import is_arabic, is_code, known
from corpora.scripts import main_script
from pipelines.html.markup import Content, Markup, join, tag
from pipelines.html.palette import MANY

Figures = Mapping[str, Any]
"""Figures of one section or of a part of it: plain data, as it is written to the JSON file beside the page."""

LANGUAGES = {
    "arb_Arab": "Modern Standard Arabic",
    "arz_Arab": "Egyptian Arabic",
    "ars_Arab": "Najdi Arabic",
    "ary_Arab": "Moroccan Arabic",
    "apc_Arab": "Levantine Arabic",
    "aeb_Arab": "Tunisian Arabic",
    "acm_Arab": "Mesopotamian Arabic",
    "afb_Arab": "Gulf Arabic",
    "arq_Arab": "Algerian Arabic",
    "ayl_Arab": "Libyan Arabic",
    "apd_Arab": "Sudanese Arabic",
    "acw_Arab": "Hijazi Arabic",
    "fas_Arab": "Persian",
    "urd_Arab": "Urdu",
    "eng_Latn": "English",
    "fra_Latn": "French",
}
"""Names of the most frequent language labels; other labels are shown as they are."""

THIN = "\u202f"
"""Narrow no-break space, between a number and its unit."""


# -- numbers ----------------------------------------------------------------------------------------------


def count(number: float | None) -> str:
    """Format 12345 as 12,345, None as a dash."""
    return "–" if number is None else f"{number:,.0f}"


def short(number: float) -> str:
    """Format 3440000 as 3.44 M; numbers below ten thousand in full."""
    return count(number) if number < 1e4 else _scaled(number, ("", "k", "M", "G", "T"))


def size(number: float) -> str:
    """Format a number of bytes as 16.4 MB; units are powers of 1,000."""
    return _scaled(number, ("B", "kB", "MB", "GB", "TB"))


def _scaled(number: float, units: Sequence[str]) -> str:
    """Format a number with three digits and the largest unit that fits; whole numbers without decimals."""
    power = 0
    while number >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    digits = count(number) if number >= 100 or number == int(number) else f"{number:.3g}"
    return f"{digits}{THIN}{units[power]}"


def share(part: float | None) -> str:
    """Format .123 as 12.3 %; shares below 1 % with two significant digits."""
    if part is None:
        return "–"
    return f"{100 * part:.1f}{THIN}%" if part >= 0.01 else f"{100 * part:.2g}{THIN}%"


def decimal(number: float | None, digits: int = 3) -> str:
    """Format a number with a fixed number of decimals, None as a dash."""
    return "–" if number is None else f"{number:.{digits}f}"


def plural(number: int, word: str, several: str = "") -> str:
    """Format a number of things: 3 sources, 1 source. `several` is the plural where it is not `word` + s."""
    return f"{count(number)} {word if number == 1 else several or f'{word}s'}"


def language(label: str) -> str:
    """Return the name of a language label: Egyptian Arabic for arz_Arab."""
    return LANGUAGES.get(label, label)


def named(label: str) -> Markup:
    """Return a language's name followed by its label."""
    name = language(label)
    return join([name] if name == label else [tag("span", name, class_="name"), " ", tag("code", label)])


def of_all(part: str, whole: str) -> Markup:
    """Return a cell with what was kept above what it was of."""
    return join([part, tag("small", f"of {whole}")])


def reasons(dropped: Mapping[str, int]) -> str:
    """Format counts by reason: 12 too short, 3 empty."""
    return ", ".join(f"{count(number)} {reason}" for reason, number in dropped.items())


# -- tables and figures -----------------------------------------------------------------------------------


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Content]],
    *,
    total: Sequence[Content] | None = None,
    narrow: bool = False,
) -> Markup:
    """Return a table that scrolls sideways inside its own box, by keyboard too.

    columns: names; those of columns of numbers begin with #. rows: one cell for each column. total: the last row.
    """
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
        tabindex=0,
        role="group",
        aria_label=f"Table: {', '.join(filter(None, (name.lstrip('#') for name in columns)))}",
    )


def _row(cells: Sequence[Content], kinds: Sequence[str | None]) -> Markup:
    return tag("tr", *[tag("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)])


def figure(
    title: str, note: str, chart: Markup, numbers: Markup | None = None, legend: Markup | None = None
) -> Markup:
    """Return a chart with title, note and legend; `numbers`, the table of its values, is folded under it."""
    caption = tag("figcaption", tag("b", title), note)
    return tag("figure", caption, legend, chart, folded("The numbers", numbers) if numbers else None)


def legend(colours: Mapping[str, int]) -> Markup:
    """Return a list of names with their colours; MANY stands for the colours of the languages."""
    return tag(
        "ul",
        *[
            tag("li", tag("i", class_="many" if colour == MANY else f"f{colour}"), name)
            for name, colour in colours.items()
        ],
        class_="legend",
    )


def tiles(values: Sequence[tuple[str, str]]) -> Markup:
    """Return the summary's tiles, one for each (value, name)."""
    return tag(
        "ul", *[tag("li", tag("b", value), tag("span", name), class_="tile") for value, name in values], class_="tiles"
    )


def folded(title: str, *content: Content) -> Markup:
    """Return content that is shown on a click on its title."""
    return tag("details", tag("summary", title), *content)


@dataclass(frozen=True)
class Section:
    """A section of a page: its anchor, its name in the navigation, and its markup."""

    anchor: str
    name: str
    content: Markup


def section(anchor: str, title: str, lead: Content, *content: Content, name: str = "") -> Section:
    """Return a section. `lead` is its first paragraph; `name` stands in the navigation instead of the title."""
    block = tag("section", tag("h2", title), tag("p", lead, class_="soft"), *content, id=anchor)
    return Section(anchor, name or title, block)


# -- texts ------------------------------------------------------------------------------------------------


def passage(content: Sequence[Content], label: str | None, *, kind: str = "") -> Markup:
    """Return text of a corpus or of a model with the direction and font of its letters and its language label.

    The letters decide the direction, and the label that of text without letters: a wrong label does not turn Arabic.
    Code is set as code, with its comments in any language.
    """
    label = label or ""
    plain = join(content).striptags()
    script = main_script(plain, len(plain)) or label.partition("_")[2]
    if is_code(known(label) or label) and (known(label) or script not in ("Arab", "Hebr")):
        lang, direction, kind = "", "ltr", f"{kind} code"
    elif script == "Arab":
        lang = label.partition("_")[0] if label.endswith("_Arab") and not is_arabic(label) else "ar"
        direction = "rtl"
    elif script == "Hebr":
        lang, direction = "", "rtl"
    else:
        lang, direction = "en" if label == "eng_Latn" else "", "auto"
    return tag("p", *content, dir=direction, lang=lang or None, class_=f"text {kind}".strip())


def token_spans(pieces: Sequence[tuple[str, int]], label: str) -> tuple[Markup, str]:
    """Return a text with a tint for each token, and a sentence that counts its tokens.

    pieces: (text, number of tokens); several tokens make up one piece where they end inside a character.
    """
    spans = [
        tag("span", text, title=f"{tokens} tokens: bytes of one character" if tokens > 1 else None)
        for text, tokens in pieces
    ]
    tokens = sum(tokens for _, tokens in pieces)
    chars = sum(len(text) for text, _ in pieces)
    counted = f"{plural(tokens, 'token')}, {decimal(chars / (tokens or 1), 2)} characters each"
    return passage(spans, label, kind="tokens"), counted
