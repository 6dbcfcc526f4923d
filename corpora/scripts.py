"""The script in which a text is written, from a sample of its letters.

A script is recognised by the first byte of its letters in UTF-8, so that a sample costs a few passes over its bytes.
Scripts that share first bytes are one class, `OTHER`.
"""

from __future__ import annotations

import string

OTHER = "other"
"""Class of the scripts that are not distinguished: those of India, China, Japan, Korea, Ethiopia and others."""

_SAMPLE = 64
"""Characters at the beginning and in the middle of a text that are counted, of each."""

_FIRST_BYTES: dict[str, bytes] = {
    "Arab": bytes([*range(0xD8, 0xDC), 0xEF]),  # U+0600-06FF; presentation forms
    "Latn": string.ascii_letters.encode() + bytes(range(0xC3, 0xCA)),
    "Cyrl": bytes(range(0xD0, 0xD4)),
    "Grek": bytes([0xCE, 0xCF]),
    "Hebr": bytes([0xD7]),
    OTHER: bytes([0xD4, 0xD5, *range(0xDC, 0xE2), *range(0xE3, 0xEE)]),
}
_OTHER_BYTES = bytes(set(range(256)).difference(*_FIRST_BYTES.values()))


def main_script(text: str, sample: int = _SAMPLE) -> str:
    """Return the script of more than half of the letters: Arab, Latn, Cyrl, Grek, Hebr, OTHER; "" if there is none.

    sample  characters at the beginning, and as many in the middle, that are counted
    """
    if len(text) > 2 * sample:
        middle = len(text) // 2
        text = text[:sample] + text[middle : middle + sample]
    letters = text.encode("utf-8", "replace").translate(None, _OTHER_BYTES)
    for script, first_bytes in _FIRST_BYTES.items():
        if 2 * len(letters.translate(None, first_bytes)) < len(letters):
            return script
    return ""


def is_other_script(label: str, script: str) -> bool:
    """Return True if text in a script, as `main_script` names it, is not in the script of a language label."""
    _, _, expected = label.partition("_")
    return bool(script and expected) and script != (expected if expected in _FIRST_BYTES else OTHER)
