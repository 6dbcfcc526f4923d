"""HTML and SVG elements whose content is escaped, so that no text from a corpus can change the page.

`tag("td", value)` escapes `value`. Only `Markup`, the return type of `tag` and `join`, is inserted as it is: a
`<script>` in a document, in the name of a source or in a generated sample is shown as text. MarkupSafe escapes, as it
does for the template of the page (`page.html`).
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup as Markup  # re-exported
from markupsafe import escape

Content = str | int | None
"""Content of an element: `Markup` is HTML already, other values are text, None is nothing."""

VOID = frozenset({"meta", "br", "hr"})

# Characters that HTML cannot hold (controls and surrogates) are shown as the replacement character.
_IMPOSSIBLE = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)} - {0x09, 0x0A, 0x0D}, "\ufffd")


def text(value: Content) -> Markup:
    """Return a value as HTML: `Markup` unchanged, other values escaped, None as the empty string."""
    if isinstance(value, Markup):
        return value
    return escape("" if value is None else str(value).translate(_IMPOSSIBLE))


def join(parts: Iterable[Content]) -> Markup:
    """Concatenate parts."""
    return Markup("").join(map(text, parts))


def tag(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return an element. Attributes are named with underscores (`class_`, `text_anchor`); None and False omit one.

    >>> str(tag("p", "a < b", class_="note", text_anchor="end"))
    '<p class="note" text-anchor="end">a &lt; b</p>'
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(_number(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    opening = f"<{name}{written}>"
    return Markup(opening if name in VOID else f"{opening}{join(content)}</{name}>")


def _number(value: str | float) -> str:
    """Format a coordinate with two decimals at most; return text unchanged."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
