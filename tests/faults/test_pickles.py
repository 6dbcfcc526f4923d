"""Nothing is ever unpickled: code that a file carries does not run, wherever the file is given."""

import ast
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("corpora", "tokenization", "sharding", "training", "pipelines", "benchmarks")


class Malice:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.fault(25)
def test_no_module_of_ours_can_unpickle():
    calls = []
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                calls += [f"{path}: {name}" for name in names if name.split(".")[0] in ("pickle", "dill", "joblib")]
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                allows = {key.arg: ast.unparse(key.value) for key in node.keywords}.get("allow_pickle", "False")
                if called == "torch.load" or allows != "False":
                    calls.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
    assert not calls


@pytest.mark.fault(25)
@pytest.mark.parametrize("name", ["tokenizer.pkl", "model.pt", "ids.npy", "tokens.bin", "text.jsonl", "a.parquet"])
def test_a_malicious_pickle_is_refused_wherever_it_is_given(copy, tmp_path, capsys, name):
    mark = tmp_path / "it-ran"
    bad = tmp_path / name
    if name.endswith(".npy"):
        np.save(bad, np.array([Malice(mark)], dtype=object), allow_pickle=True)
    else:
        bad.write_bytes(pickle.dumps(Malice(mark)))
    out = tmp_path / "out"
    tokenizer = copy / "tokenizer"
    attempts = [
        ["ingest", "text", str(bad), "--out", str(out / "a")],
        ["ingest", "jsonl", str(bad), "--out", str(out / "b")],
        ["ingest", "parquet", str(bad), "--out", str(out / "c")],
        ["tokenize", str(copy / "unique"), "--tokenizer", str(bad), "--out", str(out / "d")],
        ["tokenizer", "show", str(bad), "نص"],
        ["pack", str(bad), "--tokenizer", str(tokenizer), "--row-tokens", "64", "--out", str(out / "e")],
        ["build", str(bad), "--out", str(out / "f")],
        ["verify", str(bad)],
    ]
    codes = [cli.run(arguments) for arguments in attempts]
    message = capsys.readouterr().err
    assert not mark.exists(), "it ran"
    assert all(code in (2, 3, 4, 5) for code in codes[1:]), (codes, message)
    assert "a bug" not in message
    pickle.loads(bad.read_bytes()) if not name.endswith(".npy") else np.load(bad, allow_pickle=True)
    assert mark.exists(), "the pickle was harmless: the test shows nothing"
