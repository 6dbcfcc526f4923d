"""Build script of `data/words.json`: `python -m corpora.quality.arabic_words_build` extracts it from spaCy.

datatrove counts words with spaCy's blank Arabic tokenizer. Its rules are regular expressions over character classes, a
list of units and currencies, and special cases. The file contains these classes and lists. The structure of the rules
is implemented in `corpora.quality.arabic_words`; this script fails if spaCy's structure has changed. Only this script
needs spaCy.

The two punctuation sets are those of datatrove's filters. White space and letters are those of the Python version that
wrote the file, so that decisions do not depend on the Python version that reads it.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "words.json"

SHAPES = {
    "prefixes": [r"\+(?![0-9])", "……", r"\.\.+", r"US\$", r"C\$", r"A\$"],
    "suffixes": ["……", r"\.\.+", r"(?<=[0-9])\+"],
    "infixes": [r"\.\.+", r"(?<=[0-9])[+\-\*^](?=[0-9-])"],
}
"""Rules of more than one character without classes and lists, as implemented in `corpora.quality.arabic_words`."""

HYPHENS = ["-", "–", "—", "--", "---", "——", "~"]


def facts() -> dict[str, Any]:
    """Return the classes and lists that `corpora.quality.arabic_words` needs, as written to the file.

    Raises RuntimeError if the structure of spaCy's rules has changed.
    """
    import spacy
    from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
    from spacy.lang import char_classes as classes
    from spacy.lang.ar import Arabic

    defaults = Arabic.Defaults
    tokenizer = spacy.blank("ar").tokenizer
    singles = {kind: _singles(getattr(defaults, kind)) for kind in ("prefixes", "suffixes", "infixes")}
    for kind, expected in SHAPES.items():
        rules = [rule for rule in getattr(defaults, kind) if len(_literal(rule)) > 1 and not _has_class(rule)]
        if rules != expected:
            raise RuntimeError(
                f"{kind} of spaCy {spacy.__version__} differ from corpora/quality/arabic_words.py: {rules}"
            )
    if tokenizer.token_match is not None:
        raise RuntimeError(f"spaCy {spacy.__version__} has a token_match for Arabic; arabic_words.py has none")
    icons = re.compile("|".join(classes.LIST_ICONS))
    if _options(classes.HYPHENS) != HYPHENS:
        raise RuntimeError(f"hyphens of spaCy {spacy.__version__} differ from corpora/quality/arabic_words.py")
    members = {
        "space": str.isspace,
        "letter": str.isalpha,
        "word": re.compile(r"\w").match,
        "decimal": re.compile(r"\d").match,
        "prefix": lambda char: char in singles["prefixes"] or icons.match(char),
        "suffix": lambda char: char in singles["suffixes"],
        "infix": lambda char: char in singles["infixes"] or icons.match(char),
        "alpha": re.compile(f"[{classes.ALPHA}]").match,
        "lower": re.compile(f"[{classes.ALPHA_LOWER}]").match,
        "upper": re.compile(f"[{classes.ALPHA_UPPER}]").match,
        "quote": re.compile(f"[{classes.CONCAT_QUOTES}]").match,
        "symbol": PUNCTUATION_SET.__contains__,
        "terminal": TERMINAL_PUNCTUATION.__contains__,
    }
    return {
        "made with": {
            "spaCy": spacy.__version__,
            "Unicode": unicodedata.unidata_version,
            "Python": ".".join(map(str, sys.version_info[:2])),
        },
        "classes": {name: _ranges(member) for name, member in members.items()},
        "after a digit": sorted({"+", *_options(classes.UNITS), *_options(classes.CURRENCY)}),
        "specials": _specials(tokenizer),
        "patterns": _patterns(tokenizer),
    }


def _specials(tokenizer: Any) -> dict[str, int]:
    """Map each special case to its number of tokens: 1, or the number of its characters."""
    specials = {}
    for text, pieces in tokenizer.rules.items():
        lengths = {len(next(iter(piece.values()))) for piece in pieces} if len(pieces) > 1 else set()
        if lengths - {1}:
            raise RuntimeError(f"spaCy splits the special case {text!r} into tokens of more than one character")
        specials[text] = len(pieces)
    return specials


def _patterns(tokenizer: Any) -> list[list[str]]:
    """Return the special cases that are split into several tokens and joined afterwards, as lists of these tokens."""
    import spacy

    bare = spacy.blank("ar").tokenizer
    bare.rules = {}
    rules = sorted(tokenizer.rules)
    patterns = [
        [token.text for token in bare(text)]
        for text in rules
        if " " in text or tokenizer.find_prefix(text) or tokenizer.find_infix(text) or tokenizer.find_suffix(text)
    ]
    return [tokens for tokens in patterns if len(tokens) > 1]


def _singles(rules: Iterable[str]) -> set[str]:
    """Return the rules that are one literal character."""
    return {_literal(rule) for rule in rules if len(_literal(rule)) == 1}


def _literal(rule: str) -> str:
    """Return a rule without backslashes."""
    return re.sub(r"\\(.)", r"\1", rule)


def _options(alternatives: str) -> list[str]:
    """Return the literal alternatives of a pattern."""
    return [_literal(option) for option in alternatives.split("|")]


def _has_class(rule: str) -> bool:
    """Return whether a rule contains one of spaCy's classes or lists, which are written to the file."""
    return len(rule) > 40 or rule.startswith(r"(?<=[0-9])(?:")


def _ranges(member: Callable[[str], Any]) -> list[int]:
    """Return the ranges of code points for which `member` is true: [first, last, first, last, ...]."""
    ends: list[int] = []
    for code in range(0x110000):
        if 0xD800 <= code <= 0xDFFF or not member(chr(code)):
            continue
        if ends and ends[-1] == code - 1:
            ends[-1] = code
        else:
            ends += [code, code]
    return ends


def main() -> None:
    """Write FILE."""
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in facts().items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


if __name__ == "__main__":
    main()
