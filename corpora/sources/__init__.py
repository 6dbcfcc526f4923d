"""The sources by name, imported when asked for; and what each one's page says of it.

>>> source = find_source("oscar")(language="arb_Arab")
>>> units = source.units(["oscar/OSCAR-2301/ar_meta"])

A source is one file here, whose docstring is a line of title and a list of facts (reads, text, id, licence, ...):
`describe` reads it without importing anything, and docs/sources.md is made of it.
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

_HERE = Path(__file__).parent
_NOT_SOURCES = frozenset({"__init__", "__main__", "base", "openiti_markdown", "own_fields", "pipeline_step"})

FACTS = ("reads", "text", "id", "licence", "language", "category", "options", "dirt", "facts")
"""What a source's docstring tells, in this order."""


class _Sources(Mapping[str, "type[Source]"]):
    """Name -> class. A name is its file's, with hyphens: `corpora/sources/fineweb_2.py` is `fineweb-2`."""

    def __getitem__(self, name: str) -> type[Source]:
        if name not in _modules():
            raise KeyError(name)
        module = importlib.import_module(f"corpora.sources.{_modules()[name]}")
        return next(
            each for each in vars(module).values() if isinstance(each, type) and each.__dict__.get("name") == name
        )

    def __iter__(self) -> Iterator[str]:
        return iter(_modules())

    def __len__(self) -> int:
        return len(_modules())


SOURCES: Mapping[str, type[Source]] = _Sources()


@cache
def _modules() -> dict[str, str]:
    stems = sorted(path.stem for path in _HERE.glob("*.py") if path.stem not in _NOT_SOURCES)
    return {stem.replace("_", "-"): stem for stem in stems}


def find_source(name: str) -> type[Source]:
    """The class of a source. Raises UnknownSource with the closest names."""
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSource(name, SOURCES) from None


def describe(name: str) -> dict[str, str]:
    """ "title" and the facts of a source, from its docstring. Raises UnknownSource."""
    if name not in _modules():
        raise UnknownSource(name, SOURCES)
    doc = ast.get_docstring(ast.parse((_HERE / f"{_modules()[name]}.py").read_text("utf-8"))) or ""
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


def claimants(file: File) -> list[str]:
    """Sources that would take a file by its first records: the most demanding of them, which ask for most fields.

    Those that take any text are no witnesses.
    """
    from corpora.reading import Blocks, Lines, Record, Whole

    found: dict[str, int] = {}
    for name, kind in SOURCES.items():
        source = kind()
        if any(type(format_) in (Whole, Lines, Blocks) for format_ in source.formats):
            continue
        with contextlib.suppress(BadInput):
            part = source.look(file)[0]
            if not any(isinstance(row, Record) for row in islice(source.format_of(part).rows(part), 1)):
                continue  # a file without records is anybody's
            own = source.fields and not source.FIELDS  # anyone's own files: these claim a file if nobody else does
            found[name] = 0 if own else max((len(wanted) for wanted in source.FIELDS), default=9)
    return sorted(name for name, demand in found.items() if demand == max(found.values()))


def page() -> str:
    """docs/sources.md: what comes of real files, then every source and its facts."""
    parts = [
        "# Sources\n\nMade from the docstrings in `corpora/sources/` by `python -m corpora.sources`.\n",
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
        "What `arcorp ingest` makes of a sample of each corpus, as `python tests/sampled.py SAMPLES` counts it.\n",
        "| source | sample | documents | dropped | characters | licence, as the documents say |",
        "|---|---|--:|--:|--:|---|",
    ]
    for one in yaml.safe_load((_HERE.parents[1] / "docs" / "samples.yaml").read_text("utf-8")):
        dropped = ", ".join(f"{count} {reason}" for reason, count in one["dropped"].items())
        licence = _cell(", ".join(filter(None, one["licences"])) or "none given")
        cells = one["source"], one["folder"], f"{one['documents']:,}", dropped, f"{one['chars']:,}", licence
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text in a table of Markdown: `|` ends no cell, and <text> that is not code is no tag."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))
