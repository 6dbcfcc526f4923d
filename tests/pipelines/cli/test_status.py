"""Status shows the state of a build and writes nothing; progress shows that of a stage."""

import json
import subprocess
import sys
import time

import pytest

from pipelines import cli, console
from pipelines.cli.status import look
from pipelines.console import Console, Format
from pipelines.run import Progress, is_held, job_id, last_words


@pytest.fixture
def ranks(tmp_path):
    """A build whose array of ten thousand ranks has ended: the last hundred are missing, two jobs' worth."""
    stage = tmp_path / "tokens"
    (stage / ".arcorp" / "slurm").mkdir(parents=True)
    (tmp_path / ".arcorp").mkdir()
    (tmp_path / ".arcorp" / "recipe.json").write_text('{"name": "large"}')
    names = [f"part-{number:05d}" for number in range(10_000)]
    plan = {"parts": names, "missing": list(range(10_000)), "began": time.time() - 100}
    (stage / ".arcorp" / "plan.json").write_text(json.dumps(plan))
    array = {"launch": "one", "job": "7", "ranks": list(range(10_000)), "per_job": 50}
    (stage / ".arcorp" / "slurm" / "array.json").write_text(json.dumps(array))
    (stage / ".arcorp" / "slurm" / "7_198.out").write_text("starting\nrank 9900: file 3 is cut\nrank 9901: failed\n")
    (stage / ".arcorp" / "slurm" / "7_199.out").write_text("starting\nslurmstepd: error: *** CANCELLED: TIME LIMIT\n")
    for name in names[:9_900]:
        (stage / f"{name}.json").write_text("{}")
    return tmp_path


@pytest.mark.fault(5)
def test_ranks_that_failed_are_counted_and_each_jobs_last_words_are_shown(ranks, capsys):
    [line] = look(ranks)["folders"]
    assert (line["done"], line["parts"], line["state"]) == (9_900, 10_000, "unfinished")
    assert line["failed"] == list(range(9_900, 10_000))
    assert [(failed["rank"], failed["last_lines"]) for failed in line["failures"]] == [
        (9_900, ["file 3 is cut"]),
        (9_950, ["starting", "slurmstepd: error: *** CANCELLED: TIME LIMIT"]),
    ]
    assert cli.run(["status", str(ranks)]) == 0
    assert "100 ranks failed" in capsys.readouterr().out


def test_looking_writes_nothing_and_needs_no_right_to(ranks):
    def everything():
        return {path: path.lstat().st_mtime_ns for path in [ranks, *ranks.rglob("*")]}

    before = everything()
    for folder in (ranks, ranks / "tokens"):
        folder.chmod(0o555)
    look(ranks)
    assert everything() == before
    for folder in (ranks, ranks / "tokens"):
        folder.chmod(0o755)


HOLD = "import sys, time; from pathlib import Path; from pipelines.run.folder_lock import lock\n\
with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


def test_a_stage_at_work_has_a_pace_and_a_time_left(ranks):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(ranks / "tokens")], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    assert is_held(ranks / "tokens")
    [line] = look(ranks)["folders"]
    holder.kill()
    holder.communicate()
    assert line["state"] == "running"
    assert line["bytes_per_second"] > 0
    assert line["seconds_left"] > 0
    assert not is_held(ranks / "tokens")


def test_progress_is_json_lines_where_json_is_asked_for_and_silence_where_quiet_is(capsys, monkeypatch):
    monkeypatch.setattr(console, "EVERY", 0)
    progress = Progress("tokenize", done=12, parts=20, rank=11, made=2, bytes=6_000_000, seconds=3.0)
    Console(Format.json).progress(progress)
    line = json.loads(capsys.readouterr().err)
    assert (line["stage"], line["done"], line["parts"], line["rank"]) == ("tokenize", 12, 20, 11)
    assert (line["bytes_per_second"], line["seconds_left"]) == (2e6, 12.0)
    Console(Format.human).progress(progress)
    assert capsys.readouterr().err == "tokenize: 12 of 20 parts, 2.0 MB/s written, 0:12 left\n"
    Console(Format.quiet).progress(progress)
    assert capsys.readouterr().err == ""


def test_between_lines_of_progress_thirty_seconds_pass(capsys):
    shown = Console(Format.human)
    for done in range(20):
        shown.progress(Progress("tokenize", done, 20))
    assert capsys.readouterr().err == ""
    assert console.EVERY == 30


@pytest.mark.parametrize(
    "output",
    [
        "Submitted batch job 4711\n",
        "Welcome\nSubmitted batch job 4711\nYou have 312 hours left\n",
        "Submitted batch job 4711 on cluster two\n",
    ],
)
def test_a_job_id_is_found_whatever_stands_around_it(output):
    assert job_id(output) == "4711"


def test_a_log_that_is_not_there_has_last_words_too(tmp_path):
    assert "left no log" in last_words(tmp_path / "none.out", 3)[0]
