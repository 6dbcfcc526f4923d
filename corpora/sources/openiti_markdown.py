"""Conversion of OpenITI mARkdown to plain text. Markup is removed; every word is kept or counted as removed.

The markup (survey of 416 files of seven OpenITI repositories, 72.8 M characters; tags as in oimdp's tags.py):

    ######OpenITI#             magic value; after a byte order mark in 28 % of files, five # in some
    #META# ... #META#Header#End#    header
    # text                     paragraph; `~~ text` continues the previous line
    ### | .. ### |||||||       headings; ### $ and ### $$: biographies and entries; all kept as separate lines
    ### |EDITOR| ### |PARATEXT|     modern prose up to the next heading: removed
    #####ENDNOTES# #FOOTNOTES#      notes up to the next heading: removed
    PageV01P033, PageVW0P123A  end of a page, often inside a sentence
    ms001, msA12, Milestone300 every 300 words
    first %~% second, first % second     the halves of a verse, which are separated by a tab
    @QB@ .. @QE@, @HAD9, @P12  marks around or before words; the words are kept
    (1) «1» [1] ¬              references to notes, inside a line
    |  ^  #                    ends of lines and Quran brackets of older conversions
    <a ..> </span>             HTML left by the conversion
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAGIC = re.compile(r"\ufeff?#{5,6}OpenITI#")
_HEADER_END = "#META#Header#End#"
_META = re.compile(r"#META# *([^:\n]+?)\s*::? *(.*)")
_HEADING = re.compile(r"### ?(?:\|+|\$+)")
_SECTION = re.compile(r"### ?\|(EDITOR|PARATEXT)\||#+((?:END|FOOT)NOTES)#")
_MARK = r"PageV[^P\s]*P\d+[AB]?|PageV[^\s\u0600-\u06ff]*|Milestone300|ms[A-Z]?\d+"
_ONLY_MARKS = re.compile(rf"(?:\s|{_MARK})*")
_MARKUP = re.compile(rf"{_MARK}|@[A-Z]+\d*@?|@ ?\d+(?=\s|$)|#META#|~~|[|^#¬]|_{{3,}}|\$[A-Z_]*\$")
_HTML = re.compile(r"</?(?:a|b|br|div|font|i|img|p|span|sup|u)\b[^<>]*>", re.IGNORECASE)
_VERSE = re.compile(r" *%~% *|(?<!\d) +% +")
_ANY_MARKUP = re.compile(r"[PMm@#~|^¬_$]")
_ANY_NOTE = re.compile(r"[«(\[]\d")
_PAGE_HEADING = re.compile(r"\[ص: ?\d+\]")
_NOTE = re.compile(r"(?<=\S) ?(?:«\d{1,4}»|\(\d{1,4}\)|\[\d{1,4}\])(?: (?=[،؛:.!؟»]))?")
_SPACES = re.compile(r"[ \u00a0]{2,}")


class NotOpenITI(ValueError):
    """A text that is not an OpenITI file. The message names the part that is missing."""


@dataclass(frozen=True, slots=True)
class Book:
    """A book as plain text.

    text     one paragraph per line, an empty line before headings
    removed  removed parts, joined, by reason
    meta     "author" and "title", if the header has them
    """

    text: str
    removed: dict[str, str]
    meta: dict[str, str]


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
    keep_notes  keep references to notes

    Raises NotOpenITI if the magic value or the end of the header is missing.
    """
    header, body = split_header(raw)
    removed = {"header": header}
    blocks: list[list[str]] = []  # paragraphs as lists of lines; the first item of a heading is "\n"
    section = ""
    for line in body.split("\n"):
        opened = _SECTION.match(line)
        if opened:
            section = (opened[1] or opened[2]).lower() + " section"
        elif section and _HEADING.match(line):
            section = ""
        if section:
            removed[section] = removed.get(section, "") + line + "\n"
        elif _HEADING.match(line):
            blocks.append(["\n", _HEADING.sub("", line, count=1)])
        elif blocks and blocks[-1][0] != "\n" and (line.startswith("~~") or _ONLY_MARKS.fullmatch(line)):
            blocks[-1].append(line)
        elif line:
            blocks.append([line])
    paragraphs = (_paragraph(block, removed, keep_notes) for block in blocks)
    text = "\n".join(paragraph for paragraph in paragraphs if paragraph.strip()).strip("\n")
    return Book(text, removed, _meta(header))


def _paragraph(lines: list[str], removed: dict[str, str], keep_notes: bool) -> str:
    heading = lines[0] == "\n"
    text = " ".join(line.strip(" \r\n") for line in lines)
    # A cheap search for a required character comes before each pattern, since most lines have no markup.
    if _ANY_MARKUP.search(text):
        text = _MARKUP.sub(" ", text)
    if "<" in text:
        text = _remove(_HTML, text, "html", removed)
    text = _SPACES.sub(" ", text)
    if heading:
        text = _remove(_PAGE_HEADING, text, "page heading", removed)
    elif not keep_notes and _ANY_NOTE.search(text):
        text = _NOTE.sub("", text)
    if "%" in text:
        text = _VERSE.sub("\t", text)
    text = _SPACES.sub(" ", text).strip()
    return "\n" + text if heading and text else text


def _remove(pattern: re.Pattern[str], text: str, reason: str, removed: dict[str, str]) -> str:
    matches = pattern.findall(text)
    if not matches:
        return text
    removed[reason] = removed.get(reason, "") + "".join(matches)
    return pattern.sub(" ", text)


def _meta(header: str) -> dict[str, str]:
    """Return author and title from a header of either style (`010.AuthorNAME :: ..`, `author: ..`)."""
    meta: dict[str, str] = {}
    for key, value in _META.findall(header):
        name = key.rsplit(".", 1)[-1].lower()
        for field, spellings in (
            ("author", ("authorname", "author", "auth")),
            ("title", ("booktitle", "title", "bk")),
        ):
            if name in spellings and value.strip() not in ("", "NODATA", "NOTGIVEN"):
                meta.setdefault(field, value.strip())
    return meta
