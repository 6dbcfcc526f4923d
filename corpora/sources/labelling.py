"""The language and category of a document, from its record, its path, the source's options and its text.

The first of these that is known is the language: that of the record, that of the path of its file
(`corpora.languages.label_of_path`), the option `language`, the label of the source, `und`. The option `relabel` makes
the option `language` the first.
"""

from __future__ import annotations

from functools import lru_cache

from corpora.label_counts import LabelCounts
from corpora.labels import Category
from corpora.languages import UNDETERMINED, is_code, known, label, label_of_path
from corpora.scripts import main_script

_MISSING = frozenset({"", "nan", "none", "null", "n/a", "na", "<na>", "-"})
"""Values of a column that stand for no value, as programs write them."""


class Labeller:
    """Gives the language label of each document of a source.

    option   the option `language`: any name of a language, "" if it is not given
    default  label of the source, "" if there is none
    relabel  the option replaces the languages of records and paths
    code     the documents are source code: the names in the records are labels as they stand

    Raises UnknownLanguage for an option that is no name of a language.
    """

    def __init__(self, option: str, default: str, *, relabel: bool, code: bool) -> None:
        self.option = label(option) if option and not code else option
        self.default, self.relabel, self.code = default, relabel, code

    def __call__(self, given: str, path: str, counts: LabelCounts) -> str:
        """Return the label of a document.

        given   name of the language in the record, "" if there is none
        path    of the file
        counts  counts names that are not known
        """
        if self.relabel and self.option:
            return self.option
        if self.code:  # a label has no spaces: they separate the parts of a stratum's name
            return "-".join((given or self.option or self.default or UNDETERMINED).split())
        if given:
            resolved = _named(given)
            if resolved is None:
                counts.count_unknown(given)
            elif resolved != UNDETERMINED:
                return resolved
        return label_of_path(path) or self.option or self.default or UNDETERMINED


@lru_cache(4096)
def _named(given: str) -> str | None:
    """Return the label of a name in a record: `und` if it stands for no value, None if it is not known."""
    return UNDETERMINED if given.strip().casefold() in _MISSING else known(given)


def category_by_language(language: str, text: str = "") -> Category:
    """Return the category of text in a language; text of an undetermined language has that of its script."""
    if language == UNDETERMINED:
        return "english" if main_script(text) == "Latn" else "arabic"
    if is_code(language):
        return "code"
    return "english" if language == "eng_Latn" else "arabic"
