"""`build --restart` removes what its own record names, and nothing of users, of other builds, or behind links."""

import json
import subprocess
import sys

import pytest
from builds import build
from trees import snapshot

from sharding import seal

HOLD = "import sys, time; from pathlib import Path; from pipelines.run.folder_lock import lock\n\
with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.mark.fault(30)
def test_restart_of_a_build_keeps_users_files_and_other_builds_and_names_what_lies_in_its_folders(copy, capsys):
    recorded = json.loads((copy / ".arcorp" / "folders.json").read_bytes())["folders"]
    assert {"dataset", "unique", "tokens"} <= set(recorded)
    (copy / "notes.txt").write_text("mine")
    (copy / "dataset" / "notes.txt").write_text("mine")
    (copy / "unique" / "deep").mkdir()
    (copy / "unique" / "deep" / "notes.txt").write_text("mine")
    for place in ("nested", "documents/nested"):  # builds of their own, which this one did not make
        (copy / place / ".arcorp").mkdir(parents=True)
        (copy / place / ".arcorp" / "recipe.json").write_text('{"name": "other"}')
        (copy / place / "notes.txt").write_text("mine")
    assert build(copy, "--restart", "--set", "dedup.method=none", until="ingest") == 0
    err = capsys.readouterr().err
    assert f"{copy / 'dataset'}: " in err
    assert "notes.txt" in err
    for place in ("", "dataset", "unique/deep", "nested", "documents/nested"):
        assert (copy / place / "notes.txt").read_text() == "mine"
    assert not list(copy.glob("dataset/shards/*"))
    assert not (copy / "tokens").exists()
    assert not (copy / "unique" / "manifest.json").exists()


@pytest.mark.fault(30)
def test_restart_of_a_build_of_the_first_release_removes_what_its_recipe_names(copy, capsys):
    (copy / ".arcorp" / "folders.json").unlink()
    (copy / "run").mkdir()
    (copy / "run" / "notes.txt").write_text("mine")
    assert build(copy, "--restart", until="ingest") == 0
    assert not (copy / "tokens").exists()
    assert (copy / "run" / "notes.txt").is_file()


@pytest.mark.fault(30)
@pytest.mark.parametrize("link", ["unique", "documents"])
def test_restart_of_a_build_removes_nothing_behind_a_link(copy, tmp_path, capsys, link):
    elsewhere = tmp_path / "elsewhere"
    (copy / link).rename(elsewhere)
    (copy / link).symlink_to(elsewhere)
    before = snapshot(tmp_path)
    assert build(copy, "--restart", until="ingest") == 2
    assert str(copy / link) in capsys.readouterr().err
    assert snapshot(tmp_path) == before


@pytest.mark.fault(30)
def test_restart_of_a_build_removes_nothing_while_a_folder_of_it_is_being_written(copy, capsys):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(copy / "tokens")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        before = snapshot(copy)
        assert build(copy, "--restart", until="ingest") == 1
        assert str(copy / "tokens") in capsys.readouterr().err
        assert snapshot(copy) == before
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.fault(30)
@pytest.mark.parametrize("names", [["../elsewhere"], ["/etc"], ["mine"], "dataset", [3]])
def test_a_record_that_names_what_is_not_the_builds_removes_nothing(copy, tmp_path, capsys, names):
    for place in (tmp_path / "elsewhere", copy / "mine"):
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    seal.write_json(copy / ".arcorp" / "folders.json", {"folders": names})
    before = snapshot(tmp_path)
    assert build(copy, "--restart", until="ingest") == 2
    assert snapshot(tmp_path) == before
