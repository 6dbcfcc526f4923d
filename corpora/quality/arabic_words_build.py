"""Where words begin and end in Arabic, as facts: `python -m corpora.quality.arabic_words_build` writes
`data/words.json` from spaCy.

datatrove counts words with spaCy's blank Arabic tokenizer. Its rules are regular expressions over classes of
characters, a list of units and currencies, and special cases; what is written are those classes and lists. The shape
of the rules is in `corpora.quality.arabic_words`, and this script stops if spaCy's has changed. spaCy is needed here
alone.

From datatrove come the two sets of punctuation that its filters ask for; from Python, what is white space or a letter:
of the version that wrote the file, so that a document's fate does not hang on the version that reads it.
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
"""Rules of more than one character that hold no class and no list, as `corpora.quality.arabic_words` has them."""

HYPHENS = ["-", "–", "—", "--", "---", "——", "~"]


def facts() -> dict[str, Any]:
    """All facts that `corpora.quality.arabic_words` needs. Raises RuntimeError if spaCy's rules have another shape."""
    import spacy
    from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
    from spacy.lang import char_classes as classes
    from spacy.lang.ar import Arabic

    defaults = Arabic.Defaults
    tokenizer = spacy.blank("ar").tokenizer
    singles = {kind: _singles(getattr(defaults, kind)) for kind in ("prefixes", "suffixes", "infixes")}
    for kind, wanted in SHAPES.items():
        found = [rule for rule in getattr(defaults, kind) if len(_literal(rule)) > 1 and not _holds_a_class(rule)]
        if found != wanted:
            raise RuntimeError(
                f"spaCy {spacy.__version__} has other {kind} than corpora/quality/arabic_words.py: {found}"
            )
    if tokenizer.token_match is not None:
        raise RuntimeError("spaCy has a token_match for Arabic now")
    icons = re.compile("|".join(classes.LIST_ICONS))
    if _options(classes.HYPHENS) != HYPHENS:
        raise RuntimeError("spaCy has other hyphens than corpora/quality/arabic_words.py")
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
    """Special case -> into how many tokens it falls: 1, or as many as it has characters."""
    specials = {}
    for text, pieces in tokenizer.rules.items():
        lengths = {len(next(iter(piece.values()))) for piece in pieces} if len(pieces) > 1 else set()
        if lengths - {1}:
            raise RuntimeError(f"spaCy's special case {text!r} falls into pieces of more than one character")
        specials[text] = len(pieces)
    return specials


def _patterns(tokenizer: Any) -> list[list[str]]:
    """The special cases that are looked for among the tokens of a document, as the tokens they are without them."""
    import spacy

    bare = spacy.blank("ar").tokenizer
    bare.rules = {}
    rules = sorted(tokenizer.rules)
    found = [
        [token.text for token in bare(text)]
        for text in rules
        if " " in text or tokenizer.find_prefix(text) or tokenizer.find_infix(text) or tokenizer.find_suffix(text)
    ]
    return [tokens for tokens in found if len(tokens) > 1]


def _singles(rules: Iterable[str]) -> set[str]:
    return {_literal(rule) for rule in rules if len(_literal(rule)) == 1}


def _literal(rule: str) -> str:
    """A rule without its backslashes."""
    return re.sub(r"\\(.)", r"\1", rule)


def _options(alternatives: str) -> list[str]:
    return [_literal(option) for option in alternatives.split("|")]


def _holds_a_class(rule: str) -> bool:
    """Whether a rule is made of one of spaCy's classes or lists, which are written out above."""
    return len(rule) > 40 or rule.startswith(r"(?<=[0-9])(?:")


def _ranges(member: Callable[[str], Any]) -> list[int]:
    """First and last code point of each range of characters that belong: [first, last, first, last, ...]."""
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
    """Write the file."""
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in facts().items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


if __name__ == "__main__":
    main()
