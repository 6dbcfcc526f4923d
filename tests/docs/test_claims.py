"""docs/claims.yaml: every claim has its command and its evidence, and no measured figure is without a claim."""

import shutil
from pathlib import Path

import pytest

from pipelines.cli.docs_claims import FIGURE, agrees, command_exists, faults_of
from pipelines.cli.docs_pages import commands

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = dict(commands())


def test_every_claim_is_made_by_a_command_that_exists_and_its_figure_is_the_committed_result() -> None:
    assert faults_of(ROOT, COMMANDS) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one page, one result and one claim, which holds."""
    for folder in ("docs", "benchmarks/results"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "docs" / "reliability.md", tmp_path / "docs")
    (tmp_path / "README.md").write_text("It is 19 x as fast,\nand does not lose a byte.\n")
    (tmp_path / "benchmarks/results/chain-2026-01-01.json").write_text('{"goals": [{"name": "all", "ratio": 18.6}]}')
    claim = "- {page: README.md, text: It is 19 x as fast, command: make bench, result: chain goals/name=all/ratio}\n"
    (tmp_path / "docs/claims.yaml").write_text(f"- {{page: docs/*.md, command: make bench, faults: [1]}}\n{claim}")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "before", "after", "named"),
    [
        ("README.md", "19 x", "17 x", "does not say"),
        ("README.md", "a byte", "a byte in 3 hours", "3 hours"),
        ("docs/claims.yaml", "make bench,", "make bend,", "make bend"),
        ("docs/claims.yaml", "faults: [1]", "faults: [999]", "999"),
        ("docs/claims.yaml", "faults: [1]", "test: tests/none.py", "tests/none.py"),
        ("docs/claims.yaml", "goals/name=all", "goals/name=some", "name=some"),
        ("benchmarks/results/chain-2026-01-01.json", "18.6", "17.2", "17.2"),
    ],
)
def test_a_claim_that_does_not_hold_is_named(project: Path, file: str, before: str, after: str, named: str) -> None:
    assert faults_of(project, COMMANDS) == []
    text = (project / file).read_text()
    (project / file).write_text(text.replace(before, after))
    wrong = faults_of(project, COMMANDS)
    assert wrong
    assert any(named in fault for fault in wrong), wrong


def test_a_newer_result_takes_the_place_of_an_older_one(project: Path) -> None:
    (project / "benchmarks/results/chain-2026-02-01.json").write_text('{"goals": [{"name": "all", "ratio": 25.0}]}')
    assert "25" in faults_of(project, COMMANDS)[0]


@pytest.mark.parametrize("figure", ["19 x", "31.9 %", "1.1 GB", "15 minutes", "250 MB", "0.724 bits per byte"])
def test_measured_figures_are_recognised(figure: str) -> None:
    assert FIGURE.search(f"it took {figure} there")


def test_a_number_agrees_with_what_it_is_rounded_from() -> None:
    assert agrees("19", 18.6)
    assert agrees(".59", 0.5905)
    assert agrees("1,234", 1234.4)
    assert not agrees("1.2", 1.26)


def test_commands_with_settings_and_paths_exist() -> None:
    assert command_exists(ROOT, "ARCORP_KILLS=500 pytest tests/faults/test_pack_kills.py", COMMANDS)
    assert command_exists(ROOT, "arcorp tokenizer train --out x", COMMANDS)
    assert not command_exists(ROOT, "arcorp dance", COMMANDS)
    assert not command_exists(ROOT, "python -m benchmarks.none", COMMANDS)
