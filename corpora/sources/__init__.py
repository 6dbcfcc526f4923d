"""The sources by name, imported on first use, and their documentation.

>>> source = find_source("oscar")(language="arb_Arab")
>>> units = source.units(["oscar/OSCAR-2301/ar_meta"])

Each source is one file of this package. Its docstring is a title and a list of facts (reads, text, id, licence, ...),
which `describe` reads without importing the file. docs/sources.md is generated from these docstrings.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from corpora.errors import BadInput, UnknownSource

if TYPE_CHECKING:
    from corpora.reading import File
    from corpora.sources.base import Source

_FOLDER = Path(__file__).parent
_NOT_SOURCES = frozenset({"__init__", "__main__", "base", "openiti_markdown", "own_fields", "pipeline_step"})

FACTS = ("reads", "text", "id", "licence", "language", "category", "options", "dirt", "facts")
"""Facts in the docstring of a source, in this order."""


class _Sources(Mapping[str, "type[Source]"]):
    """Name -> class. The name is that of the file, with hyphens: `corpora/sources/fineweb_2.py` is `fineweb-2`."""

    def __getitem__(self, name: str) -> type[Source]:
        if name not in _modules():
            raise KeyError(name)
        module = importlib.import_module(f"corpora.sources.{_modules()[name]}")
        classes = (value for value in vars(module).values() if isinstance(value, type))
        return next(class_ for class_ in classes if class_.__dict__.get("name") == name)

    def __iter__(self) -> Iterator[str]:
        return iter(_modules())

    def __len__(self) -> int:
        return len(_modules())


SOURCES: Mapping[str, type[Source]] = _Sources()


@cache
def _modules() -> dict[str, str]:
    stems = sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem not in _NOT_SOURCES)
    return {stem.replace("_", "-"): stem for stem in stems}


def find_source(name: str) -> type[Source]:
    """Return the class of a source. Raises UnknownSource, with the closest names, if there is none."""
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSource(name, SOURCES) from None


def describe(name: str) -> dict[str, str]:
    """Return the "title" and the facts of a source from its docstring. Raises UnknownSource if there is none."""
    if name not in _modules():
        raise UnknownSource(name, SOURCES)
    doc = ast.get_docstring(ast.parse((_FOLDER / f"{_modules()[name]}.py").read_text("utf-8"))) or ""
    facts = {"title": doc.partition("\n")[0]}
    key = ""
    for line in doc.splitlines()[1:]:
        if match := re.match(rf"({'|'.join(FACTS)}) +(\S.*)", line):
            key = match[1]
            facts[key] = match[2]
        elif key and line.strip():
            facts[key] += " " + line.strip()
        else:
            key = ""
    return facts


def matching_sources(file: File) -> list[str]:
    """Return the names of the sources whose checks accept the first records of a file.

    If several sources accept the file, those that require the most fields are returned. Sources that accept any text
    are ignored.
    """
    from corpora.reading import Blocks, Lines, Record, Whole

    matches: dict[str, int] = {}  # name -> number of required fields
    for name, kind in SOURCES.items():
        source = kind()
        if any(type(format_) in (Whole, Lines, Blocks) for format_ in source.formats):
            continue
        with contextlib.suppress(BadInput):
            part = source.checked_slices(file)[0]
            if not any(isinstance(row, Record) for row in islice(source.format_of(part).rows(part), 1)):
                continue  # every source accepts a file without records
            own = source.fields and not source.FIELDS  # a format of the user's own files: matches if no corpus does
            matches[name] = 0 if own else max((len(required) for required in source.FIELDS), default=9)
    return sorted(name for name, count in matches.items() if count == max(matches.values()))


def page() -> str:
    """Return the contents of docs/sources.md: counts of real files, then the facts of every source."""
    parts = [
        "# Sources\n\nGenerated from the docstrings in `corpora/sources/` by `python -m corpora.sources`.\n",
        _samples(),
    ]
    for name in _modules():
        facts = describe(name)
        lines = "\n".join(f"| {key} | {_cell(facts[key])} |" for key in FACTS if key in facts)
        parts.append(f"\n## {name}\n\n{facts['title']}\n\n| | |\n|---|---|\n{lines}\n")
    return "".join(parts)


def _samples() -> str:
    import yaml

    lines = [
        "\n## On real files\n",
        "Output of `arcorp ingest` for a sample of each corpus, counted by `python tests/sampled.py SAMPLES`.\n",
        "| source | sample | documents | dropped | characters | licence given in the documents |",
        "|---|---|--:|--:|--:|---|",
    ]
    for sample in yaml.safe_load((_FOLDER.parents[1] / "docs" / "samples.yaml").read_text("utf-8")):
        dropped = ", ".join(f"{count} {reason}" for reason, count in sample["dropped"].items())
        licence = _cell(", ".join(filter(None, sample["licences"])) or "none given")
        documents, chars = f"{sample['documents']:,}", f"{sample['chars']:,}"
        lines.append(f"| {' | '.join((sample['source'], sample['folder'], documents, dropped, chars, licence))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape text for a cell of a Markdown table: `|`, and `<` outside code."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))
