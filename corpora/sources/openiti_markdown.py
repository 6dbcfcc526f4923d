"""Conversion of OpenITI mARkdown to plain text. Markup is removed; every letter and digit is kept or in a named cut.

The lines (survey of 2,203 files of seven OpenITI repositories, 1.25 GB; tags as in oimdp's tags.py):

    ######OpenITI#             magic value; after a byte order mark in 28 % of files, five # in some
    #META# ... #META#Header#End#    header
    # text                     paragraph; `~~ text` and `# ~~ text` continue the line before
    ### | .. ### |||||||       headings; ### $ and ### $$: biographies and entries; all kept as separate lines.
                               AUTO, AUT, CHECK, [aphorism], [chapter 1: II 9] before the words are labels
    ### |EDITOR| # ### |EDITOR| ### |PARATEXT|    modern prose up to the next heading: removed
    #####ENDNOTES# #FOOTNOTES# # ENDNOTES Endnotes ENDNOTES:    notes up to the next heading: removed

`openiti_marks` has the marks inside lines, `openiti_notes` the notes and the numbers that refer to them.

A page break is no end of a paragraph: a sentence that continues behind it is joined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from corpora.sources.cuts import Cuts
from corpora.sources.openiti_marks import (
    PAGE,
    halves,
    remove_furniture,
    remove_html,
    remove_images,
    remove_marks,
    remove_page_numbers,
    remove_printed_pages,
    remove_symbols,
)
from corpora.sources.openiti_notes import endnotes, lone_numbers, remove_notes

_MAGIC = re.compile(r"\ufeff?#{5,6}OpenITI#")
_HEADER_END = "#META#Header#End#"
_META = re.compile(r"#META# *([^:\n]+?)\s*::? *(.*)")
_SECTION = re.compile(r"EDITOR|PARATEXT|NOTES?\b", re.IGNORECASE)
_SECTION = re.compile(
    r"^[ \t]*(?:~~)?(?:#[ \t]*)?(?:#{3}[|\\ \t]*+|[|\\][|\\ \t]*+)(?P<close>/|END[ _](?:OF[ _])?)?"
    r"(?P<editor>EDITOR|PARATEXT)S?(?P<closed>[ _]END)?[ \t]*(?:[|\\/][^\n]*)?$"
    r"|^[ \t~#{\[]*(?P<notes>END|FOOT)[ \-]?NOTES?[\]} \t]*[#:]*[ \t]*(?:ms\d+)?[ \t]*$"
    r"|^(?:#[ \t]*)?#{3}[ \t]*[|$]",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = re.compile(r"(?:# *)?#{3,}[ \t]*[|$]*|## ?[|$]+")
_LABEL = re.compile(
    r"\A *(?:(?:AUTO?|CHECK|NOTMATCH)(?![A-Za-z])[ ]*(?:#{3} *[|$]+ *)?)+|\b(?:NOTMATCH|AUTO?) *\Z"
    r"|\[(?:aphorism|commentary|chapter|book|part|section)\b[^\]\n]*\]|\|(?:APPENDIX|EDITOR|PARATEXT)\\?\|"
)
_BLANK_LINES = re.compile(r"\n[ \t\u00a0\n]*\n")
_CONTINUED = re.compile(r"\n[ \t\u00a0]*(?:# *)?~~+[ \t]*")
_PAGE_LINE = re.compile(rf"\n[ \t]*{PAGE}[ \t]*\n(?=[ \t]*(?:# *)?~~)")
_SHORT_HEADING = re.compile(r"^((?:# *)?###[^\n]{0,57})\n~~", re.MULTILINE)
"""A heading whose line is not full; a full one is continued in the next line."""
_ONLY_RULE = re.compile(r"[-_=ـ~ ]{3,}")
_RULE_SIGNS = tuple("-_=ـ~")
_SPACES = re.compile(r"[ \u00a0]{2,}")
_BLANKS = re.compile("  +")
_DOTS = re.compile(r"\.{3,}|…+|\*[* ]*")
_ENDS = ".؟!?:؛»)]}\"'…*-/=﴾﴿"
_MARKS_BEHIND = "،.؛:؟!"
_VERSE_LINE = 150
"""Most characters of a verse."""
_SECTION_WORDS = ("EDITOR", "ditor", "PARATEXT", "aratext", "NOTE", "note")


class NotOpenITI(ValueError):
    """A text that is not an OpenITI file. The message names the part that is missing."""


@dataclass(frozen=True, slots=True)
class Book:
    """A book as plain text.

    text     one paragraph per line, an empty line before headings, a tab between the halves of a verse
    removed  removed parts, joined, by reason
    meta     "author" and "title", if the header has them
    verse    at least half of the text is verse
    """

    text: str
    removed: dict[str, str]
    meta: dict[str, str]
    verse: bool = False


def split_header(raw: str) -> tuple[str, str]:
    """Return header and body of a file. Raises NotOpenITI if the magic value or the header's end is missing."""
    if not _MAGIC.match(raw):
        raise NotOpenITI("it does not begin with ######OpenITI#")
    end = raw.find(_HEADER_END)
    if end < 0:
        raise NotOpenITI(f"its header does not end with {_HEADER_END}")
    end += len(_HEADER_END)
    return raw[:end], raw[end:]


def parse(raw: str, *, keep_notes: bool = False) -> Book:
    """Convert the text of a file to plain text.

    raw         text of the file
    keep_notes  keep references to notes, and notes at the feet of pages

    Raises NotOpenITI if the magic value or the end of the header is missing.
    """
    header, body = split_header(raw)
    cuts = Cuts()
    cuts.add("header", header)
    if "\r" in body:
        body = body.replace("\r\n", "\n").replace("\r", "\n")
    body, sections = _without_sections(body, cuts)
    body, names = remove_marks(body, cuts)
    body = remove_images(body, cuts)
    if "~~" in body:
        body = _SHORT_HEADING.sub(r"\1\n# ", _BLANK_LINES.sub("\n", body))
        body = _CONTINUED.sub(" ", _PAGE_LINE.sub(f" {PAGE}\n", body))
    body = remove_html(body, cuts)
    pages = remove_page_numbers(body.split(PAGE), names, cuts)
    if not keep_notes:
        pages = remove_notes(pages, names, endnotes(sections), cuts)
    body = PAGE.join(pages)
    if "ص" in body:
        body = remove_printed_pages(body, cuts)
    paragraphs = _paragraphs(remove_furniture(body, cuts), cuts, keep_notes)
    text = remove_symbols("\n".join(_joined(paragraphs)))
    return Book(_tidied(text), cuts.joined(), _meta(header), _is_verse(paragraphs))


def _tidied(text: str) -> str:
    """Return a text with single spaces, and none at the ends of lines and halves."""
    text = (_SPACES if "\u00a0" in text else _BLANKS).sub(" ", text)
    for end in "\n\t":
        text = text.replace(f" {end}", end).replace(f"{end} ", end)
    return text.strip()


def _without_sections(body: str, cuts: Cuts) -> tuple[str, list[str]]:
    """Cut the sections of editors and notes. Returns the rest and the sections."""
    if not any(word in body for word in _SECTION_WORDS):
        return body, []
    kept: list[str] = []
    sections: list[str] = []
    name, start = "", 0

    def close(stop: int) -> None:
        part = body[start:stop]
        if name:
            sections.append(part)
            cuts.add(name, part)
        else:
            kept.append(part)

    for match in _SECTION.finditer(body):
        title = match["editor"] or (f"{match['notes']}notes" if match["notes"] else "")
        if not (title or name):
            continue
        close(match.start())
        name, start = f"{title.lower()} section" if title else "", match.start()
        if match["close"] or match["closed"]:
            cuts.add(name, match[0])
            name, start = "", match.end()
    close(len(body))
    return "".join(kept), sections


@dataclass(slots=True)
class _Paragraph:
    """One line of the text. `crossed`: a page break, or a number that was cut, is between it and the line before."""

    text: str
    heading: bool
    crossed: bool


def _paragraphs(body: str, cuts: Cuts, keep_notes: bool) -> list[_Paragraph]:
    paragraphs: list[_Paragraph] = []
    crossed = False
    for line in body.split("\n"):
        heading = _HEADING.match(line) if line[:1] == "#" else None
        text = line[heading.end() :] if heading else line.lstrip("# ")
        if PAGE in text:
            crossed = crossed or text.lstrip()[0] == PAGE
            ends = text.rstrip()[-1] == PAGE
            text = text.replace(PAGE, " ")
        else:
            ends = False
        text = text.strip()
        if text[:1] in _RULE_SIGNS and _ONLY_RULE.fullmatch(text):
            cuts.add("rules", text)
            text = ""
        if text and (heading or text == "NOTMATCH"):
            text = cuts.remove(_LABEL, text, "heading labels").strip()
        if "%" in text:
            text = halves(text, cuts)
        if text:
            paragraphs.append(_Paragraph(text, heading is not None, crossed))
            crossed = ends
        else:
            crossed = crossed or ends
    return paragraphs if keep_notes else _without_lone_numbers(paragraphs, cuts)


def _without_lone_numbers(paragraphs: list[_Paragraph], cuts: Cuts) -> list[_Paragraph]:
    """Cut the paragraphs that are a reference alone."""
    chosen = lone_numbers(
        [part.text for part in paragraphs], [part.heading or part.text[0] == "|" for part in paragraphs]
    )
    for index in sorted(chosen):
        cuts.add("note references", paragraphs[index].text)
        if index + 1 < len(paragraphs):
            paragraphs[index + 1].crossed = True
    return [part for index, part in enumerate(paragraphs) if index not in chosen] if chosen else paragraphs


def _joined(paragraphs: list[_Paragraph]) -> list[str]:
    """Return the lines of the text. A sentence that continues behind a page break is joined."""
    lines: list[str] = []
    for index, part in enumerate(paragraphs):
        before = paragraphs[index - 1] if index else None
        if part.heading:
            lines += ["", part.text]
        elif part.crossed and before and not before.heading and _continues(lines[-1], part.text):
            lines[-1] += part.text if part.text[0] in _MARKS_BEHIND else f" {part.text}"
        else:
            lines.append(part.text)
    return lines


def _continues(before: str, after: str) -> bool:
    """Return whether a sentence may continue from one line to the next."""
    last, first = before.rstrip(" |^")[-1:], after[0]
    if last.isdigit() or not last or last in _ENDS or " " not in before or "\t" in before or "\t" in after:
        return False
    return first.isalpha() or first in _MARKS_BEHIND or first in '«({["<'


def _is_verse(paragraphs: list[_Paragraph]) -> bool:
    """Return whether at least half of the text, without headings, is verse."""
    total = verse = 0
    for part in paragraphs:
        if not part.heading:
            size = len(part.text)
            total += size
            if part.text.count("\t") * _VERSE_LINE >= size or (size < _VERSE_LINE and _parted(part.text)):
                verse += size
    return 0 < total <= 2 * verse


def _parted(text: str) -> bool:
    """Return whether dots or stars part a line into two halves of a verse."""
    if not ("..." in text or "…" in text or "*" in text):
        return False
    parts = [len(half.strip()) for half in _DOTS.split(text) if half.strip()]
    return len(parts) == 2 and min(parts) >= 8 and max(parts) <= 2 * min(parts)


def _meta(header: str) -> dict[str, str]:
    """Return author and title from a header of either style (`010.AuthorNAME :: ..`, `author: ..`)."""
    meta: dict[str, str] = {}
    for key, value in _META.findall(header):
        name = key.rsplit(".", 1)[-1].lower()
        for kind, spellings in (
            ("author", ("authorname", "author", "auth")),
            ("title", ("booktitle", "title", "bk")),
        ):
            if name in spellings and value.strip() not in ("", "NODATA", "NOTGIVEN"):
                meta.setdefault(kind, value.strip())
    return meta
