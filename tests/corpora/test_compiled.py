"""Functions that run in Python while there is little work give the results of their compiled code."""

import subprocess
import sys

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import compiled, document_statistics
from corpora.cleaning import Normalisation, passes
from corpora.cleaning.normalisation import normalise_texts

MARKS = "\u064b\u064c\u0651\u0653\u0670\u0301\u0327"
HOSTILE = "ابتيكـکی\u200b\u200c\u00a0\r\n\t\u0085\ufeff\ufefb\u0640\u1161" + MARKS + "aé😀"
TEXTS = st.lists(st.text(st.sampled_from(HOSTILE), max_size=60) | st.text(MARKS, min_size=30, max_size=40), min_size=1)


@given(TEXTS, st.sampled_from(["keep", "drop"]), st.sampled_from(["prose", "code"]))
def test_short_texts_are_normalised_and_counted_in_python_as_by_compiled_code(texts, tashkeel, profile):
    compiled.load()

    def results():
        normal, removed, touched = normalise_texts(list(texts), True, Normalisation(tashkeel), profile)
        array = pyarrow.chunked_array([pyarrow.array(normal, pyarrow.large_string())])
        return normal, removed.tolist(), touched.tolist(), document_statistics.counts_of(array).tolist()

    expected = results()
    with pytest.MonkeyPatch.context() as patch:
        for module in (passes, document_statistics):
            for name, value in list(vars(module).items()):
                if hasattr(value, "py_func"):
                    patch.setattr(module, name, value.py_func)
        assert results() == expected


def test_numba_is_loaded_when_there_is_work_enough_for_it():
    code = """
import sys
from corpora import compiled
from corpora.cleaning import normalise
short = normalise("مَا\u0640")
print("numba" in sys.modules)
long = normalise("مَا\u0640" * compiled.LIMIT)
print("numba" in sys.modules, long.text == short.text * compiled.LIMIT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "True"], done.stderr
