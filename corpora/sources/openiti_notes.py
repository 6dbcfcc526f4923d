"""References to notes, and notes at the foot of a page, in books of OpenITI.

A number in brackets is a reference to a note or a part of the text: a year, an article of law, an amount, an aya, a
hadith. It is a reference only if something in the book shows it:

    (¬3)             ¬ marks references and nothing else
    a note           the foot of its page, or the section of endnotes, has a note of this number. Endnotes are matched
                     by page if the section names pages, else by number and order
    the count        the library left out the notes, and the numbers of one spelling still count 1, 2, 3 on each page,
                     behind words. A number that is out of the count (a year amid references) is text
    a broken line    a paragraph is a number alone and breaks a sentence (Hindawi's books, which have no notes)

The foot of a page is what follows a line of `___` or `---` with numbered lines, or the last lines of the page if they
are numbered and the page refers to each of their numbers.

A page is the text up to a page mark. Facts: 2,203 books of seven OpenITI repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from corpora.sources.cuts import Cuts

PAGE_NAME = re.compile(r"PageV[^P\s]*P\d+[A-Za-z]?")
_NUMBER = re.compile(r"[(«\[] ?[(¬]? ?\d")
_NUMBERED = re.compile(r"\n[#~ \t]*\d{1,4} ?[-).:]")
_SPELLINGS = r"\( ?(\d{1,4}) ?\)|« ?(\d{1,4}) ?»|\[ ?(\d{1,4}) ?\]|\[ ?\( ?(\d{1,4}) ?\) ?\]"
_BRACKETED = re.compile(rf"(?:{_SPELLINGS})(?!\d)")
_SURE = re.compile(r"\( ?¬ ?(\d{1,4}) ?\)")
_STARS = re.compile(r"\(\*{1,6}\)")
_NOTE = re.compile(rf"(?m)^[#~ \t]*(?:{_SPELLINGS}|(\d{{1,4}}) ?[-).:]|\( ?¬ ?(\d{{1,4}}) ?\))[ \t]*(?=\S)")
_BARE_NOTE = re.compile(r"(?m)^[#~ \t]*()()()()(\d{1,3}) +(?=[^\d\s])")
_BARE, _NEGATED = 4, 5
_MANY = 100
"""More notes than a page has: years and amounts among references do not hide that these count."""
_RULE = re.compile(r"(?m)^[#~ \t]*+¬?(?: ?(?:_{3}|ـ{5})[_ـ ]*+(?P<word>حاشية[_ـ ]*+)?(?P<under>)| ?-{3}[- ]*+)$\n?")
_LONGEST_PAGE = 20_000
"""Most characters of a page. A book without page marks is not searched for the notes of each rule in it."""
_CLOSING = "،؛:.!؟»)]}\"',;\n"


class _Reference(NamedTuple):
    """A number in brackets: its place in the page, its spelling (1), «1», [1] or [(1)], its value."""

    start: int
    end: int
    kind: int
    number: int


@dataclass(slots=True)
class Notes:
    """Numbers of the notes that a book has, as (spelling, number); the spellings are those of `_NOTE`.

    by_page  notes of each page, by the name of its mark
    all      notes of sections that do not name pages
    """

    by_page: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    all: set[tuple[int, int]] = field(default_factory=set)


def numbers_of(text: str, bare: bool = False) -> set[tuple[int, int]]:
    """Return the numbers at the starts of lines, as (spelling, number). `bare`: also a number before a space."""
    numbers = {_numbered(match) for match in _NOTE.finditer(text)}
    return numbers | {_numbered(match) for match in _BARE_NOTE.finditer(text)} if bare else numbers


def endnotes(sections: Iterable[str]) -> Notes:
    """Return the notes of sections of endnotes. A page's mark follows its notes, or precedes them with a colon."""
    notes = Notes()
    for section in sections:
        marks = list(PAGE_NAME.finditer(section))
        if not marks:
            notes.all |= numbers_of(section, bare=True)
            continue
        before = any(section.startswith(":", mark.end()) for mark in marks)
        starts = [mark.end() for mark in marks] if before else [0, *(mark.end() for mark in marks[:-1])]
        stops = [*(mark.start() for mark in marks[1:]), len(section)] if before else [mark.start() for mark in marks]
        for mark, start, stop in zip(marks, starts, stops, strict=True):
            numbers = numbers_of(section[start:stop].removeprefix(":"), bare=True)
            if numbers:
                notes.by_page.setdefault(mark[0], set()).update(numbers)
    return notes


def remove_notes(pages: Sequence[str], names: Sequence[str], notes: Notes, cuts: Cuts) -> list[str]:
    """Remove the notes at the feet of pages and the references to notes.

    pages  texts between page marks; the last one has no mark
    names  names of the marks that end the pages, shape (len(pages) - 1,)
    notes  notes of other sections

    Returns the pages. A page whose foot was removed ends with a line end.
    """
    by_page = [set(notes.by_page.get(name, ())) for name in names] + [set()]
    kept = []
    for index, page in enumerate(pages):
        if _NUMBER.search(page) or _NUMBERED.search(page):
            page, foot = _split(page, index < len(names))
            if foot:
                cuts.add("page-foot notes", foot)
                by_page[index] |= _counted(foot)
            page = _cut(_SURE, page, cuts)
        kept.append(_cut(_STARS, page, cuts) if "(*" in page else page)
    references = [_references(page) if _NUMBER.search(page) else [] for page in kept]
    counting = _counting(kept, references) if len(pages) > 5 else set()
    if not (counting or notes.all or any(by_page)):
        return kept
    last: dict[int, int] = {}
    for index, on_page in enumerate(references):
        if on_page:
            chosen = _chosen(on_page, by_page[index], notes.all, counting, last)
            kept[index] = _without(kept[index], [(mark.start, mark.end) for mark in chosen], cuts)
    return kept


def lone_numbers(paragraphs: Sequence[str], headings: Sequence[bool]) -> set[int]:
    """Return the indices of paragraphs that are a number alone and refer to a note.

    The number breaks a sentence, or it continues the count of numbers that do. A number behind a heading is text.
    """
    lone = [index for index, text in enumerate(paragraphs) if text.isdecimal() and len(text) < 4]
    breaks = {index for index in lone if 0 < index < len(paragraphs) - 1 and _breaks(index, paragraphs, headings)}
    if not breaks or len(breaks) < 0.15 * len(lone):
        return set()
    chosen: set[int] = set()
    last = 0
    for index in lone:
        number = int(paragraphs[index])
        follows = number in (1, last + 1) and index > 0 and not headings[index - 1]
        if index in breaks or follows:
            chosen.add(index)
            last = number
    return chosen


def _breaks(index: int, paragraphs: Sequence[str], headings: Sequence[bool]) -> bool:
    """Return whether a number is amid a sentence: behind a word, and before a paragraph."""
    before = paragraphs[index - 1]
    if any(headings[index - 1 : index + 2]) or before.isdecimal():
        return False
    return " " in before and (before[-1].isalpha() or before[-1] in "،,")


def _numbered(match: re.Match[str]) -> tuple[int, int]:
    return next((kind, int(number)) for kind, number in enumerate(match.groups()) if number)


def _cut(pattern: re.Pattern[str], text: str, cuts: Cuts) -> str:
    return _without(text, [match.span() for match in pattern.finditer(text)], cuts)


def _references(text: str) -> list[_Reference]:
    """Return the numbers in brackets that do not begin a line."""
    references = []
    for match in _BRACKETED.finditer(text):
        before = match.start() - 1
        while before >= 0 and text[before] in " \u00a0":
            before -= 1
        if before < 0 or text[before] not in "\n#|$":
            references.append(_Reference(match.start(), match.end(), *_numbered(match)))
    return references


def _without(text: str, spans: Sequence[tuple[int, int]], cuts: Cuts) -> str:
    """Remove references. A space stays where two words, or a word and an opening bracket, would touch."""
    if not spans:
        return text
    pieces, end = [], 0
    for start, stop in spans:
        cuts.add("note references", text[start:stop])
        pieces.append(text[end : start - (start > end and text[start - 1] in " \u00a0")])
        end = stop + (text[stop : stop + 1] in (" ", "\u00a0"))
        pieces.append("" if text[end : end + 1] in _CLOSING else " ")
    return "".join([*pieces, text[end:]])


# -- the foot of a page -----------------------------------------------------------------------------------


def _split(page: str, ends: bool) -> tuple[str, str]:
    """Return a page and the notes at its foot, "" if it has none. `ends`: a page mark ends the page."""
    if not _NOTE.search(page):
        return page, ""
    first = None
    for rule in _RULE.finditer(page):
        if first is None or first.start() < rule.end():
            first = _NOTE.search(page, rule.end())
        if first is None:
            break
        if first.start() - rule.end() > _LONGEST_PAGE:
            continue
        under = rule["under"] is not None
        at_once = not page[rule.end() : first.start()].strip()
        if not (at_once or under):
            continue
        before = page[max(0, rule.start() - _LONGEST_PAGE) : rule.start()]
        if not (under or _refers(before, {_numbered(first)})):
            continue
        stop = len(page) if ends and not rule["word"] else _numbered_lines(page, rule.end())
        return f"{page[: rule.start()]}\n{page[stop:]}", page[rule.start() : stop]
    return _last_lines(page)


def _numbered_lines(page: str, start: int) -> int:
    """Return the end of the numbered lines from `start`."""
    stop = start
    for line in page[start:].splitlines(keepends=True):
        if line.strip("#~ \t\n") and not _NOTE.match(line):
            break
        start += len(line)
        stop = start if line.strip() else stop
    return stop


def _last_lines(page: str) -> tuple[str, str]:
    """Split off the last lines if they are numbered in order and the page refers to most of their numbers."""
    lines = page.splitlines(keepends=True)
    first = len(lines)
    numbers: list[tuple[int, int]] = []  # from the last line to the first
    for index in range(len(lines) - 1, -1, -1):
        note = _NOTE.match(lines[index])
        if note:
            if numbers and _numbered(note)[1] >= numbers[-1][1]:
                break
            numbers.append(_numbered(note))
            first = index
        elif lines[index].strip("#~ \t\n"):
            break
    before = "".join(lines[:first])
    if numbers and numbers[-1][0] != _BARE and _refers(before, set(numbers)):
        return before, page[len(before) :]
    return page, ""


def _refers(text: str, numbers: set[tuple[int, int]]) -> bool:
    """Return whether a text has references of at least 60 % of the numbers, in the same spelling."""
    text = text[-_LONGEST_PAGE:]
    known = {(mark.kind, mark.number) for mark in _references(text)}
    known |= {(_NEGATED, int(match[1])) for match in _SURE.finditer(text)}
    bare = {number for _, number in known}
    count = sum(number in bare if kind == _BARE else (kind, number) in known for kind, number in numbers)
    return count >= 0.6 * len(numbers)


def _counted(foot: str) -> set[tuple[int, int]]:
    """Return the numbers of notes: those that begin lines, and those within a line that continue the count."""
    numbers = numbers_of(foot)
    for mark in _references(foot):
        if (mark.kind, mark.number - 1) in numbers:
            numbers.add((mark.kind, mark.number))
    return numbers


# -- the choice of references -----------------------------------------------------------------------------


def _counting(pages: Sequence[str], references: Sequence[list[_Reference]]) -> set[int]:
    """Return the spellings whose numbers count from 1 on every page, behind words."""
    used, first, total, counted, behind = ([0] * _BARE for _ in range(5))
    for page, on_page in zip(pages, references, strict=True):
        last = [0] * _BARE
        for start, _, kind, number in on_page:
            if number >= _MANY:
                continue
            if not last[kind]:
                used[kind] += 1
                first[kind] += number == 1
            total[kind] += 1
            counted[kind] += number in (last[kind], last[kind] + 1)
            behind[kind] += page[max(0, start - 2) : start].rstrip()[-1:] not in tuple("،؛:,;")
            last[kind] = number
    return {
        kind
        for kind in range(_BARE)
        if used[kind] >= 5
        and first[kind] > 0.8 * used[kind]
        and counted[kind] > 0.8 * total[kind]
        and behind[kind] > 0.5 * total[kind]
    }


def _chosen(
    references: Sequence[_Reference],
    own: set[tuple[int, int]],
    others: set[tuple[int, int]],
    counting: set[int],
    last: dict[int, int],
) -> list[_Reference]:
    """Return the references of one page, of all numbers in brackets.

    own       notes of the page
    others    notes that belong to no page
    counting  spellings that count on every page
    last      number of the last reference, by spelling; is updated
    """
    chosen = []
    on_page: dict[int, int] = {}
    for mark in references:
        kind, number = mark.kind, mark.number
        counts = kind in counting and 0 <= number - on_page.get(kind, 0) <= 2
        follows = number == 1 or 0 <= number - last.get(kind, 0) <= 10
        known = follows and ((kind, number) in others or (_BARE, number) in others)
        if counts or known or (kind, number) in own or (_BARE, number) in own:
            chosen.append(mark)
            on_page[kind] = last[kind] = number
    return chosen
