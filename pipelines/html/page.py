"""The whole page in one file: head with policy and style sheet, navigation, sections, foot, script.

The page reads whole without the script (`page.js`). Its policy names the hash of the script, so that the browser runs
no other, whatever text the page holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from pipelines.html.elements import Section
from pipelines.html.markup import Content, Markup, text
from pipelines.html.palette import style

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'"
"""Content security policy: the browser fetches nothing, and runs only the script with this hash."""


def render_page(
    *,
    title: str,
    kicker: str,
    lead: Sequence[Content],
    sections: Sequence[Section],
    foot: str,
    made_from: str | None = None,
) -> str:
    """Return a page.

    kicker: the line above the title. lead: the blocks between title and navigation; None is left out.
    made_from: digest of the inputs, kept in a `meta` element.
    """
    script = _file("page.js")
    return _template().render(
        title=title,
        kicker=kicker,
        lead=[block for block in lead if block is not None],
        sections=sections,
        foot=foot,
        made_from=made_from,
        policy=POLICY.format(hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),
        style=Markup(style() + _file("page.css")),
        script=Markup(script),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_file("page.html"))


def _file(name: str) -> str:
    return resources.files("pipelines.html").joinpath(name).read_text(encoding="utf-8")
