"""Language identification: used only for documents without a language, and only if the score is high enough."""

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
    (result,) = Identify(find_source("jsonl")(**options), str(model)).run([document])
    return {**result.metadata, "text": result.text}


def test_a_document_without_language_gets_the_models_label_and_the_category_of_that_language(model: Path) -> None:
    result = labelled("قال\nقال", model)
    assert (result["language"], result["category"]) == ("arb_Arab", "arabic")
    assert result["metadata"] == {"page": 7, "language_score": pytest.approx(1, abs=0.01)}
    assert result["text"] == "قال\nقال"
    result = labelled("the the", model)
    assert (result["language"], result["category"]) == ("eng_Latn", "english")
    assert labelled("the the", model, category="math")["category"] == "math"


def test_the_language_given_by_the_source_stays(model: Path) -> None:
    assert labelled("the the", model, "arz_Arab")["language"] == "arz_Arab"


def test_a_label_with_a_low_score_is_accepted_only_if_fineweb_2_accepts_it(model: Path) -> None:
    for often, seldom, expected in (("قالت ", "قال ", "arz_Arab"), ("قال ", "قالت ", "und")):
        result = labelled(often * 20 + seldom * 19, model)
        assert result["metadata"]["language_score"] == pytest.approx(0.574, abs=0.01)  # type: ignore[index]
        assert result["language"] == expected
    for text in ("\u4e2d\u6587", "\x00", "-", "قال the"):
        assert labelled(text, model)["language"] == "und"


def test_a_missing_or_broken_model_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.bin: no such file.*GlotLID"):
        labelled("نص", tmp_path / "model.bin")
    for data in (b"", b"<html>not found</html>"):
        (tmp_path / "model.bin").write_bytes(data)
        with pytest.raises(BadInput, match=r"model\.bin.*fastText.*model_v3\.bin"):
            labelled("نص", tmp_path / "model.bin")
