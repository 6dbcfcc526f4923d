"""Exceptions of the corpora package.

CorporaError
├── BadInput        a file can't be read: file, place in it, reason, mend
│   ├── Unreachable     a remote file can't be opened or read
│   └── Changed         a file was rewritten or replaced while it was read
├── NothingFound    the inputs contain no file or no document
├── UnknownSource   no source has that name
├── UnknownLanguage no language has that name
└── Untranslatable  a model has not the languages, or documents are not in the language to translate
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from corpora.addresses import bare


class CorporaError(Exception):
    """Base class of this package's exceptions. `str()` is one sentence for users."""


class BadInput(CorporaError):
    """A file that can't be read.

    file    path, or address without secrets
    reason  description of the fault
    place   position of the fault in the file ("byte 1024", "row 17"), or ""
    mend    action that solves the problem, or ""
    """

    def __init__(self, file: str, reason: str, *, place: str = "", mend: str = "") -> None:
        file = bare(file)
        super().__init__(file, reason, place, mend)
        self.file, self.reason, self.place, self.mend = file, reason, place, mend

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.reason}" + (f"; {self.mend}" if self.mend else "")

    def __reduce__(self) -> tuple[object, ...]:
        # Pickle rebuilds an exception of a worker process from positional arguments.
        return _bad_input, (self.file, self.reason, self.place, self.mend)


def _bad_input(file: str, reason: str, place: str, mend: str) -> BadInput:
    return BadInput(file, reason, place=place, mend=mend)


class Unreachable(BadInput):
    """A remote file that can't be opened or read."""


class Changed(BadInput):
    """A file that was rewritten or replaced after it was found and before it was read to its end."""


class NothingFound(CorporaError):
    """The inputs contain no file or no document. The message names the inputs and the patterns."""


class UnknownSource(CorporaError):
    """No source has the name `name`.

    sources  names of all sources
    closest  up to three similar names
    """

    def __init__(self, name: str, sources: Iterable[str]) -> None:
        self.name, self.sources = name, tuple(sources)
        super().__init__(name, self.sources)
        self.closest = difflib.get_close_matches(name, self.sources, n=3, cutoff=0.4)

    def __str__(self) -> str:
        hint = f"did you mean {' or '.join(self.closest)}?" if self.closest else "the sources are"
        return f"no source is called {self.name!r}: {hint}" + ("" if self.closest else f" {', '.join(self.sources)}")


class UnknownLanguage(CorporaError):
    """No language has the name `name`, or its script is not known.

    names    returns names of languages, from which the closest are chosen
    closest  up to three similar names
    """

    def __init__(self, name: str, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(name, names)
        self.name = name
        by_folded = {other.casefold(): other for other in names()}
        closest = difflib.get_close_matches(name[:100].casefold(), by_folded, n=3, cutoff=0.6)
        self.closest = [by_folded[other] for other in closest]

    def __str__(self) -> str:
        hint = f"did you mean {' or '.join(self.closest)}? " if self.closest else ""
        return (
            f"no language is called {self.name[:100]!r}: {hint}write a label such as arb_Arab, a code such as arz, "
            "or a name such as 'Egyptian Arabic'"
        )


class Untranslatable(CorporaError):
    """A translation that a model can't do: its languages are others, or the documents are in other languages."""
