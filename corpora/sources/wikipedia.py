"""Wikipedia, as Parquet of wikimedia/wikipedia or as output of WikiExtractor.

reads     Parquet of wikimedia/wikipedia: id, url, title, text; WikiExtractor: files wiki_NN of
          `<doc id="" url="" title="">` ... `</doc>`; with option --json,
          lines of JSON: id, revid, url, title, text
text      text, without the title that WikiExtractor repeats as its first line
id        wiki and id: ar/1177629
licence   CC BY-SA 4.0
language  from the wiki in url: ar is arb_Arab, arz is arz_Arab
category  english for eng_Latn, else arabic
dirt      HTML entities are decoded; Persian kaf and yeh, zero-width marks and presentation forms are normalised by
          `Clean`; redirects are empty articles and are dropped;
          references, links and categories that WikiExtractor left are removed (corpora/sources/wiki_markup.py)
facts     schema of wikimedia/wikipedia (not checked at the publisher); files of WikiExtractor in
          motazsaad/comparableWikiCoprus
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from corpora.reading import (
    LONGEST_LINE,
    File,
    Format,
    JsonLines,
    Kind,
    Lines,
    Lost,
    Parquet,
    Record,
    Slice,
    Stream,
    decode,
    stream_lines,
)
from corpora.sources.base import ParsedRecord, Quality, Source
from corpora.sources.cuts import Cuts
from corpora.sources.wiki_markup import remove_markup

_ATTRIBUTES = re.compile(r'(\w+)="([^"]*)"')
_DOC = re.compile(rb'<doc(?: \w+="[^"]*")+ *>')
_WIKI = re.compile(r"https?://([\w-]+)\.(?:m\.)?wikipedia\.org/")


@dataclass(frozen=True, kw_only=True)
class Wikipedia(Source):
    """Articles of Wikipedia."""

    name: ClassVar[str] = "wikipedia"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet", "wiki_[0-9]*")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"id", "url", "title", "text"}),
        frozenset({"id", "revid", "url", "title", "text"}),
    )
    EXACT: ClassVar[bool] = True
    LICENSE: ClassVar[str] = "CC-BY-SA-4.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet, or output of WikiExtractor."""
        return (Parquet("text", ("id", "url", "title", "text")), WikiExtractor())

    def _format(self, file: File, kind: Kind) -> Format:
        format_ = super()._format(file, kind)
        if isinstance(format_, WikiExtractor) and _begins_with_object(file, kind):
            return JsonLines()
        return format_

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One article, one document."""
        fields = record.value
        text, title, url = fields["text"], fields["title"] or "", fields["url"] or ""
        plain, cuts = text, Cuts()
        if isinstance(text, str):
            plain = html.unescape(text) if "&" in text else text
            if title and plain.startswith(f"{title}\n"):
                plain = plain[len(title) :].lstrip("\n")
            plain = remove_markup(plain, cuts)
        wiki = match[1] if (match := _WIKI.match(url)) else ""
        return ParsedRecord(
            text=plain,
            raw=text if plain is not text else None,
            removed=cuts.joined(),
            id=f"{wiki}/{fields['id']}" if wiki else str(fields["id"]),
            language="en" if wiki == "simple" else wiki,
            url=url,
            metadata={"title": title},
        )


def _begins_with_object(file: File, kind: Kind) -> bool:
    """Return True if a file begins with a JSON object, as WikiExtractor's option --json writes it."""
    with Stream(replace(file, reads=None), kind) as stream:  # read again, and counted, as records
        return stream.read(16).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


class WikiExtractor(Lines):
    """A file of articles, each between `<doc ...>` and `</doc>`."""

    description = "WikiExtractor's <doc> blocks"

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        """Yield the articles that begin in bytes [start, stop)."""
        head: dict[str, str] = {}
        begin = size = 0
        body: list[bytes] = []
        owned = not start  # text before the first <doc> of a later slice belongs to the previous slice
        for line in stream_lines(stream, start):
            if line.data is None:
                yield Lost(line.offset, f"line over {LONGEST_LINE >> 20} MiB", line.size)
                continue
            rest = line.data
            if head and rest.startswith(b"<doc "):
                yield Lost(begin, "no </doc>", size)
                head = {}
            size += line.size
            while True:  # a line may contain text, </doc> and the next <doc>
                if head:
                    before, closed, rest = rest.partition(b"</doc>")
                    body.append(before)
                    if not closed:
                        break
                    yield article(begin, head, body)
                    head = {}
                if line.offset >= stop:
                    return
                opened = _DOC.search(rest)
                outside = rest[: opened.start()] if opened else rest
                if outside.strip() and owned:
                    yield Lost(line.offset, "outside <doc>", len(outside))
                if not opened:
                    break
                head, owned = dict(_ATTRIBUTES.findall(opened[0].decode(errors="replace"))), True
                begin, size, body = line.offset, line.size, []
                rest = rest[opened.end() :]
        if head:
            yield Lost(begin, "no </doc>", size)


def article(begin: int, head: dict[str, str], body: list[bytes]) -> Record:
    """Return the record of an article.

    begin  byte offset of the article
    head   attributes of its <doc>
    body   its lines
    """
    text, lost = decode(body)
    fields = {key: html.unescape(head.get(key, "")) for key in ("id", "url", "title")}
    return Record(begin, {**fields, "text": text.strip("\n")}, lost)
