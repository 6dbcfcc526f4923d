"""HTML and SVG that can't be broken by what they show: text is escaped because it is text.

`tag("td", value)` escapes `value`; only what `tag` and `join` themselves return (`Markup`) passes as it is. So a
`<script>` in a document, a source's name or a generated sample is letters on a page, whatever path it took there.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = frozenset({"meta", "br", "hr"})

# Characters that HTML can't hold, controls and surrogates: shown as the replacement character.
_IMPOSSIBLE = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)} - {0x09, 0x0A, 0x0D}, "\ufffd")


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


Content = str | int | None


def text(value: Content) -> Markup:
    """A value as HTML: Markup as it is, anything else escaped, None as nothing."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape("" if value is None else str(value)).translate(_IMPOSSIBLE))


def join(parts: Iterable[Content], between: str = "") -> Markup:
    """Parts one after the other."""
    return Markup(text(between).join(text(part) for part in parts))


def tag(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """An element. Attribute names: `class_` is class, `text_anchor` is text-anchor; None and False are left out.

    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(_number(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    opening = f"<{name}{written}>"
    return Markup(opening if name in VOID else f"{opening}{join(content)}</{name}>")


def _number(value: str | float) -> str:
    """Coordinates need no more than two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
