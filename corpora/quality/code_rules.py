"""Rules of quality for source files: what nobody wrote, or nobody may take.

    licence     the licence named, or each of those one may choose of, is copyleft, non-commercial or proprietary; one
                that is not named is the reader's affair
    vendored    the path leads through a folder of other people's code
    generated   one of the first lines says that a program wrote the file, or the path does
    minified    the path says so, or the lines are 200 characters long in the mean and hold few spaces
    long_lines  a line of more than 1,000 characters, or 100 in the mean
    few_letters less than a quarter of the characters are letters or digits

Limits of lines and of letters: Chen et al., "Evaluating Large Language Models Trained on Code" (arXiv:2107.03374, 3.1)
and the cards of CodeParrot and The Stack (bigcode), which took them up.
"""

from __future__ import annotations

import re

LICENCE, VENDORED, GENERATED = "licence", "vendored", "generated"
MINIFIED, LONG_LINES, FEW_LETTERS = "minified", "long_lines", "few_letters"

_REFUSED = re.compile(
    r"\b(?:[AL]?GPL|SSPL|BUSL|Elastic|CC[- ]BY(?:[- ]\w+)?[- ](?:NC|ND|SA)|proprietary)\b", re.IGNORECASE
)
_OTHERS = re.compile(
    r"(?:^|/)(?:vendor|vendored|third[_-]?party|node_modules|bower_components|site-packages|dist-packages|Pods)/",
    re.IGNORECASE,
)
_GENERATED_PATH = re.compile(
    r"(?:_pb2(?:_grpc)?\.py|\.pb\.go|\.g\.dart|\.designer\.cs|package-lock\.json|\.lock)$", re.IGNORECASE
)
_GENERATED = re.compile(
    r"@generated|auto-?generated|automatically generated|generated (?:by|from|automatically)|do not (?:edit|modify)|"
    r"machine generated",
    re.IGNORECASE,
)
_MINIFIED_PATH = re.compile(r"[.-]min\.(?:js|css|html)$", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")
FIRST_LINES = 5


def failed_rule(text: str, path: str, licence: str) -> str:
    """The reason of the first rule that a file fails, "" if it fails none. `path`, `licence`: "" if not known."""
    if all(_REFUSED.search(choice) for choice in licence.split(" OR ")):
        return LICENCE
    if _OTHERS.search(path):
        return VENDORED
    if _GENERATED_PATH.search(path) or _GENERATED.search(_head(text)):
        return GENERATED
    lines = text.split("\n")
    longest = max(map(len, lines))
    mean = len(text) / len(lines)
    if _MINIFIED_PATH.search(path) or (mean > 200 and text.count(" ") < len(text) / 20):
        return MINIFIED
    if longest > 1000 or mean > 100:
        return LONG_LINES
    if sum(map(len, _WORDS.findall(text))) < len(text) / 4:
        return FEW_LETTERS
    return ""


def _head(text: str) -> str:
    """The first lines, as far as anyone reads."""
    return "\n".join(text[:2000].split("\n", FIRST_LINES)[:FIRST_LINES])
