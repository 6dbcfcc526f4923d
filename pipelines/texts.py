"""Safe use of untrusted text (of a recipe, a flag, a document, a manifest) in names, job scripts, files and output.

    label, name       part of a file name: refused unless it holds letters, digits and a few signs only
    endings           short names of paths that differ
    word, directive   a value of an `#SBATCH` line: refused if it holds a sign that sbatch or a shell interprets
    line, block       text on a terminal: control and bidirectional characters are escaped
    json_text         JSON without raw control and bidirectional characters
    markdown          Markdown that renders as the text itself: no HTML, link or image
    yaml_text         YAML without raw control and bidirectional characters

A command in a job script is quoted by `shlex.join`. A shell runs only one text of a recipe: `slurm.environment`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sharding import seal

_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""C0 and C1 controls, bidirectional controls, line separators, the byte order mark, lone surrogates, tags."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_WORD_SIGNS = frozenset("_./+@:,=-")
_NAME_SIGNS = frozenset("_.+-")
_PLAIN_SIGNS = frozenset(" _.,;:()/+-'\"=%")
LONGEST_NAME = 100
"""Maximal number of UTF-8 bytes in a name."""


def _is_plain(text: str, signs: frozenset[str]) -> bool:
    """Return whether `text` holds only letters, marks and digits of any script, and characters of `signs`."""
    return all(char in signs or unicodedata.category(char)[0] in "LMN" for char in text)


# -- names ------------------------------------------------------------------------------------------------


def label(text: str) -> str:
    """Return `text` unchanged if it is a label, such as `arb_Arab`. Raises ValueError."""
    if not _LABEL.fullmatch(text) or ".." in text:
        raise ValueError("a label holds letters (a-z), digits, '_' and '-': write one such as arb_Arab")
    return text


def language(text: str) -> str:
    """Return the label of a language, given any name of it, such as `arb_Arab` of "ar". Raises ValueError."""
    from corpora.errors import UnknownLanguage
    from corpora.languages import label as language_label

    try:
        return label(language_label(text))
    except UnknownLanguage as error:
        raise ValueError(str(error)) from None


def name(text: str) -> str:
    """Return `text` unchanged if it is a name: letters of any script, digits, `_-.+`. Raises ValueError."""
    if not _is_plain(text, _NAME_SIGNS) or not text[:1].isalnum() or ".." in text or len(text.encode()) > LONGEST_NAME:
        raise ValueError(
            f"a name holds letters, digits, '_' and '-', begins with a letter or a digit and has at most "
            f"{LONGEST_NAME} bytes: choose another"
        )
    return text


def endings(paths: Sequence[Path]) -> list[str]:
    """Return short names that differ for paths that differ: their last parts, without those that all share at the end.

    a and b of out/a/tokenizer and out/b/tokenizer; x/a and y/a of x/a and y/a, where no shorter ones differ.
    """
    parts = [path.absolute().parts for path in paths]
    shared = 0
    while len(paths) > 1 and shared < min(map(len, parts)) - 1 and len({each[-1 - shared] for each in parts}) == 1:
        shared += 1
    cut = [each[: len(each) - shared] for each in parts]
    for length in range(1, max(map(len, cut), default=0) + 1):
        names = ["/".join(each[-length:]) for each in cut]
        if len(set(names)) == len(set(parts)):
            return names
    return list(map(str, paths))


def unusable(text: str) -> str | None:
    """Return why a text can't be a value of a recipe; None if it can."""
    if "\0" in text:
        return "it holds a NUL character: remove it"
    if re.search(r"[\ud800-\udfff]", text):
        return "it holds half a character (a lone surrogate): write it as UTF-8"
    return None


# -- job scripts ------------------------------------------------------------------------------------------


def word(text: str) -> str:
    """Return `text` unchanged if it can be a value of an `#SBATCH` line. Raises ValueError."""
    if not text or not _is_plain(text, _WORD_SIGNS):
        raise ValueError("a value for sbatch holds only letters, digits and _./+@:,=-: remove the other signs")
    return text


def directive(key: str, value: str) -> str:
    """Return a line `#SBATCH --key=value`. A value may contain sbatch's `%` patterns. Raises ValueError."""
    word(value.replace("%", ""))
    return f"#SBATCH --{key}={value}"


# -- terminals --------------------------------------------------------------------------------------------


def line(text: str) -> str:
    r"""Return text as one line for a terminal: hidden characters and line ends are escaped.

    >>> line("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _HIDDEN.sub(lambda match: _escaped(match[0]), text)


def block(text: str) -> str:
    """Return text as lines for a terminal: as `line`, but line feeds and tabs are kept."""
    return _HIDDEN.sub(lambda match: match[0] if match[0] in "\n\t" else _escaped(match[0]), text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


# -- files and formats ------------------------------------------------------------------------------------


def json_text(data: Any, indent: int | None = None) -> str:
    """Return JSON that keeps letters of all scripts; hidden characters in strings are escaped as `\\uXXXX`."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return _HIDDEN.sub(lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text)


def yaml_text(data: Any, **options: Any) -> str:
    """Return YAML in the order of the keys; in ASCII only if a string has hidden characters."""
    import yaml

    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, **options)
    if _HIDDEN.search(text.replace("\n", "")):
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=False, **options)
    return text


def markdown(text: str) -> str:
    r"""Return one line of Markdown that renders as `text`, also in a table: plain, or as code if it holds markup.

    >>> markdown("CC-BY-4.0"), markdown("<b>|[x](y)")
    ('CC-BY-4.0', '`<b>\\x7c[x](y)`')
    """
    text = line(" ".join(text.split()))
    if _is_plain(text, _PLAIN_SIGNS) and "://" not in text and "www." not in text.lower():
        return text
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    inner = text.replace("|", r"\x7c")  # a bar ends a table's cell, also in code
    return f"{fence}{inner}{fence}" if "`" not in inner else f"{fence} {inner} {fence}"


def signature(body: str) -> str:
    """Return the last line of a generated Markdown file: a digest of the text before it, which detects edits."""
    return f"<!-- card {seal.digest_of(body)[:16]} -->"


def is_unedited(path: Path) -> bool:
    """Return whether a file ends with the `signature` of the text before it."""
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    body, _, last = text.rstrip("\n").rpartition("\n")
    return last == signature(body)
