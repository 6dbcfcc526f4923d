"""CONTRIBUTING.md: the example of a source runs, and the walk names files and functions that exist."""

import ast
import json
import re
import sys
import types
from pathlib import Path

from corpora.document_counts import DocumentCounter

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_the_example_of_a_source_reads_a_file(tmp_path: Path, monkeypatch) -> None:
    module = types.ModuleType("wiki")
    monkeypatch.setitem(sys.modules, "wiki", module)
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], module.__dict__)
    lines = [{"page": 1, "body": "نص المقالة", "title": "عنوان"}, {"page": 2, "body": "نص آخر"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    source = module.Wiki()
    (unit,) = source.units([tmp_path])
    documents = list(source.documents(unit, DocumentCounter()))
    assert [document.id for document in documents] == ["wiki/1", "wiki/2"]
    assert documents[0].text == "نص المقالة"


def test_every_file_of_the_walk_exists_and_defines_the_name_beside_it() -> None:
    walk = PAGE[PAGE.index("## From a FineWeb-2 row") : PAGE.index("## Adding a source")]
    steps = re.findall(r"`([\w/]+\.py)`\s*(?:\(`(\w+)`\)|, `(\w+)`)?", walk)
    assert len(steps) > 20
    for file, *names in steps:
        defined = {getattr(node, "name", "") for node in ast.parse((ROOT / file).read_bytes()).body}
        assert {name for name in names if name} <= defined, file
    paths = re.findall(r"`((?:corpora|tokenization|sharding|training|pipelines|tests)/[\w/.]*)`", PAGE)
    assert [path for path in paths if not (ROOT / path).exists()] == []
