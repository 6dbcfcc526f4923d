"""Error messages contain file, place, reason and mend, and exceptions can be pickled."""

import pickle

import pytest

from corpora.errors import BadInput, UnknownSource
from corpora.sources import SOURCES, find_source


def test_bad_input_is_one_sentence_with_file_place_reason_and_mend() -> None:
    error = BadInput("a.zst", "is truncated", place="byte 7", mend="fetch it again")
    assert str(error) == "a.zst, byte 7: is truncated; fetch it again"


def test_bad_input_is_unchanged_by_pickling() -> None:
    error = BadInput("a.zst", "is truncated", place="byte 7", mend="fetch it again")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, BadInput)
    assert (str(copy), copy.file, copy.place) == (str(error), error.file, error.place)


@pytest.mark.parametrize(("typo", "meant"), [("fineweb2", "fineweb-2"), ("openitti", "openiti"), ("Oscar", "oscar")])
def test_the_error_for_an_unknown_source_has_the_closest_name(typo: str, meant: str) -> None:
    with pytest.raises(UnknownSource, match=meant):
        find_source(typo)


def test_every_source_is_found_by_its_own_name() -> None:
    assert len(SOURCES) >= 20
    for name in SOURCES:
        assert find_source(name).name == name
