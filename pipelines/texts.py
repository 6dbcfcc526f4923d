"""How text from outside (a recipe, a flag, a document, a manifest) becomes a name, a line of a job script, Markdown,
JSON or a line on a terminal.

    label, name       part of a file name: refused unless it holds letters, digits and a few signs
    word, directive   a value of an `#SBATCH` line: refused unless it holds no sign that sbatch or a shell reads
    line, block       what a terminal shows: control and bidirectional characters are escaped
    json_text         JSON without raw control and bidirectional characters
    markdown          Markdown that renders as the text itself: no HTML, link or image
    yaml_text         YAML without raw control and bidirectional characters

A command in a job script is quoted by `shlex.join`. `slurm.environment` is the one text of a recipe that a shell runs.
"""

from __future__ import annotations

import json
import re
import unicodedata
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
"""Bytes of UTF-8 in a name."""


def _of(text: str, signs: frozenset[str]) -> bool:
    """Whether `text` holds letters, marks and digits of any script, and of other characters `signs` alone."""
    return all(char in signs or unicodedata.category(char)[0] in "LMN" for char in text)


# -- names ------------------------------------------------------------------------------------------------


def label(text: str) -> str:
    """`text` as it is if it is a label, such as `arb_Arab`. Raises ValueError."""
    if not _LABEL.fullmatch(text) or ".." in text:
        raise ValueError("a label holds letters (a-z), digits, '_' and '-': write one such as arb_Arab")
    return text


def name(text: str) -> str:
    """`text` as it is if it is a name: letters of any script, digits, `_`, `-`, `.`, `+`. Raises ValueError."""
    if not _of(text, _NAME_SIGNS) or not text[:1].isalnum() or ".." in text or len(text.encode()) > LONGEST_NAME:
        raise ValueError(
            f"a name holds letters, digits, '_' and '-', begins with a letter or a digit and has at most "
            f"{LONGEST_NAME} bytes: choose another"
        )
    return text


def unusable(text: str) -> str | None:
    """What keeps a text from being a value of a recipe, in words; None if nothing does."""
    if "\0" in text:
        return "it holds a NUL character: remove it"
    if re.search(r"[\ud800-\udfff]", text):
        return "it holds half a character (a lone surrogate): write it as UTF-8"
    return None


# -- job scripts ------------------------------------------------------------------------------------------


def word(text: str) -> str:
    """`text` as it is if it can be a value of an `#SBATCH` line. Raises ValueError."""
    if not text or not _of(text, _WORD_SIGNS):
        raise ValueError("a value for sbatch holds letters, digits and _./+@:,=- alone: remove the other signs")
    return text


def directive(key: str, value: str) -> str:
    """A line `#SBATCH --key=value`; `%` stands in a value for what sbatch fills in. Raises ValueError."""
    word(value.replace("%", ""))
    return f"#SBATCH --{key}={value}"


# -- terminals --------------------------------------------------------------------------------------------


def line(text: str) -> str:
    r"""One line for a terminal: hidden characters, line ends among them, as escapes.

    >>> line("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _HIDDEN.sub(lambda found: _escaped(found[0]), text)


def block(text: str) -> str:
    """Lines for a terminal: as `line`, but line feeds and tabs stay."""
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found[0]), text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


# -- files and formats ------------------------------------------------------------------------------------


def json_text(data: Any, indent: int | None = None) -> str:
    """JSON, readable in any script; hidden characters of its strings as `\\uXXXX`."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return _HIDDEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def yaml_text(data: Any, **options: Any) -> str:
    """YAML in the order of its keys; in ASCII alone where a string has hidden characters."""
    import yaml

    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, **options)
    if _HIDDEN.search(text.replace("\n", "")):
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=False, **options)
    return text


def markdown(text: str) -> str:
    r"""Markdown of one line that renders as `text`, in a table too: as it is, or as code if it holds markup.

    >>> markdown("CC-BY-4.0"), markdown("<b>|[x](y)")
    ('CC-BY-4.0', '`<b>\\x7c[x](y)`')
    """
    text = line(" ".join(text.split()))
    if _of(text, _PLAIN_SIGNS) and "://" not in text and "www." not in text.lower():
        return text
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    inner = text.replace("|", r"\x7c")  # a table's cell ends at a bar, in code too
    return f"{fence}{inner}{fence}" if "`" not in inner else f"{fence} {inner} {fence}"


def signature(body: str) -> str:
    """Return the last line of a generated Markdown file: it tells an edited file from an unedited one."""
    return f"<!-- card {seal.digest_of(body)[:16]} -->"


def is_unedited(path: Path) -> bool:
    """Return whether a file ends with the `signature` of the text before it."""
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    body, _, last = text.rstrip("\n").rpartition("\n")
    return last == signature(body)
