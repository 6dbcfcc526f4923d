"""A comparison of two tokenizers, for tests of its figures and of its page."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import cli

GOLD = "والكتاب\tو+ال+كتاب\nبيت\tبيت\nمدرستها\tمدرس+ت+ها\n"


@dataclass(frozen=True)
class Comparison:
    """`arcorp fertility` of the small build's tokenizer and of `other`, the same with half of its merges."""

    other: Path
    out: Path
    gold: str
    printed: str


@pytest.fixture(scope="session")
def compared(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The comparison. Shared: copy its folder before changing it."""
    folder = tmp_path_factory.mktemp("compared")
    other, out = folder / "fewer", folder / "out"
    other.mkdir()
    config = json.loads((built / "tokenizer" / "tokenizer.json").read_bytes())
    del config["model"]["merges"][300:]
    (other / "tokenizer.json").write_text(json.dumps(config))
    (folder / "gold.tsv").write_text(GOLD)
    command = ["fertility", str(built / "tokenizer"), str(other), "--docs", str(built / "unique"), "--out", str(out)]
    with (folder / "stdout").open("w") as stdout, contextlib.redirect_stdout(stdout):
        assert cli.run([*command, "--gold", str(folder / "gold.tsv"), "--sizes", "300,1k"]) == 0
    return Comparison(other, out, GOLD, (folder / "stdout").read_text())
