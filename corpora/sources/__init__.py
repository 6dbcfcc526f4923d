"""The sources by name, imported on first use, and their documentation.

>>> source = find_source("oscar")(language="arb_Arab")
>>> units = source.units(["oscar/OSCAR-2301/ar_meta"])

Each source is one file of this package. Its docstring is a title and a list of facts (reads, text, id, licence, ...),
which `describe` reads without importing the file. docs/sources.md is generated from these docstrings.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from corpora.errors import UnknownSource
from corpora.sources.described_options import COMMON, SourceOption, options_of

if TYPE_CHECKING:
    from corpora.reading import File
    from corpora.sources.base import Source
    from corpora.sources.recognition import Recognised

_FOLDER = Path(__file__).parent
_SHARED = """
__init__ __main__ base conversations cuts described_options editions encoded field_paths guesses labelling
openiti_markdown openiti_marks openiti_notes own_fields parsed_record pipeline_step recognition unit values wiki_markup
wrong_fields
"""
_NOT_SOURCES = frozenset(_SHARED.split())

FACTS = ("reads", "text", "id", "licence", "language", "category", "dirt", "facts")
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


def source_options(name: str) -> list[SourceOption]:
    """Return the options of a source. Raises UnknownSource if there is none of that name."""
    return options_of(find_source(name))


def recognise(file: File, text_field: str = "") -> Recognised:
    """Return the source and options that read a file, as `corpora.sources.recognition.recognise` does."""
    from corpora.sources import recognition

    return recognition.recognise(file, text_field)


def advice(source: Source, file: File, mend: str) -> str:
    """Return what reads a file that a source refuses with an advice `mend`."""
    from corpora.sources import recognition

    return recognition.advice(source, file, mend)


def page() -> str:
    """Return the contents of docs/sources.md: counts of real files, then the facts of every source."""
    parts = [
        "# Sources\n\nGenerated from the docstrings in `corpora/sources/` by `python -m corpora.sources`.\n",
        _samples(),
    ]
    for name in _modules():
        facts = describe(name)
        lines = "\n".join(f"| {key} | {_cell(facts[key])} |" for key in FACTS if key in facts)
        parts.append(f"\n## {name}\n\n{facts['title']}\n\n| | |\n|---|---|\n{lines}\n{_options(name)}")
    return "".join(parts)


def _options(name: str) -> str:
    """Return the table of a source's own options, "" if it has none."""
    own = [option for option in source_options(name) if option.name not in COMMON]
    if not own:
        return ""
    rows = [(f"`{o.name}`", o.description, o.kind, "" if o.default is None else f"`{o.default}`") for o in own]
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(["\n| option | description | type | default |", "|---|---|---|---|", *lines]) + "\n"


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
