"""The quality classifier: its decisions are datatrove's, dropped documents are counted, a bad model is refused."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from bulk import texts
from datatrove.data import Document
from datatrove.pipeline.filters import FastTextClassifierFilter
from fasttext_model import write_model

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput
from corpora.quality import Classifier, Filter, Limits, local_model

WORDS = {"قال": "good", "عن": "good", "من": "bad", "في": "bad", "the": "other"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.bin", WORDS)


@pytest.mark.parametrize(
    ("keep", "remove"),
    [({"good": 0.4}, {}), ({"good": 0.6, "other": 0.9}, {}), ({}, {"bad": 0.5}), ({}, {"bad": 0.3, "other": 0.5})],
)
def test_decisions_on_real_documents_are_datatroves(
    samples: Path, model: Path, keep: Mapping[str, float], remove: Mapping[str, float]
) -> None:
    ours = Classifier(str(model), keep, remove)
    theirs = FastTextClassifierFilter(str(model), list(keep.items()) or None, list(remove.items()) or None)
    decisions = set()
    for name, text in texts(samples, 12):
        probe = Document(text=text, id="")
        kept, scores = ours(text)
        assert kept is bool(theirs.filter(probe)), name
        assert scores == {
            label: pytest.approx(probe.metadata[f"__label__{label}"], abs=1e-4) for label in {**keep, **remove}
        }
        decisions.add(kept)
    assert decisions == {True, False}


def test_a_text_without_a_word_of_the_model_has_no_label(model: Path) -> None:
    for text in ("\u4e2d\u6587", "\x00"):
        assert Classifier(str(model), {"good": 0.9}, {})(text)[0] is False
        assert Classifier(str(model), {}, {"bad": 0.9})(text)[0] is True


def test_dropped_documents_are_counted_and_the_scores_are_in_the_metadata(model: Path) -> None:
    columns = {"source": "text", "language": "arb_Arab", "category": "arabic", "license": ""}
    inputs = [
        Document(text=text, id=str(number), metadata={**columns, "metadata": {"page": number}})
        for number, text in enumerate(("قال عن", "من في", "x"))
    ]
    counter, aside = DocumentCounter(), list[Document]()
    for document in inputs:
        counter.count_input(len(document.text.encode()), len(document.text))
    step = Filter(Limits(min_chars=2), counter, None, aside, Classifier(str(model), {"good": 0.5}, {}))
    (kept,) = step.run(inputs)
    counter.count_output(kept)
    assert kept.metadata["metadata"] == {"page": 0, "classifier": {"good": pytest.approx(1, abs=0.01)}}
    assert counter.balanced
    assert counter.dropped["documents"] == {"classifier": 1, "too short": 1}
    assert [document.metadata["metadata"]["filter_reason"] for document in aside] == ["classifier", "too short"]


def test_a_bad_model_is_refused_with_its_name(model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.bin.*'best'.*bad, good, other"):
        Classifier(str(model), {"best": 0.5}, {})("نص")
    with pytest.raises(BadInput, match=r"absent\.bin: no such file"):
        local_model(str(tmp_path / "absent.bin"))
    model.write_bytes(b"<html>")
    with pytest.raises(BadInput, match=r"model\.bin.*fastText.*quality\.classifier\.model"):
        Classifier(str(model), {"good": 0.5}, {})("نص")
