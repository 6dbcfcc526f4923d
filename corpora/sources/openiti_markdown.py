"""OpenITI mARkdown to plain text: markup goes, every word stays or is in a named cut.

What the markup is (census of 416 files of seven OpenITI repositories, 72.8 M characters; tags as in oimdp's tags.py):

    ######OpenITI#             magic value; a byte order mark before it in 28 % of files, five # in some
    #META# ... #META#Header#End#    header
    # text                     paragraph; `~~ text` goes on with the line before
    ### | .. ### |||||||       headings; ### $ and ### $$: biographies and entries; all kept as lines of their own
    ### |EDITOR| ### |PARATEXT|     modern prose up to the next heading: cut
    #####ENDNOTES# #FOOTNOTES#      notes up to the next heading: cut
    PageV01P033, PageVW0P123A  after the text of its page, often amid a sentence
    ms001, msA12, Milestone300 every 300 words
    first %~% second, first % second     the halves of a verse: a tab between them
    @QB@ .. @QE@, @HAD9, @P12  marks around or before words that stay
    (1) «1» [1] ¬              references to notes, when amid a line
    |  ^  #                    ends of lines and Quran brackets of older conversions
    <a ..> </span>             HTML that conversion left
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
    """A text that is no OpenITI file; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Book:
    """`text`: paragraphs by line, a blank line before headings. `cuts`: what was left out on purpose, by reason.
    `meta`: "author", "title", where the header tells."""

    text: str
    cuts: dict[str, str]
    meta: dict[str, str]


def split_header(raw: str) -> tuple[str, str]:
    """Header and body. Raises NotOpenITI."""
    if not _MAGIC.match(raw):
        raise NotOpenITI("it does not begin with ######OpenITI#")
    end = raw.find(_HEADER_END)
    if end < 0:
        raise NotOpenITI(f"its header does not end with {_HEADER_END}")
    end += len(_HEADER_END)
    return raw[:end], raw[end:]


def parse(raw: str, *, keep_notes: bool = False) -> Book:
    """A file's text as plain text. Raises NotOpenITI."""
    header, body = split_header(raw)
    cuts = {"header": header}
    blocks: list[list[str]] = []  # paragraphs as lists of lines; a heading begins with "\n"
    section = ""
    for line in body.split("\n"):
        opened = _SECTION.match(line)
        if opened:
            section = (opened[1] or opened[2]).lower() + " section"
        elif section and _HEADING.match(line):
            section = ""
        if section:
            cuts[section] = cuts.get(section, "") + line + "\n"
        elif _HEADING.match(line):
            blocks.append(["\n", _HEADING.sub("", line, count=1)])
        elif blocks and blocks[-1][0] != "\n" and (line.startswith("~~") or _ONLY_MARKS.fullmatch(line)):
            blocks[-1].append(line)
        elif line:
            blocks.append([line])
    paragraphs = (_paragraph(block, cuts, keep_notes) for block in blocks)
    text = "\n".join(paragraph for paragraph in paragraphs if paragraph.strip()).strip("\n")
    return Book(text, cuts, _meta(header))


def _paragraph(lines: list[str], cuts: dict[str, str], keep_notes: bool) -> str:
    heading = lines[0] == "\n"
    text = " ".join(line.strip(" \r\n") for line in lines)
    # Each pattern is tried behind a plain search for what it can't do without: most lines have none of it.
    if _ANY_MARKUP.search(text):
        text = _MARKUP.sub(" ", text)
    if "<" in text:
        text = _cut(_HTML, text, "html", cuts)
    text = _SPACES.sub(" ", text)
    if heading:
        text = _cut(_PAGE_HEADING, text, "page heading", cuts)
    elif not keep_notes and _ANY_NOTE.search(text):
        text = _NOTE.sub("", text)
    if "%" in text:
        text = _VERSE.sub("\t", text)
    text = _SPACES.sub(" ", text).strip()
    return "\n" + text if heading and text else text


def _cut(pattern: re.Pattern[str], text: str, reason: str, cuts: dict[str, str]) -> str:
    found = pattern.findall(text)
    if not found:
        return text
    cuts[reason] = cuts.get(reason, "") + "".join(found)
    return pattern.sub(" ", text)


def _meta(header: str) -> dict[str, str]:
    """Author and title, as headers of either style tell them (`010.AuthorNAME :: ..`, `author: ..`)."""
    found: dict[str, str] = {}
    for key, value in _META.findall(header):
        name = key.rsplit(".", 1)[-1].lower()
        for wanted, spellings in (
            ("author", ("authorname", "author", "auth")),
            ("title", ("booktitle", "title", "bk")),
        ):
            if name in spellings and value.strip() not in ("", "NODATA", "NOTGIVEN"):
                found.setdefault(wanted, value.strip())
    return found
