"""Wiki markup that WikiExtractor leaves in an article: references, links, categories, files, templates, tags.

    <ref ..>note</ref>  <ref name="x"/>  </ref>          notes, and their tags where the other one is missing
    [[تصنيف:..]] [[ملف:.. [[..]] ..]] [[en:..]]          categories, files, other wikis: removed
    [[page|text]] [[text]]                               links: the text stays
    {{..}}                                               templates
    <br> </div> <nowiki>                                 tags

Facts: 20,394 articles of two wikis; one in fifty has some.
"""

from __future__ import annotations

import re

from corpora.sources.cuts import Cuts

_NOTES = re.compile(r"<ref\b[^<>]{0,300}(?<!/)>[^<>]{0,2000}</ref\s*>|</?ref\b[^<>]{0,300}>", re.IGNORECASE)
_NAMESPACES = r"تصنيف|ملف|صورة|وسائط|category|file|image|media|[a-z]{2,3}(?:-[a-z]{2,8})?"
_REMOVED = re.compile(
    rf"\[\[ ?:?(?:{_NAMESPACES}) ?:[^\[\]\n]*(?:\[\[[^\[\]\n]*\]\][^\[\]\n]*){{0,20}}\]\]", re.IGNORECASE
)
_LINK = re.compile(r"\[\[([^\[\]|\n]{1,300})(?:\|([^\[\]\n]{0,300}))?\]\]")
_TEMPLATE = re.compile(r"\{\{[^{}]{0,2000}\}\}")
_TAG = re.compile(
    r"</?(?:b|br|center|code|div|em|font|gallery|i|includeonly|noinclude|nowiki|onlyinclude|p|poem|references|s|small|span"
    r"|strong|sub|sup|table|td|th|tr|tt|u)\b[^<>\n]{0,300}>",
    re.IGNORECASE,
)


def remove_markup(text: str, cuts: Cuts) -> str:
    """Remove what WikiExtractor left, and record it. Words on both sides of a mark stay apart."""
    if "<" in text:
        text = _cut(_NOTES, text, cuts)
        text = _cut(_TAG, text, cuts)
    if "[[" in text:
        text = _cut(_REMOVED, text, cuts)
        text = _LINK.sub(lambda match: _label(match, cuts), text)
        text = _cut(_REMOVED, text, cuts)
    return _cut(_TEMPLATE, text, cuts) if "{{" in text else text


def _cut(pattern: re.Pattern[str], text: str, cuts: Cuts) -> str:
    def cut(match: re.Match[str]) -> str:
        cuts.add("wiki markup", match[0])
        before, after = (
            match.string[max(0, match.start() - 1) : match.start()],
            match.string[match.end() : match.end() + 1],
        )
        return " " if before.isalnum() and after.isalnum() else ""

    return pattern.sub(cut, text)


def _label(match: re.Match[str], cuts: Cuts) -> str:
    """Return the text of a link. Its page is cut if the link has a text."""
    if match[2] is None:
        return match[1]
    cuts.add("wiki markup", match[1])
    return match[2]
