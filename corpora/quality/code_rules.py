"""Quality rules for source files. A file is dropped if it is machine-written or has a restrictive licence.

    licence     the licence, or every licence of a choice, is copyleft, non-commercial or proprietary; a file without a
                licence passes, and the source decides about it
    vendored    the path contains a folder of third-party code
    generated   one of the first lines, or the path, marks a generated file
    minified    the path marks a minified file, or the mean line length is over 200 characters with few spaces
    long_lines  a line of more than 1,000 characters, or a mean line length over 100
    few_letters less than a quarter of the characters are letters or digits

The limits of lines and letters are those of Chen et al., "Evaluating Large Language Models Trained on Code"
(arXiv:2107.03374, 3.1), also used by CodeParrot and The Stack (bigcode).
"""

from __future__ import annotations

import re

LICENCE, VENDORED, GENERATED = "licence", "vendored", "generated"
MINIFIED, LONG_LINES, FEW_LETTERS = "minified", "long_lines", "few_letters"

_REFUSED = re.compile(
    r"\b(?:[AL]?GPL|SSPL|BUSL|Elastic|CC[- ]BY(?:[- ]\w+)?[- ](?:NC|ND|SA)|proprietary)\b", re.IGNORECASE
)
_VENDORED_PATH = re.compile(
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
    """Return the reason of the first rule that a source file fails, "" if it passes all.

    path: path of the file in its repository. licence: SPDX expression. Both are "" if the source has none.
    """
    if all(_REFUSED.search(choice) for choice in licence.split(" OR ")):
        return LICENCE
    if _VENDORED_PATH.search(path):
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
    """Return the first FIRST_LINES lines, at most 2,000 characters."""
    return "\n".join(text[:2000].split("\n", FIRST_LINES)[:FIRST_LINES])
