"""Marks of OpenITI mARkdown that stand in the text, and what each conversion left there: removed, named, counted.

PageV01P033, PageVW0P123A, PageBegV00P222a, PageV01P030:    the end of a page
FolioV21P002A, NoteV00P015N01, <4>                          leaf of a manuscript, note, page of another edition
[ص: 67]                    page of the printed book. Amid a line it may be a citation of sura 38, Sad
PageV01P258 [ 259 ], --- ... الصفحة 6 ... ---, ----NO PAGE NO------, EMPTY PAGE?         numbers of pages
ms001, msA12, Milestone300 every 300 words
@QB@ .. @QE@, @QUR@016, @HAD9, @P12, $RWY$, $BIO_MAN$, #$#TYPE, ~:section:       tags; the words around them stay
first %~% second, first % second, % first % % second % 2         halves of a verse, with its number in the poem
[image file](./0001.png), <a href=..>, <tlb>, &lt;                  images, links, HTML
|  ^  #  ~  @  $  ===  ___  ----                            ends of lines, brackets, rules
"""

from __future__ import annotations

import re

from corpora.sources.cuts import Cuts

PAGE = "\ufdd0"
"""Stands for a page mark; a noncharacter, which no text has."""

_PAGES = re.compile(r"Page(?:Beg|End)?V(?:[^P\s]*P\d+(?:[A-Za-z](?![A-Za-z]))?|[^\s\u0600-\u06ff]*):?")
_MARKS = {  # by the text that each begins with, since a literal is searched for at the speed of memory
    "ms": re.compile(r"ms(?<![A-Za-z]ms)[A-Z]?\d+(?![A-Za-z\d])"),
    "Milestone": re.compile(r"Milestone\d+"),
    "NoteV": re.compile(r"NoteV\d+P\d+N\d+"),
    "FolioV": re.compile(r"FolioV\w*P\d+[A-Z]?"),
    "@": re.compile(r"@(?<![A-Za-z0-9]@)(?:[A-Z]{2,}\d*@?\d*(?![a-z])|[A-Z]\d+|[A-Z]+@| ?\d+(?=\s|$))"),
    "#": re.compile(r"#META#|#\$#[A-Z]+\d*|#(?:FROM|TOWA|DIST|TYPE|PROV|STTL|REG[\dX])\d*"),
    "$": re.compile(r"\$[A-Z][A-Z_]*\$?"),
    "~:": re.compile(r"~:[a-z]+:"),
}
_LAST_NUMBER = re.compile(r"\d{1,9}(?=\D*$)")
_PAGE_NUMBER = re.compile(r"([\s#-]*)\[ *(\d{1,4}) *\]")
_FURNITURE = re.compile(
    r"(?<!-)-{3,} *\.{3}[ .]*+(?:الصفحة)?[ .]*+\d+[ .]*+-{3,}|(?<!-)-{2,} ?NO PAGE NO ?-{2,}|EMPTY PAGE\??"
)
_PRINTED_PAGE = re.compile(r"\[ *ص *[:.]? *(\d{1,4}) *\]")
_IMAGE = re.compile(
    r"(?:\[(?=!\[[^\]]{0,200}\]\([^)]{0,400}\)\]\())?!\[[^\]]{0,200}\]\([^)]{0,400}\)(?:\]\([^)]{0,400}\))?"
)
_LINK = re.compile(r"(?<=\])\((?:https?:|\.\.?/)[^)\s]{0,400}\)")
_HTML = re.compile(r"</?[A-Za-z][^<>\n]{0,400}>|<!--[^\n]{0,400}?-->|<\d{1,4}>")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|nbsp|zwnj|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SYMBOLS = {
    "___": re.compile("___+"),
    "===": re.compile("===+"),
    "----": re.compile("----+"),
    "@": re.compile(r"@(?<![A-Za-z0-9.]@)(?![A-Za-z])"),
    "$": re.compile(r"\$(?<!\S\$)(?!\S)"),
}
_VERSE = re.compile(r" *(?:%~%?|(?<!\S)%+(?!\S))[ %~]*")
_HALVES = re.compile(r" *%~% *|(?<![\d\s]) +%+(?!\S)[ %]*")
_BLANKS = re.compile("  +")
_LINE_START = 60
"""Most characters of the marks that begin a line."""
_VERSE_NUMBER = re.compile(r"(?<=%) *(\d{1,3})$")
_SAD = 88
"""Ayas of sura Sad, whose name is one letter: [ص: 23] may cite it."""


def remove_marks(body: str, cuts: Cuts) -> tuple[str, list[str]]:
    """Remove the marks that have letters or digits. Page marks become PAGE.

    Returns the body and the names of the pages, in order.
    """
    names = [name.rstrip(":") for name in _PAGES.findall(body)]
    body = cuts.remove(_PAGES, body.replace(PAGE, ""), "page marks", PAGE)
    for start, pattern in _MARKS.items():
        if start in body:
            body = cuts.remove(pattern, body, "marks")
    return body, names


def remove_page_numbers(pages: list[str], names: list[str], cuts: Cuts) -> list[str]:
    """Remove the number of the printed page, `[ 259 ]`, with which a page begins.

    pages  texts between page marks
    names  names of the marks that end the pages; the last page has none
    """
    kept = pages[:1]
    for page, name in zip(pages[1:], names, strict=True):
        printed = _PAGE_NUMBER.match(page)
        if printed and 0 <= int(printed[2]) - int((_LAST_NUMBER.search(name) or "0")[0]) <= 2:
            cuts.add("page marks", printed[0][len(printed[1]) :])
            page = printed[1] + page[printed.end() :].lstrip(" ")
        kept.append(page)
    return kept


def remove_furniture(body: str, cuts: Cuts) -> str:
    """Replace lines that only number a page by PAGE."""
    return cuts.remove(_FURNITURE, body, "page marks", PAGE) if "---" in body or "EMPTY PAGE" in body else body


def remove_images(body: str, cuts: Cuts) -> str:
    """Remove images, which may be parted by line ends."""
    return cuts.remove(_IMAGE, body, "images") if "![" in body else body


def remove_html(text: str, cuts: Cuts) -> str:
    """Remove addresses of links, HTML and entities, in joined lines. A tag parts words, as a space does."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: _entity(match, cuts), text)
    if "](" in text:
        text = cuts.remove(_LINK, text, "html")
    return cuts.remove(_HTML, text, "html") if "<" in text else text


def _entity(match: re.Match[str], cuts: Cuts) -> str:
    cuts.add("html", match[0])
    return _ENTITIES.get(match[1], " ")


def remove_printed_pages(text: str, cuts: Cuts) -> str:
    """Replace the numbers of printed pages by PAGE. A citation of sura Sad stays: it is out of the count of pages.

    A number on its own line, above 88, or next in the count is a page. A number behind a closing bracket or quotation
    mark is a citation.
    """
    last = -2

    def cut(match: re.Match[str]) -> str:
        nonlocal last
        number, start = int(match[1]), match.start()
        line = text[max(0, start - _LINE_START) : start].rpartition("\n")[2].strip("#| \t~" + PAGE)
        before = text[max(0, start - 2) : start].rstrip()[-1:]
        alone = not line and text[match.end() : match.end() + 1] in "\n "
        if alone or number > _SAD or (0 <= number - last <= 3 and before not in "})»﴾﴿\"'”]"):
            last = number
            cuts.add("page marks", match[0])
            return PAGE
        return match[0]

    return _PRINTED_PAGE.sub(cut, text)


def halves(text: str, cuts: Cuts) -> str:
    """Replace the marks between the halves of a verse by a tab. Remove those around them and the verse's number."""
    text = _BLANKS.sub(" ", text)
    if "%~%" not in text and not text.startswith("% "):
        return _HALVES.sub("\t", text).strip()
    number = _VERSE_NUMBER.search(text)
    if number:
        cuts.add("verse numbers", number[1])
        text = text[: number.start()]
    return _VERSE.sub("\t", text).strip()


def remove_symbols(text: str) -> str:
    """Remove the marks that are symbols alone. ¬ is replaced by nothing: it is inside brackets."""
    text = text.replace("¬", "")
    for symbol in "|^~#":
        text = text.replace(symbol, " ")
    for start, pattern in _SYMBOLS.items():
        if start in text:
            text = pattern.sub(" ", text)
    return text
