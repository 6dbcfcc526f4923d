"""The page of a model's weights: from the figures of the script, in the design of the report."""

import json

import pytest
from axe import serious_faults

from pipelines import cli
from pipelines.health import render
from tests.pipelines.report.reading import Page


@pytest.fixture
def run(trained):
    """The run of a small build."""
    return trained / "run"


def test_the_page_shows_every_matrix_and_every_kind_of_block(run, tmp_path, capsys):
    out = tmp_path / "health"
    assert cli.run(["health", str(run), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "health.html")
    figures = json.loads((out / "health.json").read_bytes())
    page = Page((out / "health.html").read_text())
    pictures = [element.attributes.get("class") or "" for element in page.elements if element.name == "svg"]
    assert sum("histogram" in kind for kind in pictures) == len(figures["matrices"])
    assert sum("grid-of" in kind for kind in pictures) == len(figures["blocks"])
    dots = sum(len(dots) for dots in figures["scripts"]["plane"].values())
    assert sum(element.name == "circle" for element in page.elements) == dots
    shown = "".join(text for text, _ in page.texts)
    assert all(name in shown for name in figures["matrices"])
    assert cli.run(["health", str(run), "--out", str(out)]) == 0  # its own files are replaced


def test_the_page_has_no_serious_fault_of_accessibility(run, tmp_path):
    assert cli.run(["health", str(run), "--out", str(tmp_path)]) == 0
    assert serious_faults(tmp_path / "health.html") == []


def test_a_vocabulary_of_one_script_has_no_plane(run, tmp_path):
    assert cli.run(["health", str(run), "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "health.json").read_bytes()) | {"scripts": None}
    page = Page(render(figures))
    assert not any(element.name == "circle" for element in page.elements)
    assert "both scripts" in "".join(text for text, _ in page.texts)


@pytest.mark.parametrize("name", ["health.html", "health.json"])
def test_a_file_of_another_program_is_refused_by_name(run, tmp_path, name, capsys):
    (tmp_path / name).write_text("mine")
    assert cli.run(["health", str(run), "--out", str(tmp_path)]) == 2
    assert name in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_that_does_not_exist_is_refused(tmp_path, capsys):
    assert cli.run(["health", str(tmp_path / "absent"), "--out", str(tmp_path / "out")]) == 2
    assert str(tmp_path / "absent") in capsys.readouterr().err
