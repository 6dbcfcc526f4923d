"""Books of classical documents in OpenITI mARkdown.

A book is a file in `<quarter century>AH/data/` with the name of its URI, `<death AH><Author>.<Title>.<Version>-ara1`.
It begins with `######OpenITI#` and `#META#` lines. A document is a `### |` heading and `# ` paragraphs, whose
continuation lines begin with `~~`. `%~%` separates the halves of a verse, `PageV01P001` follows the text of its page,
and `ms1` follows every 300 words. As in the release, most books have no vowel signs; vocalised documents are in books
of their own. Scheme: https://openiti.org (mARkdown). The details follow 416 files of the 2023 repositories.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corpora.demo.corpus import DemoDocument

_BOOK_CHARS = 26_000
_PAGE_CHARS = 1200
_MILESTONE_WORDS = 300
_VERSE = " *** "
_AUTHORS = (
    (285, "DemoRawi", "الراوي"),
    (310, "DemoWarraq", "الوراق"),
    (344, "DemoKatib", "الكاتب"),
    (402, "DemoAdib", "الأديب"),
    (456, "DemoRahhal", "الرحال"),
    (511, "DemoMuaddib", "المؤدب"),
)
_TITLES = (
    ("Akhbar", "كتاب الأخبار"),
    ("Nawadir", "كتاب النوادر"),
    ("Tarajim", "كتاب التراجم"),
    ("Hikam", "كتاب الحكم والآداب"),
    ("Masalik", "كتاب المسالك"),
    ("Majmuc", "المجموع"),
)
_SUFFIXES = (".mARkdown", ".completed", "", "")


@dataclass(slots=True)
class _Pages:
    """Position in a book: characters on the page, words since the last milestone, numbers of page and milestone."""

    chars: int = 0
    words: int = 0
    page: int = 1
    milestone: int = 1

    def marked(self, text: str) -> str:
        """Return a paragraph with page ends and milestones inserted between its words."""
        out = []
        for word in text.split(" "):
            out.append(word)
            self.chars += len(word) + 1
            self.words += 1
            if self.words == _MILESTONE_WORDS:
                out.append(f"ms{self.milestone}")
                self.words, self.milestone = 0, self.milestone + 1
            if self.chars >= _PAGE_CHARS:
                out.append(self.end())
        return " ".join(out)

    def end(self) -> str:
        """Return the mark of the page's end, and begin the next page."""
        mark = f"PageV01P{self.page:03}"
        self.chars, self.page = 0, self.page + 1
        return mark


def _body(documents: list[DemoDocument]) -> str:
    pages = _Pages()
    lines = []
    for document in documents:
        title, *paragraphs = document.text.split("\n")
        lines.append(f"### | {title}")
        for paragraph in paragraphs:
            if _VERSE in paragraph:
                lines.append(f"# {pages.marked(paragraph.replace(_VERSE, ' %~% '))}")
            elif paragraph:
                wrapped = textwrap.wrap(pages.marked(paragraph), 72, break_long_words=False, break_on_hyphens=False)
                lines.append("\n~~".join([f"# {wrapped[0]}", *wrapped[1:]]))
        lines.append("")
    return "\n".join([*lines, f"# {pages.end()}", ""])


def _book(number: int, documents: list[DemoDocument]) -> tuple[Path, str]:
    died, name, arabic = _AUTHORS[number % len(_AUTHORS)]
    title, arabic_title = _TITLES[(number + number // len(_AUTHORS)) % len(_TITLES)]
    author, book = f"{died:04}{name}", f"{died:04}{name}.{title}{number + 1}"
    version = f"{book}.Demo{number + 1:06}-ara1{_SUFFIXES[number % len(_SUFFIXES)]}"
    quarter = f"{-(-died // 25) * 25:04}AH"
    meta = {
        "000.SortField": f"Demo_{number + 1:06}",
        "000.BookURI": f"#{died:04}.{name}.{title}",
        "010.AuthorAKA": arabic,
        "010.AuthorNAME": f"أبو الحسن {arabic}",
        "011.AuthorBORN": "NODATA",
        "011.AuthorDIED": str(died),
        "020.BookTITLE": arabic_title,
        "021.BookSUBJ": "الأدب",
        "022.BookVOLS": "1",
        "030.LibURI": f"Demo_{number + 1:06}",
        "040.EdEDITOR": "NODATA",
        "043.EdPUBLISHER": "NODATA",
    }
    header = "\n".join(f"#META# {key}\t:: {value}" for key, value in meta.items())
    text = f"######OpenITI#\n\n\n{header}\n\n#META#Header#End#\n\n{_body(documents)}"
    return Path(quarter, "data", author, book, version), text


def write_books(folder: Path, documents: Iterable[DemoDocument]) -> list[Path]:
    """Write documents as books of about 26,000 characters below `folder`. Returns the paths of the files, in order."""
    books: list[list[DemoDocument]] = []
    open_books: dict[bool, tuple[list[DemoDocument], int]] = {}
    for document in documents:
        book, size = open_books.get(document.vocalised, ([], 0))
        if not book:
            books.append(book)
        book.append(document)
        size += len(document.text)
        open_books[document.vocalised] = (book, size) if size < _BOOK_CHARS else ([], 0)
    paths = []
    for number, book in enumerate(books):
        relative, text = _book(number, book)
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        paths.append(path)
    return paths
