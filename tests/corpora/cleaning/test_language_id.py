"""Languages told by a model: only where the source is silent, and only if the model is sure."""

from pathlib import Path

import pytest
from datatrove.data import Document
from fasttext_model import write_model

from corpora.cleaning import Identify
from corpora.errors import BadInput
from corpora.sources import find_source


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.bin", {"قال": "arb_Arab", "قالت": "arz_Arab", "the": "eng_Latn"})


def labelled(text: str, model: Path, language: str = "und", **options: str) -> dict[str, object]:
    metadata = {"language": language, "category": "arabic", "metadata": {"page": 7}}
    document = Document(text=text, id="1", metadata=metadata)
    (found,) = Identify(find_source("jsonl")(**options), str(model)).run([document])
    return {**found.metadata, "text": found.text}


def test_a_document_without_language_gets_the_models_and_the_category_that_follows(model: Path) -> None:
    found = labelled("قال\nقال", model)
    assert (found["language"], found["category"]) == ("arb_Arab", "arabic")
    assert found["metadata"] == {"page": 7, "language_score": pytest.approx(1, abs=0.01)}
    assert found["text"] == "قال\nقال"
    found = labelled("the the", model)
    assert (found["language"], found["category"]) == ("eng_Latn", "english")
    assert labelled("the the", model, category="math")["category"] == "math"


def test_what_the_source_says_stays(model: Path) -> None:
    assert labelled("the the", model, "arz_Arab")["language"] == "arz_Arab"


def test_an_unsure_label_is_taken_only_where_fineweb_2_takes_it(model: Path) -> None:
    for often, seldom, expected in (("قالت ", "قال ", "arz_Arab"), ("قال ", "قالت ", "und")):
        found = labelled(often * 20 + seldom * 19, model)
        assert found["metadata"]["language_score"] == pytest.approx(0.574, abs=0.01)  # type: ignore[index]
        assert found["language"] == expected
    for text in ("\u4e2d\u6587", "\x00", "-", "قال the"):
        assert labelled(text, model)["language"] == "und"


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.bin: no such file; give the path of GlotLID's model, or glotlid"):
        labelled("نص", tmp_path / "model.bin")
    for data in (b"", b"<html>not found</html>"):
        (tmp_path / "model.bin").write_bytes(data)
        with pytest.raises(BadInput, match="is not a fastText model"):
            labelled("نص", tmp_path / "model.bin")
