"""What numba compiles is compiled before the first build, once: a build after it compiles nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import kernels
from pipelines.console import Console, Format

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from builds import build
sys.exit(build(sys.argv[1], "--workers", "2"))
"""


def code(folder: Path) -> set[str]:
    """The names of the files of compiled code, one for each signature of a function."""
    return {path.name for path in folder.rglob("*.nbc")}


@pytest.mark.slow
def test_a_build_compiles_nothing_that_was_not_compiled_before_it(compiled, tmp_path):
    environment = os.environ | compiled.environment | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    assert len(compiled.printed.splitlines()) == 1
    assert len(compiled.files) > 30
    command = [sys.executable, "-m", "pipelines.kernels"]
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stderr == ""
    command = [sys.executable, "-c", BUILD, str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert code(Path(environment["NUMBA_CACHE_DIR"])) == compiled.files


def test_nothing_is_printed_or_done_where_it_was_done_before(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    marker = kernels._marker()
    assert marker is not None
    assert marker.parent == tmp_path
    marker.touch()
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    kernels.compile_once(Console(Format.human))
    assert capsys.readouterr().err == ""


def test_another_source_or_version_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    before = kernels._marker()
    monkeypatch.setattr(kernels, "PACKAGES", ("corpora",))
    assert kernels._marker() != before


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    kernels.compile_once(Console(Format.human))
    assert capsys.readouterr().err == ""
