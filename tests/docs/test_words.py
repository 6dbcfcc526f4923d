"""Words that plain technical English does not need: none is in code, comments, messages or pages.

Each word stands beside its replacement. CHANGELOG.md and docs/decisions are a record of the past and keep theirs. Keys
and names of files on disk keep theirs too, so that folders of earlier releases open.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "arcorp",
    "corpora",
    "tokenization",
    "sharding",
    "training",
    "pipelines",
    "benchmarks",
    "tests",
    "docs",
    "examples",
)
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "Makefile",
    "pyproject.toml",
    "mkdocs.yml",
    ".pre-commit-config.yaml",
)
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".html", ".css", ".js", ".sh", ".ipynb"}

WORDS = {
    "ledgers?": "counts",
    "tally|tallies|tallied": "counter, counts",
    "census(es)?": "statistics",
    "fates?": "decision",
    "verdicts?": "decision",
    "judges?|judged|judging": "decide, decision",
    "drafts?|drafted|drafting": "record, plan",
    "lay|lays|laid|laying": "create, write, override",
    "came|went|goes|gone": "is read, is written, is dropped",
    "told|tells?|telling": "reported, given, shown",
    "said|says|saying": "message, reported, states",
    "knows?|knew": "reads, has, uses",
    "wants?|wanted": "requires, expected",
    "whoever|nobody|anybody|somebody": "none, a caller, a user",
    "rooms?": "package, space",
}
"""Pattern of whole words, in any case -> what to write instead."""

CLASSES = {"Handed": "Delegated", "Maker": "Launcher", "Here": "LocalRunner", "Ledger": "Counts", "Tally": "counter"}
"""Earlier names of classes -> their names now."""

LOCALS = {"one", "at", "found", "said", "told", "come", "go"}
"""Names of variables that do not state what they hold."""

ON_DISK = re.compile(
    r"""["'`](?:census(?:\.json)?|ledgers|fate|verdict-[^"'`]*|draft|told_apart)["'`]|\bcensus\.json\b"""
)
"""Keys and names of files in folders on disk. They stay."""

POSITION = re.compile(r"\bdef tell\(|\.tell\(\)")
"""The method of Python's files."""

DATA = {
    "docs/decisions/": "a record of the past",
    "benchmarks/results/": "measured on a date",
    "corpora/demo/lexicon": "text of the demo corpus",
    "corpora/demo/grammars": "text of the demo corpus",
    "tests/docs/test_words.py": "the list itself",
}
"""Beginnings of paths that are not searched, and the reason."""

ALLOWED = {
    ("corpora/demo/lexemes.py", "goes"): "an entry of the lexicon",
    ("corpora/demo/lexemes.py", "went"): "an entry of the lexicon",
    ("corpora/demo/lexemes.py", "gone"): "an entry of the lexicon",
    ("tests/faults/hostile.py", "nobody"): "a user name in a hostile path",
    ("pipelines/run/state_files.py", "judged"): "a folder's name on disk, as release 0.1.0 wrote it",
    ("pipelines/stages/dedup.py", "judge"): "a stage's name on disk, as release 0.1.0 wrote it",
    ("tests/pipelines/stages/test_dedup.py", "judged"): "a folder's name on disk, as release 0.1.0 wrote it",
}
"""(file, word in lower case) -> the reason why the word is right there."""


@functools.cache
def files() -> dict[str, str]:
    """Return the text of every file of code or prose, by its path in the repository."""
    paths = [ROOT / name for name in PAGES]
    for folder in FOLDERS:
        paths += sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES and path.is_file())
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {name: path.read_text("utf-8") for name, path in names.items() if not name.startswith(tuple(DATA))}


def matches(text: str, pattern: re.Pattern[str], file: str) -> Iterator[tuple[int, str]]:
    """The line number and the word of each match. Keys on disk, methods of Python and allowed words are excluded."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in pattern.finditer(POSITION.sub("", ON_DISK.sub("", line))):
            if (file, match.group().lower()) not in ALLOWED:
                yield number, match.group()


def report(pattern: re.Pattern[str], instead: str) -> list[str]:
    """Return one line for each match in the repository: file, line, word and replacement."""
    return [
        f"{file}:{number}: {word!r}: write {instead}"
        for file, text in files().items()
        if pattern.search(text)
        for number, word in matches(text, pattern, file)
    ]


@pytest.mark.parametrize("words", WORDS)
def test_no_replaced_word_remains(words: str) -> None:
    remaining = report(re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE), WORDS[words])
    assert not remaining, "\n".join([f"{len(remaining)} remain", *remaining])


@pytest.mark.parametrize("name", CLASSES)
def test_no_earlier_name_of_a_class_remains(name: str) -> None:
    remaining = report(re.compile(rf"\b(?:class {name}\b|{name}\(|`{name}`)"), CLASSES[name])
    assert not remaining, "\n".join(remaining)


def bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line number and the name of each variable and parameter that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_variables_state_what_they_hold() -> None:
    remaining = [
        f"{file}:{number}: {name}"
        for file, text in files().items()
        if file.endswith(".py")
        for number, name in bound(ast.parse(text))
        if name in LOCALS
    ]
    assert not remaining, "\n".join([f"{len(remaining)} remain", *remaining])


def test_the_search_reports_the_line_and_the_word_and_ignores_keys_on_disk() -> None:
    pattern = re.compile(r"(?<![a-z])(?:census|said)(?![a-z])", re.IGNORECASE)
    text = 'a\nA Census of b\nfolder.read("census.json")\nunsaid, _said_\n'
    assert list(matches(text, pattern, "a.py")) == [(2, "Census"), (4, "said")]
    assert sorted(bound(ast.parse("def f(one):\n    for at in one: pass\n"))) == [(1, "one"), (2, "at")]
