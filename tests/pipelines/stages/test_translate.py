"""The stage translate: the same bytes for any number of workers and after a stop, every sentence counted."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install 'arcorp[translate]'")

from builds import tree
from translation_models import LOOPS, STAYS, VANISHES, sentences, translated

from corpora.groups import groups_of
from pipelines import cli
from pipelines.recipe import TranslateOptions
from pipelines.run import Context, run_stage
from pipelines.stages.translate import translate_stage
from sharding import seal
from sharding.seal import Sealed

ALL = sentences()
LANGUAGES = ["--source", "en", "--target", "ar"]


def ingest(folder: Path, texts: list[str], *arguments: str) -> Path:
    """Write texts as a folder of documents."""
    file = folder / "texts.jsonl"
    file.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    out = folder / "documents"
    assert cli.run(["ingest", "jsonl", str(file), "--out", str(out), "--workers", "1", *arguments]) == 0
    return out


@pytest.fixture
def stories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Documents of two paragraphs in row groups of some documents each."""
    texts = [f"{ALL[n]} {ALL[n + 1]}\n\n  {ALL[-n]}" for n in range(100)]
    with monkeypatch.context() as patched:  # of this process alone: workers write row groups of the usual size
        patched.setattr("corpora.documents.ROW_GROUP", 1_000)
        return ingest(tmp_path, texts, "--language", "eng_Latn")


def options(translators: Path, kind: str = "opus", **more: Any) -> TranslateOptions:
    return TranslateOptions(
        **{"model": str(translators / kind), "source": "eng_Latn", "target": "arb_Arab", "beam": 2, **more}
    )


def test_documents_are_translated_line_by_line_and_name_text_and_model(translators: Path, tmp_path: Path) -> None:
    text = f"{ALL[0]} {ALL[50]}\n\n\t12\n{ALL[99]}"
    documents = ingest(tmp_path, [text], "--language", "eng_Latn")
    out = tmp_path / "translated"
    model = translators / "nllb"
    assert cli.run(["translate", str(documents), "--model", str(model), *LANGUAGES, "--out", str(out)]) == 0
    [row] = pq.read_table(out / "part-00000.parquet").to_pylist()
    [before] = pq.read_table(documents / "part-00000.parquet").to_pylist()
    assert row["text"] == f"{translated(ALL[0])} {translated(ALL[50])}\n\n\t12\n{translated(ALL[99])}"
    assert (row["id"], row["language"], row["category"]) == (f"{before['id']}@arb_Arab", "arb_Arab", "arabic")
    metadata = json.loads(row["metadata"])
    assert metadata["cluster"] == before["id"]  # with its original on one side of the validation split
    assert metadata["translation"] == {
        "model": "nllb",
        "digest": Sealed(out).manifest.inputs["model"],
        "language": "eng_Latn",
        "text": text,
    }
    assert {line["language"] for line in Sealed(out).manifest.summary["strata"]} == {"arb_Arab"}


def test_near_deduplication_leaves_a_translation_in_the_group_of_its_original(
    translators: Path, tmp_path: Path
) -> None:
    """The three are dropped for the first, and so are their translations: validation must hold out both or neither."""
    text = " ".join(ALL[::5])
    texts = [text, f"{text} {ALL[1]}", f"{text} {ALL[2]}", " ".join(ALL[3::5])]
    documents = ingest(tmp_path, texts, "--language", "eng_Latn")
    translation, unique = tmp_path / "translation", tmp_path / "unique"
    run_stage(translate_stage(translation, [documents], options(translators)), Context())
    folders = [str(documents), str(translation)]
    assert cli.run(["dedup", *folders, "--method", "minhash", "--out", str(unique)]) == 0
    rows = {}
    for part in sorted(unique.glob("*.parquet")):
        table = pq.read_table(part)
        rows |= dict(zip(table["id"].to_pylist(), groups_of(table).to_pylist(), strict=True))
    assert len(rows) == 4
    assert rows == {name: name.removesuffix("@arb_Arab") for name in rows}


def test_every_sentence_is_counted_and_documents_with_too_many_missing_are_dropped(
    translators: Path, tmp_path: Path
) -> None:
    texts = [
        " ".join(ALL[:20]),
        " ".join([*ALL[20:29], STAYS]),  # a tenth
        " ".join([*ALL[40:45], LOOPS, VANISHES, LOOPS]),
        VANISHES,
        "1234 56\n--",
    ]
    documents = ingest(tmp_path, texts, "--language", "eng_Latn")
    run_stage(translate_stage(tmp_path / "out", [documents], options(translators, "nllb")), Context())
    counts = Sealed(tmp_path / "out").manifest.counts
    assert all(unit.balanced for unit in counts.values())
    assert (counts["documents"].input, counts["documents"].out) == (5, 2)
    assert counts["documents"].dropped == {
        "translation repeated": 1,
        "translation empty": 1,
        "nothing to translate": 1,
    }
    assert (counts["sentences"].input, counts["sentences"].out) == (39, 29)
    assert counts["sentences"].dropped == {"other script": 1, "repeated": 2, "empty": 2, "document dropped": 5}
    second = pq.read_table(tmp_path / "out" / "part-00000.parquet").to_pylist()[1]
    assert second["text"] == " ".join(map(translated, ALL[20:29]))
    assert json.loads(second["metadata"])["translation"]["missing"] == {"other script": 1}
    strict = translate_stage(tmp_path / "strict", [documents], options(translators, "nllb", max_missing=0.05))
    assert run_stage(strict, Context()).sealed.manifest.counts["documents"].out == 1


def test_one_and_two_workers_and_a_stopped_run_seal_the_same_bytes(
    translators: Path, stories: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        stage = translate_stage(tmp_path / str(workers), [stories], options(translators))
        outcome = run_stage(stage, Context(workers=workers))
    parts = outcome.made
    assert parts >= 8
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    stopped = tmp_path / "2"
    (stopped / seal.MANIFEST).unlink()
    (stopped / "part-00001.json").unlink()
    (stopped / "part-00002.parquet").write_bytes((stopped / "part-00002.parquet").read_bytes()[:100])
    again = run_stage(stage, Context(workers=1))
    assert (again.made, again.kept) == (2, parts - 2)
    assert tree(stopped) == tree(tmp_path / "1")
    assert run_stage(stage, Context()).idle


def test_a_folder_of_another_model_or_search_is_not_continued(
    translators: Path, stories: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run_stage(translate_stage(out, [stories], options(translators)), Context())
    changed = Path(shutil.copytree(translators / "opus", tmp_path / "opus"))
    with (changed / "config.json").open("a") as file:
        file.write("\n")
    for model, more, named in ((changed, ["--beam", "2"], "model"), (translators / "opus", ["--beam", "1"], "beam")):
        assert cli.run(["translate", str(stories), "--model", str(model), *LANGUAGES, "--out", str(out), *more]) == 2
        error = capsys.readouterr().err
        assert named in error
        assert "--restart" in error


def test_other_documents_are_refused_before_anything_is_translated(
    translators: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, more, named in (
        ("arabic", ["--language", "arb_Arab"], "arb_Arab"),
        ("code", ["--language", "eng_Latn", "--category", "code"], "code"),
    ):
        (tmp_path / name).mkdir()
        documents = ingest(tmp_path / name, ALL[:2], *more)
        out = tmp_path / name / "out"
        model = str(translators / "opus")
        assert cli.run(["translate", str(documents), "--model", model, *LANGUAGES, "--out", str(out)]) == 2
        assert named in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["{documents}", "--model", "{tmp}/nothing", "--out", "{tmp}/o"], 3, "nothing"),
        (["{documents}", "--model", "{documents}", "--out", "{tmp}/o"], 3, "model.bin"),
        (["{documents}", "--model", "{opus}"], 2, "--out"),
        (["--model", "{opus}", "--text", "--out", "{tmp}/o"], 2, "--out"),
        (["{documents}", "--out", "{tmp}/o"], 2, "model"),
        (["{opus}", "--model", "{opus}", "--out", "{tmp}/o"], 5, "opus"),
    ],
)
def test_a_command_that_cannot_run_names_what_is_wrong(
    translators: Path, tmp_path: Path, arguments: list[str], code: int, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = ingest(tmp_path, ALL[:2], "--language", "eng_Latn")
    capsys.readouterr()
    places = {"documents": documents, "tmp": tmp_path, "opus": translators / "opus"}
    assert cli.run(["translate", *LANGUAGES, *(word.format(**places) for word in arguments)]) == code
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error


def test_without_its_packages_translation_names_the_extra(
    translators: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = ingest(tmp_path, ALL[:2], "--language", "eng_Latn")
    monkeypatch.setattr("pipelines.stages.translate.PACKAGES", ("ctranslate2", "not_installed"))
    model = str(translators / "opus")
    assert cli.run(["translate", str(documents), "--model", model, *LANGUAGES, "--out", str(tmp_path / "o")]) == 2
    error = capsys.readouterr().err
    assert "not_installed" in error
    assert "arcorp[translate]" in error


def test_a_model_that_changes_between_planning_and_a_worker_is_refused(
    translators: Path, stories: Path, tmp_path: Path
) -> None:
    from pipelines.errors import Failure

    model = Path(shutil.copytree(translators / "opus", tmp_path / "opus"))
    stage = translate_stage(tmp_path / "out", [stories], options(tmp_path))
    shutil.copy(model / "config.json", model / "kept")
    with (model / "config.json").open("a") as file:
        file.write("\n")
    with pytest.raises(Failure, match="opus"):
        run_stage(stage, Context())


def test_lines_of_stdin_are_translated_one_for_one(
    translators: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(given: bytes) -> tuple[int, bytes, str]:
        out = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
        model = str(translators / "nllb")
        return cli.run(["translate", "--text", "--model", model, *LANGUAGES]), out.getvalue(), capsys.readouterr().err

    lines = [f"{ALL[3]} {ALL[77]}", "", STAYS, ALL[5]]
    code, out, error = run("\r\n".join(lines).encode())
    assert code == 0
    assert out.decode().split("\n") == [f"{translated(ALL[3])} {translated(ALL[77])}", "", "", translated(ALL[5]), ""]
    assert "line 3" in error
    code, out, error = run(f"{ALL[0]}\n".encode() + b"Sara \xff\n")
    assert (code, out.decode()) == (3, f"{translated(ALL[0])}\n")
    assert "line 2, byte 5" in error


RECIPE = """
name: bilingual
corpora:
  - {source: jsonl, input: texts.jsonl, language: eng_Latn}
  - source: jsonl
    input: texts.jsonl
    language: eng_Latn
    translate: {model: nllb, source: eng_Latn, target: arz_Arab, beam: 2}
tokenizer: {vocab_size: 300}
pack: {row_tokens: 32, validation: {share: 0.1}}
phases: [{name: all, steps: 2}]
train: {layers: 1, width: 32, heads: 2, batch_rows: 2}
"""


@pytest.fixture
def bilingual(translators: Path, tmp_path: Path) -> Path:
    """A recipe of texts and their translation, beside the texts and the model."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    shutil.copytree(translators / "nllb", tmp_path / "nllb")
    texts = [f"{ALL[n]} {ALL[-n]}" for n in range(60)] + [STAYS]
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts))
    )
    return tmp_path / "recipe.yaml"


def test_a_recipe_builds_documents_and_their_translation_and_reports_both(bilingual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build = ["build", str(bilingual), "--out", str(out), "--workers", "1"]
    assert cli.run([*build, "--until", "verify"]) == 0
    strata = {line["language"]: line["documents"] for line in Sealed(out / "unique").manifest.summary["strata"]}
    assert strata == {"eng_Latn": 61, "arz_Arab": 60}
    assert cli.run(["verify", str(out / "dataset"), "--level", "deep"]) == 0
    rows = pq.read_table(out / "dataset" / "documents").to_pylist()
    assert len({row["id"].partition("@")[0] for row in rows}) == 61
    assert cli.run(["report", str(out)]) == 0
    figures = json.loads((out / "report.json").read_bytes())
    assert not figures.get("aside")
    plain, translation = figures["sources"]["corpora"]
    assert plain["translation"] is None
    assert translation["translation"]["documents"]["dropped"] == {"translation other script": 1}
    assert translation["dedup"]["documents"]["in"] == 60
    assert [stage["documents"] for stage in figures["sources"]["funnel"][:4]] == [122, 122, 121, 121]
    kept = {kind["language"]: kind["kept"]["documents"] for kind in figures["corpora"]["kinds"]}
    assert kept == {"eng_Latn": 61, "arz_Arab": 60}
    before = tree(out)
    assert cli.run([*build, "--until", "verify"]) == 0
    assert tree(out) == before


def test_a_build_refuses_a_bad_model_before_it_reads_a_document(
    bilingual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nllb" / "model.bin").unlink()
    out = tmp_path / "out"
    assert cli.run(["build", str(bilingual), "--out", str(out)]) == 3
    assert "model.bin" in capsys.readouterr().err
    assert not (out / "documents").exists()
