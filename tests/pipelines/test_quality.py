"""Quality filters in a build: profiles by source and corpus, sealed and printed reasons, dropped documents."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fasttext_model import write_model

from pipelines import cli
from pipelines.recipe import IngestOptions, QualityOptions
from sharding.seal import Sealed, hash_file


@pytest.fixture
def oscar(samples: Path) -> str:
    return str(samples / "data/oscar/OSCAR-2301")


def ingest(source: str, inputs: str, out: Path, *settings: str) -> Sealed:
    arguments = [word for setting in settings for word in ("--set", setting)]
    assert cli.run(["ingest", source, inputs, "--out", str(out), "--workers", "1", *arguments]) == 0
    return Sealed(out)


def test_a_profile_drops_documents_for_reasons_that_are_sealed_and_printed(
    oscar: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = ingest("oscar", oscar, tmp_path / "out", "quality.profile=source", "quality.keep_dropped=true")
    counts = sealed.manifest.counts["documents"]
    assert counts.dropped["line_punct_ratio"] > 200
    assert counts.input == counts.out + sum(counts.dropped.values()) == 1239
    err = capsys.readouterr().err
    assert f"{counts.dropped['line_punct_ratio']:,} line_punct_ratio" in err
    aside = pq.read_table(tmp_path / "out" / "part-00000.dropped")
    reasons = [json.loads(metadata)["filter_reason"] for metadata in aside["metadata"].to_pylist()]
    assert {why: reasons.count(why) for why in reasons} == counts.dropped
    assert "part-00000.dropped" in sealed.manifest.files


def test_options_at_their_defaults_are_not_sealed() -> None:
    assert IngestOptions().canonical()["quality"] == {"min_chars": 0, "max_chars": None}
    options = QualityOptions(profile="web", keep_dropped=True).canonical()
    assert options == {"min_chars": 0, "max_chars": None, "profile": "web", "keep_dropped": True}


def test_without_a_profile_no_document_is_dropped(samples: Path, tmp_path: Path) -> None:
    sealed = ingest("gsm8k", str(samples / "data/math/gsm8k"), tmp_path / "out")
    assert sealed.manifest.counts["documents"].out == 1319
    assert sealed.names(suffix=".dropped") == []


def test_a_corpus_of_a_recipe_can_have_its_own_profile(tmp_path: Path) -> None:
    line = "كلمة واحدة في سطر قصير لا غير"
    rows = [{"text": line}, {"text": "\n".join([line] * 9)}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = {"source": "jsonl", "input": "a.jsonl", "language": "arb_Arab"}

    def build(profile: str) -> int:
        recipe = {
            "name": "own",
            "corpora": [{**corpus, "profile": profile}],
            "quality": {"profile": "source"},
            "phases": [{"name": "all", "steps": 1}],
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(json.dumps(recipe))
        return cli.run(["build", str(path), "--out", str(tmp_path / profile), "--until", "ingest", "--workers", "1"])

    assert build("none") == 0
    sealed = Sealed(tmp_path / "none" / "documents" / "00-jsonl-arb_Arab")
    assert sealed.manifest.counts["documents"].dropped == {}
    assert build("verse") == 3  # the first text is too short, the second repeats itself: no document remains


def classified(model: Path, *settings: str, out: Path) -> int:
    given = [f"quality.classifier.model={model}", *settings]
    words = [word for setting in given for word in ("--set", setting)]
    return cli.run(["ingest", "jsonl", str(out.parent / "a.jsonl"), "--out", str(out), "--workers", "1", *words])


def test_the_digest_of_a_classifier_is_sealed_and_another_model_is_other_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in ("قال", "اشترك")))
    model = write_model(tmp_path / "model.bin", {"قال": "good", "اشترك": "bad"})
    out = tmp_path / "out"
    assert classified(model, "quality.classifier.keep.good=0.5", out=out) == 0
    manifest = Sealed(out).manifest
    assert manifest.counts["documents"].dropped == {"classifier": 1}
    assert manifest.options["quality"]["classifier"]["model"] == hash_file(model).sha256
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    assert classified(model.rename(tmp_path / "moved.bin"), "quality.classifier.keep.good=0.5", out=out) == 0
    assert "done before" in capsys.readouterr().err
    write_model(model, {"اشترك": "good", "قال": "bad"})
    assert classified(model, "quality.classifier.keep.good=0.5", out=out) == 2


def test_a_classifier_without_labels_or_with_an_unknown_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "قال"}')
    model = write_model(tmp_path / "model.bin", {"قال": "good"})
    assert classified(model, out=tmp_path / "out") == 2
    assert "keep: {good: 0.5}" in capsys.readouterr().err
    assert classified(model, "quality.classifier.keep.best=0.5", out=tmp_path / "out") == 3
    assert "model.bin has no label 'best'" in capsys.readouterr().err.replace(":", "")
    assert classified(tmp_path / "absent.bin", "quality.classifier.keep.good=0.5", out=tmp_path / "out") == 3
