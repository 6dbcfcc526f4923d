"""The table of character classes equals Python's for characters that are in both."""

import unicodedata

import numpy as np

from tokenization.model import LETTER, MARK, NUMBER, SPACE, character_classes


def test_characters_that_unicode_has_long_had_are_classed_as_python_classes_them() -> None:
    table = character_classes()
    majors = {"L": LETTER, "M": MARK, "N": NUMBER}
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    expected = np.array([majors.get(unicodedata.category(chr(point))[0], 0) for point in points], np.uint8)
    unassigned = np.array([unicodedata.category(chr(point)) == "Cn" for point in points])
    differ = (expected != (table[points] & (LETTER | MARK | NUMBER))) & ~unassigned
    assert not differ.any()


def test_white_space_is_unicode_white_space() -> None:
    spaces = {chr(point) for point in np.flatnonzero(character_classes() & SPACE).tolist()}
    # str.isspace includes the separators U+001C to U+001F, which do not have the property White_Space.
    assert spaces == {chr(point) for point in range(0x110000) if chr(point).isspace()} - set("\x1c\x1d\x1e\x1f")
