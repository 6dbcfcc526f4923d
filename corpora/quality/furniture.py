"""Page furniture: lines of a book that are no text. arcorp's own profiles do not count them.

Rules between pages (=====, * * *), numbers of pages (12, [12], - 12 -, ص 12, صفحة ١٢, ج 1 ص 12, PageV01P012), and
lines of other signs. Scans and exports of books hold thousands of them; the rules of repetition would drop good books.
"""

from __future__ import annotations

import re

_PAGE = r"(?:PageV\d+P\d+|(?:ص|صفحة|الصفحة|ج|الجزء|page|pp?|vol)\.?[^\w\n]{0,3}\d{1,5})"
_FURNITURE = re.compile(
    rf"^(?=[^\n])(?:[\W_](?<!\n))*(?:{_PAGE}[^\w\n]*)*(?:\d{{1,5}}[^\w\n]*)?$\n?", re.MULTILINE | re.IGNORECASE
)


def without_furniture(text: str) -> str:
    """Return a text without the lines that are page furniture. Empty lines stay."""
    return _FURNITURE.sub("", text)
