"""Folders and files that arcorp did not make survive every command, --restart or not, and are named."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from trees import snapshot

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.run import Context, Finish, Part, Stage, Work, files_of, folders, run_stage
from sharding import seal


def write_number(_: object, part: Part, writer: object) -> None:
    with writer.file(".txt") as file:
        file.write(str(part.spec).encode())


def finish_sum(finish: Finish) -> None:
    finish.write("sum.json", seal.canonical(len(finish.sidecars)))
    with finish.gather() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "gathered.txt").write_text("all")


def numbers(folder: Path, name: str = "numbers", finish=finish_sum, inputs=None, **options: object) -> Stage:
    parts = [Part(f"part-{number:05d}", number) for number in range(3)]
    return Stage(name, 1, folder, options, inputs or {}, lambda: Work(parts, [], write_number, finish))


def web_app(folder: Path) -> None:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.js").write_text("run_stage()")
    (folder / "index.html").write_text("<html>")
    (folder / "manifest.json").write_text('{"name": "My app", "version": 1, "files": {"index.html": 1}}')


def garbage_state(folder: Path) -> None:
    (folder / ".arcorp").mkdir(parents=True)
    (folder / ".arcorp" / "stage.json").write_text("not a record")
    (folder / "thesis.tex").write_text("years")


def empty_state(folder: Path) -> None:
    (folder / ".arcorp").mkdir(parents=True)
    (folder / "thesis.tex").write_text("years")


def list_as_record(folder: Path) -> None:
    (folder / ".arcorp").mkdir(parents=True)
    (folder / ".arcorp" / "stage.json").write_text('["stage"]')
    (folder / ".arcorp" / "recipe.json").write_text('{"cake": 1}')
    (folder / "thesis.tex").write_text("years")


def model_project(folder: Path) -> None:
    (folder / "checkpoints" / "step-000004").mkdir(parents=True)
    (folder / "checkpoints" / "step-000004" / "weights.pt").write_text("weeks of training")
    (folder / "config.json").write_text('{"model": {"layers": 2}}')


FOREIGN = [web_app, garbage_state, empty_state, list_as_record, model_project]


@pytest.mark.fault(29)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("make", FOREIGN)
def test_a_folder_of_another_program_is_refused_by_name_by_stages_builds_and_exports(tmp_path, capsys, make, restart):
    folder = tmp_path / "mine"
    make(folder)
    before = snapshot(tmp_path)
    more = ["--restart"] if restart else []
    text = tmp_path.parent / "text.txt"
    text.write_text("نص عربي قصير", encoding="utf-8")
    for command in (["ingest", "text", str(text), "--out", str(folder)], ["demo", "--out", str(folder)]):
        assert cli.run([*command, *more]) == 2
        assert str(folder) in capsys.readouterr().err
    assert snapshot(tmp_path) == before


@pytest.mark.fault(29)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("make", FOREIGN)
def test_a_folder_of_another_program_is_refused_by_the_trainer(tmp_path, make, restart):
    runfolder = pytest.importorskip("training.runfolder")
    make(tmp_path / "mine")
    before = snapshot(tmp_path)
    with pytest.raises(runfolder.ConfigError, match="mine"):
        runfolder.RunFolder(tmp_path / "mine", restart=restart)
    assert snapshot(tmp_path) == before


@pytest.mark.fault(29)
def test_restart_of_a_stage_leaves_and_names_what_no_record_names(tmp_path):
    out = tmp_path / "out"
    run_stage(numbers(out, colour="red"), Context())
    whole = snapshot(out)
    (out / "notes.txt").write_text("mine")
    (out / "deep" / "more.txt").write_text("mine too")
    (out / ".tmp-thesis").mkdir()
    (out / ".tmp-thesis" / "page").write_text("mine as well")
    messages: list[str] = []
    run_stage(numbers(out, colour="blue"), Context(restart=True, say=messages.append))
    for name in ("notes.txt", "deep/more.txt", ".tmp-thesis/page"):
        assert name in messages[0]
        assert (out / name).is_file()
    mine = {"notes.txt", "deep/more.txt", ".tmp-thesis/page"}
    assert {name for name in snapshot(out) if ".arcorp" not in name} - mine == {n for n in whole if ".arcorp" not in n}


@pytest.mark.fault(29)
def test_restart_of_a_stage_that_was_killed_removes_its_unfinished_files_and_no_others(tmp_path):
    def fail(finish: Finish) -> None:
        finish.write("half.json", b"{}")
        raise RuntimeError

    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        run_stage(numbers(out, finish=fail), Context())
    (out / "part-00001.json").unlink()  # as if killed between a part's file and its sidecar
    (out / "mine.json").write_text("{}")
    assert files_of(out)[1] == ["mine.json"]
    run_stage(numbers(out, colour="blue"), Context(restart=True))
    assert not (out / "half.json").exists()
    assert (out / "mine.json").read_text() == "{}"


@pytest.mark.fault(29)
def test_a_stage_never_starts_over_on_another_stages_folder_or_on_its_own_input(tmp_path):
    out = tmp_path / "out"
    root = run_stage(numbers(out), Context()).sealed.digest
    before = snapshot(out)
    with pytest.raises(UsageError, match="numbers"):
        run_stage(numbers(out, "others"), Context(restart=True))
    with pytest.raises(UsageError, match="input"):
        run_stage(numbers(out, inputs={"documents": root}), Context(restart=True))
    assert snapshot(out) == before


@pytest.mark.fault(29)
def test_a_manifest_of_another_program_in_a_stages_folder_is_not_replaced(tmp_path):
    out = tmp_path / "out"
    run_stage(numbers(out), Context())
    (out / "manifest.json").write_text('{"name": "My app"}')
    for restart in (False, True):
        with pytest.raises(UsageError, match=r"manifest\.json"):
            run_stage(numbers(out), Context(restart=restart))
        assert (out / "manifest.json").read_text() == '{"name": "My app"}'


@pytest.mark.fault(29)
@pytest.mark.parametrize("link", ["deep", ".arcorp/logs", ".arcorp"])
def test_nothing_is_written_or_removed_through_a_link_in_a_stages_folder(tmp_path, link):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    run_stage(numbers(out), Context())
    elsewhere.mkdir()
    (elsewhere / "gathered.txt").write_text("mine")
    if (out / link).is_dir():
        shutil.rmtree(out / link)
    (out / link).symlink_to(elsewhere)
    (out / "sum.json").unlink()
    for restart in (False, True):
        with pytest.raises((UsageError, seal.Damaged), match=Path(link).name):
            run_stage(numbers(out), Context(restart=restart))
    assert snapshot(elsewhere) == {"gathered.txt": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.fault(29)
def test_only_temporaries_of_our_own_form_are_swept_and_never_through_links(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "page").write_text("mine")
    folder = tmp_path / "folder"
    for name in (".tmp-12-ids.bin", ".tmp-thesis", ".tmp-", ".tmp-12", "a.tmp-12-b"):
        (folder / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "deep" / name).write_text("x")
    (folder / ".tmp-7-link").symlink_to(tmp_path / "elsewhere")
    assert seal.remove_temporaries(folder) == 1
    assert not (folder / "deep" / ".tmp-12-ids.bin").exists()
    assert len(list((folder / "deep").iterdir())) == 4
    assert (tmp_path / "elsewhere" / "page").is_file()


@pytest.mark.fault(29)
def test_a_write_does_not_follow_a_link_that_waits_under_its_temporary_name(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".tmp-{os.getpid()}-ids.bin").symlink_to(victim)
    with seal.atomic_file(tmp_path / "ids.bin") as file:
        file.write(b"ids")
    assert victim.read_text() == "mine"
    assert (tmp_path / "ids.bin").read_bytes() == b"ids"


@pytest.mark.fault(29)
def test_single_files_of_others_are_not_overwritten(copy, tmp_path, capsys):
    (copy / "report.html").write_text("my report")
    (copy / "dataset" / "second.json").write_text('{"my": "notes"}')
    (tmp_path / "fertility").mkdir()
    (tmp_path / "fertility" / "fertility.json").write_text('{"my": "figures"}')
    (tmp_path / "recipe.yaml").symlink_to(tmp_path / "nowhere.yaml")
    (tmp_path / "text.txt").write_text("نص", encoding="utf-8")
    before = snapshot(tmp_path)
    phases = tmp_path.parent / "mix.yaml"
    phases.write_text("{batch_rows: 4, phases: [{name: all, steps: 3}], mixture: {max_epochs: 50}}")
    for command in (
        ["report", copy],
        ["mix", copy / "dataset", "--config", phases, "--out", copy / "dataset" / "second.json"],
        ["mix", copy / "dataset", "--config", phases, "--out", tmp_path / "fertility" / "fertility.json"],
        ["mix", copy / "dataset", "--config", phases, "--out", copy / "dataset" / "shards" / "second.json"],
        ["mix", copy / "dataset", "--config", phases, "--out", tmp_path / "nowhere" / "second.json"],
        ["fertility", copy / "tokenizer", "--docs", copy / "unique", "--out", tmp_path / "fertility"],
        ["init", tmp_path / "text.txt", "--out", tmp_path / "recipe.yaml"],
        ["tokenizer", "export", copy / "tokenizer", "--to", "hf", "--out", tmp_path / "fertility"],
        ["export", copy / "dataset", "--to", "nanogpt", "--out", tmp_path / "fertility"],
        ["export", copy / "dataset", "--to", "nanogpt", "--out", copy / "dataset", "--restart"],
    ):
        assert cli.run([str(word) for word in command]) == 2, command
    proofs = "demo/dataset/.arcorp/proofs.json"  # what was hashed is noted whatever the outcome
    assert {**snapshot(tmp_path), proofs: before[proofs]} == before


@pytest.mark.fault(29)
def test_mix_does_not_replace_the_schedule_that_a_run_was_trained_on(copy, tmp_path, capsys):
    config = tmp_path / "mix.yaml"
    config.write_text("{batch_rows: 4, phases: [{name: all, steps: 3}], mixture: {max_epochs: 50}}")
    used = seal.hash_file(copy / "dataset" / "schedule.json")
    record = {"stage": "train", "version": 2, "options": {}, "inputs": {"schedule": used.sha256}}
    seal.write_json(copy / "run" / ".arcorp" / "stage.json", record)
    mix = ["mix", str(copy / "dataset"), "--config", str(config)]
    assert cli.run(mix) == 2
    assert str(copy / "run") in capsys.readouterr().err
    assert seal.hash_file(copy / "dataset" / "schedule.json") == used
    assert cli.run([*mix, "--out", str(copy / "dataset" / "second.json")]) == 0


# -- runs of the trainer ----------------------------------------------------------------------------------


def a_run(folder: Path) -> None:
    """Write the files of a run with two checkpoints."""
    seal.write_json(folder / "config.json", {"preset": "gpt2", "model": {"flops_per_token": 1}})
    (folder / "metrics.jsonl").write_text("")
    for step in (2, 4):
        written = folder / "checkpoints" / f"step-{step:06d}"
        meta = {"format": 1, "step": step, "order_hash": "", "files": {}, "digest": ""}
        seal.write_json(written / "meta.json", meta)
        (written / "model.safetensors").write_text("weights")
        (written / "optimizer.safetensors").write_text("moments")


@pytest.mark.fault(29)
def test_restart_of_a_run_and_pruning_leave_what_no_training_wrote(tmp_path, capsys):
    checkpoint = pytest.importorskip("training.checkpoint")
    from training.runfolder import RunFolder

    run_, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    a_run(run_)
    a_run(elsewhere)
    checkpoints = run_ / "checkpoints"
    (checkpoints / "step-000001").symlink_to(elsewhere / "checkpoints" / "step-000002")
    (checkpoints / "step-000003").mkdir()
    (checkpoints / "step-000003" / "model.safetensors").write_text("of another program")
    (checkpoints / "step-000002" / "notes.txt").write_text("mine")
    (run_ / "notes.txt").write_text("mine")
    away = snapshot(elsewhere)
    checkpoint.prune(checkpoints, keep=1, newest=4)
    assert not (checkpoints / "step-000002" / "meta.json").exists()
    assert (checkpoints / "step-000002" / "notes.txt").is_file()
    assert (checkpoints / "step-000003" / "model.safetensors").is_file()
    with RunFolder(run_, restart=True):
        pass
    assert not (checkpoints / "step-000004").exists()
    assert (checkpoints / "step-000002" / "notes.txt").is_file()
    assert (run_ / "notes.txt").is_file()
    assert snapshot(elsewhere) == away


# -- after a refusal --------------------------------------------------------------------------------------


@pytest.mark.fault(33)
def test_the_corrected_command_is_accepted_after_a_refusal_at_planning(built, tmp_path, capsys):
    bare = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}
    tokens, out = tmp_path / "tokens", tmp_path / "out"
    shutil.copytree(built / "tokens", tokens)
    manifest = seal.read_manifest(tokens)
    seal.write_json(tokens / "tokenizer" / "tokenizer.json", bare)
    manifest.files["tokenizer/tokenizer.json"] = seal.hash_file(tokens / "tokenizer" / "tokenizer.json")
    seal.write_manifest(tokens, manifest)
    pack = ["pack", str(tokens), "--out", str(out), "--workers", "1", "--row-tokens", "128"]
    assert cli.run(pack) == 2
    assert "bos" in capsys.readouterr().err
    cli.run([*pack, "--set", "bos=false", "--set", "eos=false"])
    assert "other work" not in capsys.readouterr().err


@pytest.mark.fault(33)
@pytest.mark.parametrize("error", [UsageError, ValueError, KeyboardInterrupt])
def test_any_stage_that_was_refused_before_its_first_byte_takes_other_options_and_other_stages(tmp_path, error):
    def refuse() -> Work:
        raise error("no")

    out = tmp_path / "out"
    with pytest.raises(error):
        run_stage(Stage("numbers", 1, out, {"colour": "red"}, {}, refuse), Context())
    run_stage(numbers(out, "others", colour="blue"), Context())


@pytest.mark.fault(33)
def test_a_build_that_made_nothing_takes_another_recipe(tmp_path, capsys):
    recipe = "name: {}\ncorpora: [{{source: text, input: {}}}]\nphases: [{{name: all, steps: 1}}]\n"
    (tmp_path / "one.yaml").write_text(recipe.format("one", "nowhere.txt"))
    (tmp_path / "two.yaml").write_text(recipe.format("two", "there.txt"))
    (tmp_path / "there.txt").write_text("نص عربي قصير في كتاب", encoding="utf-8")
    out = ["--out", str(tmp_path / "out"), "--until", "ingest", "--workers", "1"]
    assert cli.run(["build", str(tmp_path / "one.yaml"), *out]) in (2, 3)
    assert cli.run(["build", str(tmp_path / "two.yaml"), *out]) in (0, 3)
    assert "holds the build" not in capsys.readouterr().err


@pytest.mark.fault(3)
def test_two_processes_that_begin_one_folder_at_once_meet_at_its_lock(tmp_path, monkeypatch):
    """The other one writes its record after this one has looked for it."""
    read, record = folders.read_record, {"stage": "pack", "version": 1, "options": {}, "inputs": {}}
    for moment in range(2):
        out, looks = tmp_path / str(moment), []

        def look(folder, name, moment=moment, looks=looks):
            before = read(folder, name)
            if len(looks) == moment:
                seal.write_json(folder / folders.STAGE, record)
            looks.append(name)
            return before

        monkeypatch.setattr(folders, "read_record", look)
        folders.claim(out, folders.STAGE)
        assert len(looks) > moment
