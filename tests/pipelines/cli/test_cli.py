"""The command line: a fixed surface, one sentence for each failure, results apart from logs."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corpora.sources import SOURCES
from pipelines import cli
from pipelines.cli import docs_pages as pages

SURFACE = Path(__file__).with_name("surface.json")


def arcorp(*arguments, **environment):
    command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_the_surface_is_the_one_that_scripts_rely_on():
    """Change surface.json with the command line, and describe the change in CHANGELOG."""
    assert pages.surface() == json.loads(SURFACE.read_text())


def test_every_command_has_a_summary_that_fits_eighty_columns():
    for name, command in pages.commands():
        summary = command.help.partition("\n")[0]
        assert 10 < len(summary) <= 62, (name, len(summary))


def test_generated_pages_are_up_to_date():
    stale = [path.name for path, text in pages.pages().items() if path.read_text("utf-8") != text]
    assert not stale, "run `make format`"


def test_help_imports_nothing_heavy():
    heavy = "datatrove, pyarrow, polars, numba, numpy, tokenizers, torch"
    code = (
        "import sys; from pipelines import cli; cli.run(['--help']); "
        f"print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("ingest jsonl {tmp}/one.jsonl --set language=arb_Arab --out {tmp}/out", "numba, tokenizers, fsspec"),
        ("tokenize {built}/unique --tokenizer {built}/tokenizer --out {tmp}/out", "numba, fsspec"),
        ("inspect {built}/dataset", "numba, datatrove, fastokens, pipelines.recipe"),
    ],
)
def test_a_small_command_imports_nothing_that_takes_longer_than_its_work(command, needless, built, tmp_path):
    (tmp_path / "one.jsonl").write_text('{"text": "ذهب الولد إلى المدرسة في الصباح، وعاد منها بعد الظهر."}\n', "utf-8")
    words = command.format(tmp=tmp_path, built=built).split()
    everywhere = ["pandas", "scipy", "polars", "huggingface_hub", "torch"]
    code = (
        "import atexit, sys; from pipelines.cli import main; sys.argv[0] = 'arcorp'; "
        f"atexit.register(lambda: print(*({{*sys.modules}} & {{*{everywhere + needless.split(', ')}}}))); main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, ""), done.stderr


@pytest.mark.parametrize(("arguments", "command"), [([], "inspect"), (["tokenizer"], "segment")])
def test_a_group_without_a_command_shows_its_help_in_lines(arguments, command, capsys):
    assert cli.run(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith(f"  {command} ")]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["pak"], 2, "No such command 'pak'"),
        (["pack"], 2, "Missing"),
        (["build", "demmo"], 2, "did you mean 'demo'"),
        (["build", "demo", "--set", "pack.row_token=3"], 2, "did you mean 'row_tokens'"),
        (["build", "demo", "--until", "lunch"], 2, "lunch"),
        (["ingest", "oskar", "x", "--out", "o"], 2, "did you mean oscar"),
        (["ingest", "oscar", "nowhere", "--out", "o"], 3, "nowhere"),
        (["ingest", "oscar", "x", "--out", "o", "--text-field", "y"], 2, "source oscar has no option 'text_field'"),
        (["dedup", "nowhere", "--out", "o"], 5, "nowhere does not exist"),
        (["verify", "nowhere"], 2, "there is no such folder"),
        (["status", "nowhere"], 2, "is not the folder of a build"),
        (["tokenizer", "show", "nowhere"], 3, "nowhere: the path does not exist"),
    ],
)
def test_a_wrong_command_gets_one_sentence_and_its_exit_code(
    arguments, exit_code, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arcorp: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_an_error_is_json_where_json_is_asked_for(capsys):
    assert cli.run(["verify", "nowhere", "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().err)["exit_code"] == 2


def test_json_results_are_json_alone_on_stdout(capsys):
    for command in (
        ["recipes"],
        ["sources"],
        ["doctor"],
        ["build", "demo", "--dry-run"],
        ["build", "demo", "--print-config"],
    ):
        assert cli.run([*command, "--format", "json"]) == 0
        json.loads(capsys.readouterr().out)
    assert cli.run(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_every_source_is_shown_with_its_options(capsys):
    for name, kind in SOURCES.items():
        assert cli.run(["sources", name, "--format", "json"]) == 0
        options = json.loads(capsys.readouterr().out)["options"]
        assert {option["name"] for option in options} == {option.name for option in dataclasses.fields(kind)}
        assert all(option["description"] and option["kind"] for option in options), name
    assert cli.run(["sources", "csv"]) == 0
    shown = capsys.readouterr().out
    assert "options: delimiter" in shown
    assert "options: {delimiter: ','}" in shown
    assert cli.run(["sources", "cvs"]) == 2
    assert "csv" in capsys.readouterr().err


def test_no_colour_codes_in_pipes():
    for arguments in (["--help"], ["doctor"], ["build", "demo", "--dry-run"]):
        done = arcorp(*arguments, FORCE_COLOR="")
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_init_writes_a_recipe_that_loads_and_never_overwrites(tmp_path, capsys):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text("كتاب في النحو\n" * 50, encoding="utf-8")
    out = tmp_path / "mine.yaml"
    assert cli.run(["init", str(tmp_path / "books"), "--out", str(out)]) == 0
    assert cli.run(["build", str(out), "--dry-run", "--format", "json"]) == 0
    captured = capsys.readouterr().out
    assert json.loads(captured[captured.index("{") :])["files"] == 1
    assert cli.run(["init", str(tmp_path / "books"), "--out", str(out)]) == 2
    assert cli.run(["init", str(tmp_path / "nothing"), "--out", str(tmp_path / "other.yaml")]) == 2
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "picture.png").write_bytes(b"\x89PNG")
    assert cli.run(["init", str(tmp_path / "odd"), "--out", str(tmp_path / "other.yaml")]) == 3


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "big.jsonl"
    with path.open("w") as file:
        for number in range(200_000):
            file.write(json.dumps({"id": str(number), "text": f"سطر رقم {number} " * 20}, ensure_ascii=False) + "\n")
    return path


@pytest.mark.fault(2)
@pytest.mark.parametrize(("sign", "moment"), [("lock", 0.1), ("lock", 0.5), ("part", 0)])
def test_ctrl_c_leaves_with_130_and_a_sentence(text, tmp_path, sign, moment):
    """At three moments: during imports, at the start of workers, and while a part is written."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "ingest", "jsonl", str(text), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in what a script runs with `&`
    )
    while not (list(out.glob(".tmp-*")) if sign == "part" else (out / ".arcorp" / "lock").exists()):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    time.sleep(moment)
    os.killpg(process.pid, 2)
    _, err = process.communicate()
    # a shell reports both as 130: Python ends by the signal if an extension is being imported
    assert process.returncode in (130, -2), err
    assert err.strip() == "arcorp: interrupted; run the same command again to resume"
    assert arcorp("ingest", "jsonl", text, "--out", out, "--format", "quiet").returncode == 0
