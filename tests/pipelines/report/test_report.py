"""The report's two files: current as long as none of their inputs changes, and the same every time."""

import json
import shutil
import subprocess
import sys

import pytest

from pipelines.report import gather, report_is_current, write_report
from sharding import seal


@pytest.fixture
def reported(own):
    assert write_report(own, gather(own)) == own / "report.html"
    return own


def rewrite_schedule(folder):
    schedule = json.loads((folder / "dataset" / "schedule.json").read_text())
    seal.write_json(folder / "dataset" / "schedule.json", schedule | {"seed": 7})


def reseal(folder):
    manifest = seal.read_manifest(folder / "run")
    manifest.summary["note"] = "made again"
    seal.write_manifest(folder / "run", manifest)


CHANGES = {
    "another schedule": rewrite_schedule,
    "another run": reseal,
    "a folder deleted": lambda folder: shutil.rmtree(folder / "verified"),
    "the page edited": lambda folder: (folder / "report.html").write_text("<p>"),
    "the page deleted": lambda folder: (folder / "report.html").unlink(),
    "figures cut": lambda folder: (folder / "report.json").write_text('{"made_from": '),
    "figures of another shape": lambda folder: (folder / "report.json").write_text("[]"),
}


def test_a_report_is_current_until_something_changes(reported):
    assert report_is_current(reported)
    (reported / "run" / "timings.jsonl").unlink()
    assert report_is_current(reported)


@pytest.mark.parametrize("change", CHANGES)
def test_a_report_is_no_longer_current_after(reported, change):
    CHANGES[change](reported)
    assert not report_is_current(reported)
    if change != "another schedule":  # whose digest is that of the earlier one
        write_report(reported, gather(reported))
        assert report_is_current(reported)


def test_a_report_that_does_not_exist_is_not_current(own):
    assert not report_is_current(own)


@pytest.mark.fault(27)
def test_the_same_build_elsewhere_gives_the_same_report(reported, tmp_path):
    other = shutil.copytree(reported, tmp_path / "other")
    for name in ("report.html", "report.json"):
        (other / name).unlink()
    write_report(other, gather(other))
    for name in ("report.html", "report.json"):
        assert (other / name).read_bytes() == (reported / name).read_bytes()


def test_figures_for_programs_are_those_of_the_page(reported, figures):
    written = json.loads((reported / "report.json").read_text())
    assert written.pop("page") == seal.hash_file(reported / "report.html").sha256
    assert written == json.loads(json.dumps(figures))


def test_no_path_of_this_machine_is_in_a_report(reported):
    for name in ("report.html", "report.json"):
        assert str(reported.parent) not in (reported / name).read_text()


def test_checking_whether_a_report_is_current_loads_nothing_heavy(reported):
    script = (
        "import sys; from pathlib import Path; from pipelines.report import report_is_current; "
        f"assert report_is_current(Path({str(reported)!r})); "
        "print(sorted({'pyarrow', 'polars', 'tokenizers', 'datatrove', 'numba', 'torch'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
