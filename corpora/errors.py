"""What can go wrong on the way from files to documents.

CorporaError
├── BadInput        a file can't be read as what it should be: file, place in it, reason, mend
│   ├── Unreachable     it lies somewhere else, and can't be got at
│   └── Changed         it is not the file that was found: it was rewritten or replaced meanwhile
├── NothingFound    the inputs name no file, or no document came of them
└── UnknownSource   no source has that name: the closest ones are told
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from corpora.addresses import bare


class CorporaError(Exception):
    """Root of this room's exceptions; `str()` is one sentence for people."""


class BadInput(CorporaError):
    """A file that can't be read as what it should be.

    `file` is its path, or its address without secrets, `place` where in it ("byte 1024", "row 17", ""), `reason` what
    is wrong, `mend` what to do about it.
    """

    def __init__(self, file: str, reason: str, *, place: str = "", mend: str = "") -> None:
        file = bare(file)
        super().__init__(file, reason, place, mend)
        self.file, self.reason, self.place, self.mend = file, reason, place, mend

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.reason}" + (f"; {self.mend}" if self.mend else "")

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are rebuilt from positional arguments when they come back from a worker process.
        return _bad_input, (self.file, self.reason, self.place, self.mend)


def _bad_input(file: str, reason: str, place: str, mend: str) -> BadInput:
    return BadInput(file, reason, place=place, mend=mend)


class Unreachable(BadInput):
    """A file at an address that can't be got at."""


class Changed(BadInput):
    """A file that was rewritten or replaced between being found and being read to its end."""


class NothingFound(CorporaError):
    """The inputs lead to no file or no document; the message says what was looked for."""


class UnknownSource(CorporaError):
    """There is no source of that name; `closest` are the names most like it."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(name, self.known)
        self.closest = difflib.get_close_matches(name, self.known, n=3, cutoff=0.4)

    def __str__(self) -> str:
        hint = f"did you mean {' or '.join(self.closest)}?" if self.closest else "the sources are"
        return f"no source is called {self.name!r}: {hint}" + ("" if self.closest else f" {', '.join(self.known)}")
