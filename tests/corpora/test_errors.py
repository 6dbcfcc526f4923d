"""Exceptions say what to do, and survive the way back from a worker process."""

import pickle

import pytest

from corpora.errors import BadInput, UnknownSource
from corpora.sources import SOURCES, find_source


def test_bad_input_is_one_sentence_with_file_place_reason_and_mend() -> None:
    error = BadInput("a.zst", "is truncated", place="byte 7", mend="fetch it again")
    assert str(error) == "a.zst, byte 7: is truncated; fetch it again"


def test_bad_input_comes_back_from_a_worker_as_it_was() -> None:
    error = BadInput("a.zst", "is truncated", place="byte 7", mend="fetch it again")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, BadInput)
    assert (str(again), again.file, again.place) == (str(error), error.file, error.place)


@pytest.mark.parametrize(("typo", "meant"), [("fineweb2", "fineweb-2"), ("openitti", "openiti"), ("Oscar", "oscar")])
def test_an_unknown_source_is_answered_with_the_closest_name(typo: str, meant: str) -> None:
    with pytest.raises(UnknownSource, match=meant):
        find_source(typo)


def test_every_source_is_found_by_its_own_name() -> None:
    assert len(SOURCES) >= 20
    for name in SOURCES:
        assert find_source(name).name == name
