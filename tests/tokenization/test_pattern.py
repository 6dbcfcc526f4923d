"""Where words end."""

import pytest
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from tokenization.errors import OptionError
from tokenization.pattern import pattern


def pieces(text: str, digits: int = 1) -> list[str]:
    return [piece for piece, _ in Split(Regex(pattern(digits)), "isolated").pre_tokenize_str(text)]


def test_a_vocalised_word_is_one_piece() -> None:
    assert pieces("الشَّمْسُ تُشْرِقُ") == ["الشَّمْسُ", " تُشْرِقُ"]


def test_digits_of_any_script_stand_in_runs_of_at_most_the_number_asked_for() -> None:
    assert pieces("عام ١٤٤٥ / 2024") == ["عام", " ", "١", "٤", "٤", "٥", " /", " ", "2", "0", "2", "4"]
    assert pieces("١٤٤٥2024", 3) == ["١٤٤", "٥20", "24"]
    assert pieces("20245", 2) == ["20", "24", "5"]


def test_contractions_signs_and_white_space_are_pieces_of_their_own() -> None:
    assert pieces("They'll: (no)\n\n  x") == ["They", "'ll", ":", " (", "no", ")\n\n", " ", " x"]


@pytest.mark.parametrize("digits", [0, 4, -1])
def test_other_numbers_of_digits_are_refused(digits: int) -> None:
    with pytest.raises(OptionError, match=f"digits = {digits}"):
        pattern(digits)
