"""SaudiNewsNet: articles of Saudi newspapers, 2015.

reads     one zip per day with a JSON array of {source, url, date_extracted, title, author, content}; or the JSON
text      title and content, separated by a line end
id        url
licence   CC BY-NC-SA 4.0, for research; the articles belong to the newspapers
language  arb_Arab
category  arabic
dirt      U+00A0, tatweel and presentation forms are normalised by `Clean`; an article that occurs twice has the same
          url, and the second is dropped ("duplicate id"). The quality profile is `none`, since the text is edited:
          many articles are one paragraph without a full stop, and `web` would drop two thirds. The line with which
          a newspaper links to its story is removed
facts     inparallel/SaudiNewsNet (31,030 articles)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Json, Record, Slice
from corpora.sources.base import ParsedRecord, Quality, Source
from corpora.sources.cuts import Cuts

_LINK = re.compile(r"(?m)^[ \t\u00a0]*رابط (?:الخبر|الموضوع|المقال|التقرير)(?: [^\n:]{1,60})? ?:[^\n]*$")


@dataclass(frozen=True, kw_only=True)
class SaudiNewsNet(Source):
    """Articles of SaudiNewsNet."""

    name: ClassVar[str] = "saudinewsnet"
    FILES: ClassVar[tuple[str, ...]] = ("*.zip", "*.json")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"content", "url", "title", "date_extracted"}),)
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "CC-BY-NC-SA-4.0"
    quality_profile: ClassVar[Quality | None] = "none"

    @property
    def formats(self) -> tuple[Format, ...]:
        """A JSON array, plain or in a zip."""
        return (Json(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One article, one document."""
        fields = record.value
        text, title = fields.get("content"), fields.get("title")
        if isinstance(text, str) and isinstance(title, str) and title:
            text = f"{title}\n{text}"
        cuts = Cuts()
        plain = cuts.remove(_LINK, text, "link to the story", "") if isinstance(text, str) and "رابط" in text else text
        return ParsedRecord(
            text=plain,
            raw=text if plain is not text else None,
            removed=cuts.joined(),
            id=fields["url"],
            url=fields["url"],
            date=fields.get("date_extracted") or "",
            metadata={"newspaper": fields.get("source")},
        )
