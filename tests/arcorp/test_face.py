"""The Python face: its examples run, it loads little, and a foreign package of one of our names is refused."""

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import arcorp

MODULES = ("arcorp", "arcorp.text", "arcorp.tokenizer", "arcorp.dataset", "arcorp.building")


@pytest.fixture
def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the examples expect it: a built demo, and a file of notes."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "demo").symlink_to(built)
    (tmp_path / "notes.txt").write_text("السلام عليكم\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_every_example_in_a_docstring_prints_the_output_that_is_written(name: str, place: Path) -> None:
    names = {"arcorp": arcorp}
    if name == "arcorp.tokenizer":
        names["tokenizer"] = arcorp.Tokenizer("out/demo/tokenizer")  # type: ignore[dict-item]
    result = doctest.testmod(importlib.import_module(name), extraglobs=names)
    assert result.attempted
    assert not result.failed


def test_every_public_name_is_documented_and_found(place: Path) -> None:
    for name in arcorp.__all__:
        assert getattr(arcorp, name).__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        arcorp.nonsense  # noqa: B018


def test_importing_arcorp_loads_neither_numpy_nor_a_compiler() -> None:
    code = (
        "import sys, arcorp; print([name for name in ('numpy', 'numba', 'torch', 'datatrove') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_rows_are_indexed_as_arrays_are(place: Path) -> None:
    data = arcorp.Dataset("out/demo/dataset")
    assert data.rows[-1].tolist() == data.rows[len(data) - 1].tolist()
    assert data.rows[1:3].tolist() == data.rows[[1, 2]].tolist()
    assert data.rows[0].dtype.itemsize == 2
    assert f"{len(data):,} rows" in repr(data)
    with pytest.raises(IndexError):
        data.rows[len(data)]
    ids = [token for segment in data.documents(3) for token in segment.ids]
    assert ids == data.rows[3].tolist()


def test_mistakes_are_failures_that_name_the_file(place: Path) -> None:
    (place / "recipe.yaml").write_text("name: x\ncorpra: []\n")
    for mistake, named in [
        (lambda: arcorp.Dataset("nowhere"), "nowhere"),
        (lambda: arcorp.Tokenizer("notes.txt"), "notes.txt"),
        (lambda: list(arcorp.read("nonsense", "notes.txt")), "nonsense"),
        (lambda: list(arcorp.read("text", "nowhere.txt")), "nowhere.txt"),
        (lambda: list(arcorp.read("text", "notes.txt", colour="red")), "colour"),
        (lambda: arcorp.load_recipe("recipe.yaml"), "recipe.yaml:2"),
        (lambda: arcorp.Segmenter("best"), "best"),
    ]:
        with pytest.raises(arcorp.Failure, match=named):
            mistake()


@pytest.mark.parametrize("shadow", ["training.py", "pipelines/__init__.py", "corpora/__init__.py"])
def test_a_foreign_package_of_one_of_our_names_is_refused_in_one_sentence(shadow: str, tmp_path: Path) -> None:
    file = tmp_path / shadow
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('the foreign module ran')\n")
    (tmp_path / "training_notes").mkdir()  # folders of other names do no harm
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "arcorp", "--help"], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert "PYTHONPATH" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    code = "import arcorp; arcorp.normalise('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert f"ImportError: {file}" in done.stderr


def test_python_m_arcorp_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "arcorp", "recipes"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    assert "nanochat-d20" in done.stdout


def test_a_script_with_several_workers_needs_no_guard(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lines = [f'{{"id": "{name}{number}", "text": "كتب الولد درسا {number}"}}' for number in range(40)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "r.yaml").write_text(
        "name: r\ncorpora: [{source: jsonl, input: [one.jsonl, two.jsonl], language: arb_Arab, category: arabic}]\n"
    )
    script = tmp_path / "script.py"
    script.write_text(
        "import arcorp\nprint('once')\nprint(arcorp.build('r.yaml', out='out', until='dedup', workers=2).idle)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["once", "False"]), done.stderr
