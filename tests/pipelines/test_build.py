"""A whole build: the same bytes for one or two workers, idle if finished, mended if damaged; other work is refused."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builds import build, tree

from corpora import demo
from pipelines import cli
from sharding import Dataset
from sharding.seal import Sealed


def test_every_folder_of_a_build_is_sealed_with_the_digests_of_its_inputs(built):
    digests = {
        name: Sealed(built / name).digest for name in ("raw", "unique", "tokenizer", "tokens", "dataset", "verified")
    }
    inputs = {name: Sealed(built / name).manifest.inputs for name in digests}
    assert inputs["tokens"]["tokenizer"] == digests["tokenizer"]
    assert inputs["dataset"] == {"tokens": digests["tokens"]}
    assert inputs["verified"]["dataset"] == digests["dataset"]
    documents = [Sealed(path).digest for path in sorted((built / "documents").iterdir())]
    assert list(inputs["unique"].values()) == documents
    assert len(documents) == 8


def test_every_input_is_output_or_dropped_for_a_reason(built):
    ingested = [Sealed(path).manifest.counts["documents"] for path in (built / "documents").iterdir()]
    unique = Sealed(built / "unique").manifest.counts["documents"]
    tokens = Sealed(built / "tokens").manifest.counts
    packed = Sealed(built / "dataset").manifest.counts
    assert sum(counts.out for counts in ingested) == unique.input
    assert unique.dropped["exact duplicate"] > 0
    assert unique.out == tokens["documents"].input == packed["documents"].input
    assert tokens["tokens"].out == packed["tokens"].input
    assert all(counts.balanced for counts in (*ingested, unique, *tokens.values(), *packed.values()))


@pytest.mark.fault(6)
def test_two_workers_give_the_bytes_of_one_worker(built, tmp_path):
    assert build(tmp_path / "two", "--workers", "2") == 0
    assert tree(tmp_path / "two") == tree(built)


def test_a_second_run_writes_no_file_and_reports_it(built, capsys):
    before = {
        path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file() and ".arcorp" not in path.parts
    }
    assert build(built) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_the_mixture_raises_dialects_and_quotas_are_exact(built):
    schedule = json.loads((built / "dataset" / "schedule.json").read_text())
    rows = schedule["batch_rows"]
    assert all(sum(phase["quotas"].values()) == phase["steps"] * rows for phase in schedule["phases"])
    natural, final = (
        {
            language: sum(line[key] for name, line in schedule["shares"].items() if language in name)
            for language in ("arb_Arab", "arz_Arab", "ars_Arab")
        }
        for key in ("natural", "final")
    )
    assert natural["arz_Arab"] < final["arz_Arab"]
    assert natural["ars_Arab"] < final["ars_Arab"]
    assert final["arb_Arab"] < natural["arb_Arab"]


def test_rows_hold_the_text_of_the_documents_that_they_name(built, capsys):
    assert cli.run(["verify", str(built), "--level", "deep"]) == 0
    assert cli.run(["inspect", str(built / "dataset"), "--row", "5", "--format", "json"]) == 0
    captured = capsys.readouterr().out
    segments = json.loads(captured[captured.index("{") :])["segments"]
    dataset = Dataset(built / "dataset")
    ids = [id_ for segment in segments for id_ in segment["ids"]]
    assert ids == dataset.train.read(np.array([5])).ids[0].tolist()
    name = segments[0]["document"]["id"]
    assert cli.run(["inspect", str(built / "dataset"), "--document", name, "--format", "json"]) == 0
    places = json.loads(capsys.readouterr().out)["places"]
    assert ["train", 5] in [[place["split"], place["row"]] for place in places]


@pytest.mark.fault(8)
def test_verify_names_a_file_with_a_flipped_bit_and_the_next_build_mends_only_that_file(copy, built, capsys):
    shard = copy / "dataset" / "shards" / "train-00001-of-00004.bin"
    if not shard.exists():
        shard = sorted((copy / "dataset" / "shards").glob("train-*.bin"))[-1]
    times = shard.stat()
    data = bytearray(shard.read_bytes())
    data[1000] ^= 4
    shard.write_bytes(data)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cli.run(["verify", str(copy)]) == 4
    assert shard.name in capsys.readouterr().err
    assert build(copy) == 0
    assert f"shards/{shard.name}" in capsys.readouterr().err
    assert tree(copy) == tree(built)


def test_another_schedule_needs_no_packing(copy, tmp_path, capsys):
    config = tmp_path / "second.yaml"
    config.write_text("batch_rows: 4\nphases: [{name: only, steps: 3}]\nmixture: {by: category, rule: natural}\n")
    digest = Sealed(copy / "dataset").digest
    mix = ["mix", str(copy / "dataset"), "--config", str(config)]
    assert cli.run([*mix, "--out", str(copy / "dataset" / "second.json")]) == 0
    assert Dataset(copy / "dataset", schedule="second.json").steps == 3
    assert Sealed(copy / "dataset").digest == digest
    assert cli.run([*mix, "--out", str(copy / "dataset" / "plan.json")]) == 2
    greedy = "batch_rows: 4\nphases: [{name: only, steps: 3000}]\nmixture: {rule: natural, max_epochs: 2}\n"
    config.write_text(greedy)
    assert cli.run(mix) == 2
    assert "max_epochs" in capsys.readouterr().err


def test_a_schedule_is_written_where_the_user_stands_and_read_from_there(copy, tmp_path, monkeypatch, capsys):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    mix = ["mix", str(copy / "dataset"), "--set", "phases=[{name: only, steps: 3}]", "--set", "batch_rows=4"]
    assert cli.run([*mix, "--out", "half.json"]) == 0
    assert [path.name for path in here.iterdir()] == ["half.json"]
    assert not (copy / "dataset" / "half.json").exists()
    capsys.readouterr()
    export = ["export", str(copy / "dataset"), "--to", "nanogpt"]
    assert cli.run([*export, "--out", "other", "--schedule", "half.json"]) == 5
    assert "./half.json" in capsys.readouterr().err
    assert cli.run([*export, "--out", "rows", "--schedule", "./half.json"]) == 0
    assert Dataset(copy / "dataset", schedule="./half.json").steps == 3


@pytest.mark.fault(7)
def test_another_recipes_folder_and_other_options_are_refused(copy, tmp_path, capsys):
    text = tmp_path / "text.jsonl"
    text.write_text(json.dumps({"id": "1", "text": "نص"}))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\ncorpora: [{source: jsonl, input: text.jsonl}]\nphases: [{name: a, steps: 1}]\n")
    assert cli.run(["build", str(recipe), "--out", str(copy)]) == 2
    err = capsys.readouterr().err
    assert "'demo'" in err
    assert "'mine'" in err
    assert build(copy, "--set", "tokenizer.vocab_size=900") == 2
    assert "options.vocab_size was 1024, now 900" in capsys.readouterr().err


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("content", "exit_code", "named"),
    [
        (None, 3, "text.jsonl"),
        ("", 3, "text.jsonl"),
        ('{"id": "1", "text": ""}\n', 3, "source jsonl"),
        ("not json at all\n", 3, "text.jsonl"),
    ],
)
def test_input_that_gives_no_document_ends_the_build(tmp_path, capsys, content, exit_code, named):
    if content is not None:
        (tmp_path / "text.jsonl").write_text(content)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\ncorpora: [{source: jsonl, input: text.jsonl}]\nphases: [{name: a, steps: 1}]\n")
    assert cli.run(["build", str(recipe), "--out", str(tmp_path / "out")]) == exit_code
    err = capsys.readouterr().err
    assert named in err
    assert len([line for line in err.splitlines() if line.startswith("arcorp: ")]) == 1
    assert not list((tmp_path / "out").rglob("manifest.json"))


@pytest.mark.fault(20)
def test_an_unwritable_out_is_a_usage_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert build(tmp_path / "file" / "out") == 2
    assert "choose another --out" in capsys.readouterr().err


def test_status_distinguishes_sealed_unfinished_and_damaged_folders(copy, capsys):
    (copy / "dataset" / "manifest.json").unlink()
    next((copy / "tokens").glob("*.bin")).unlink()
    assert cli.run(["status", str(copy), "--format", "json"]) == 0
    states = {line["folder"]: line["state"] for line in json.loads(capsys.readouterr().out)["folders"]}
    assert states["unique"] == "sealed"
    assert states["dataset"].startswith("unfinished")
    assert "missing" in states["tokens"]
    assert cli.run(["verify", str(copy)]) == 5


def test_the_commands_of_single_stages_give_the_folders_of_the_build(built, tmp_path):
    raw = built / "raw" / "fineweb-edu"
    documents = tmp_path / "documents"
    assert cli.run(["ingest", "fineweb-edu", str(raw), "--out", str(documents)]) == 0
    assert Sealed(documents).digest == Sealed(next((built / "documents").glob("*fineweb-edu*"))).digest
    unique = tmp_path / "unique"
    rules = ["--method", "minhash", "--similarity", "0.8"]
    assert cli.run(["dedup", *map(str, sorted((built / "documents").iterdir())), "--out", str(unique), *rules]) == 0
    assert Sealed(unique).digest == Sealed(built / "unique").digest
    tokens = tmp_path / "tokens"
    assert cli.run(["tokenize", str(unique), "--tokenizer", str(built / "tokenizer"), "--out", str(tokens)]) == 0
    assert Sealed(tokens).digest == Sealed(built / "tokens").digest
    config = tmp_path / "pack.yaml"
    config.write_text("{row_tokens: 128, rows_per_shard: 256, validation: {share: 0.05}}\n")
    dataset = tmp_path / "dataset"
    assert cli.run(["pack", str(tokens), "--config", str(config), "--out", str(dataset)]) == 0
    assert Sealed(dataset).digest == Sealed(built / "dataset").digest


def test_restart_removes_all_folders_of_the_previous_build(copy, built, capsys):
    assert build(copy, "--set", "dedup.method=none", "--restart") == 0
    assert not (copy / "unique").exists()
    assert build(copy, "--restart") == 0
    assert tree(copy) == tree(built)


HOLD = "import sys, time; from pathlib import Path; from pipelines.run.folder_lock import lock\n\
with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.mark.fault(3)
@pytest.mark.fault(4)
def test_two_builds_at_once_in_one_folder_are_refused(copy, capsys):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(copy)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    assert build(copy) == 1
    err = capsys.readouterr().err
    assert f"{copy} is being written" in err
    assert f"process {holder.pid}" in err
    assert len([line for line in err.splitlines() if line.startswith("arcorp: ")]) == 1
    holder.kill()
    holder.communicate()
    assert build(copy) == 0


@pytest.mark.slow
def test_a_recipe_made_by_init_for_whole_books_builds_without_editing(tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(6):
        book = "\n".join(document.text for document in demo.documents("classical", chars=60_000, seed=number))
        (texts / f"book-{number}.txt").write_text(book, encoding="utf-8")
    recipe = tmp_path / "mine.yaml"
    assert cli.run(["init", str(texts), "--out", str(recipe)]) == 0
    assert cli.run(["build", str(recipe), "--out", str(tmp_path / "out"), "--until", "verify"]) == 0
    assert Dataset(tmp_path / "out" / "dataset").validation.rows > 0


@pytest.mark.fault(14)
def test_a_part_without_documents_after_deduplication_is_tokenized(built, tmp_path):
    text = tmp_path / "first.jsonl"
    text.write_text('{"text": "كتاب في النحو"}\n', encoding="utf-8")
    (tmp_path / "copy.jsonl").write_bytes(text.read_bytes())
    for name in ("first", "copy"):
        assert cli.run(["ingest", "jsonl", str(tmp_path / f"{name}.jsonl"), "--out", str(tmp_path / name)]) == 0
    unique, tokens = tmp_path / "unique", tmp_path / "tokens"
    assert cli.run(["dedup", str(tmp_path / "first"), str(tmp_path / "copy"), "--out", str(unique)]) == 0
    assert cli.run(["tokenize", str(unique), "--tokenizer", str(built / "tokenizer"), "--out", str(tokens)]) == 0
    assert Sealed(tokens).manifest.counts["documents"].out == 1


def test_two_folders_with_files_of_the_same_name_lose_no_document(tmp_path):
    for folder, text in (("standard", "نص بالفصحى"), ("egyptian", "كلام بالمصري")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "000.jsonl").write_text(json.dumps({"text": text}))
        assert cli.run(["ingest", "jsonl", str(tmp_path / folder), "--out", str(tmp_path / f"{folder}-out")]) == 0
    folders = [str(tmp_path / f"{folder}-out") for folder in ("standard", "egyptian")]
    assert cli.run(["dedup", *folders, "--out", str(tmp_path / "unique")]) == 0
    assert Sealed(tmp_path / "unique").manifest.counts["documents"].out == 2


@pytest.mark.parametrize("files", [1, 3])
def test_init_and_build_work_on_a_users_text_without_editing(samples, tmp_path, monkeypatch, capsys, files):
    """The number of steps is reduced; all other values are those that init wrote."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with next((samples / "data/arastories").glob("*MSA*")).open(encoding="utf-8", newline="") as rows:
        stories = [row["Story"] for row, _ in zip(csv.DictReader(rows), range(9), strict=False)]
    for number in range(files):
        (tmp_path / "mine" / f"{number}.txt").write_text("\n\n".join(stories[number::files]), encoding="utf-8")
    assert cli.run(["init", "mine", "--out", "mine.yaml"]) == 0
    err = capsys.readouterr().err
    assert ("validation split is empty" if files == 1 else "about 33% of the text is held out") in err
    assert cli.run(["build", "mine.yaml", "--out", "out", "--workers", "1", "--set", "train.steps=2"]) == 0
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "dataset" / "README.md").is_file()


def test_options_that_only_the_trainer_can_check_end_the_build_with_its_message_and_its_exit_code(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fp8_without_gpu = ["--set", "train.device=cpu", "--set", "train.precision=fp8"]
    assert build(copy, "--workers", "1", *fp8_without_gpu, until="train") == 2
    err = capfd.readouterr().err
    assert "precision" in err
    assert str(copy / "run" / ".arcorp" / "train.log") in err
