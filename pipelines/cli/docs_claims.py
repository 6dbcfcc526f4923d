"""docs/claims.md: where each figure and promise of the pages is from, by docs/claims.yaml.

A claim names its page, the words there, and the command that makes them again. Its evidence is one of these:

    result   NAME PATH: a figure in the newest `benchmarks/results/NAME-DATE.json`. A part of the path is a key, an
             index, or KEY=VALUE[;KEY=VALUE] for the first item of a list with these values. NAME alone is the file
    scale    percent: of a share; more: percent above 1. Of `result`
    test     the test that holds the promise, in pytest's form
    faults   numbers of docs/reliability.md
    date     of the run, for a command whose result is not kept

A claim without words is of its whole page, or of all pages of a pattern. `faults_of` checks all of this, and that no
measured figure on any page is without a claim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DATA = "docs/claims.yaml"
PAGES = ("README.md", "README.ar.md", "docs/*.md", "docs/how-to/*.md", "docs/recipes/*.md")
KEYS = {"page", "text", "command", "result", "scale", "test", "faults", "date"}
EVIDENCE = ("result", "test", "faults", "date")
UNITS = (
    "x|%|s|ms|seconds|minutes?|hours?|core-hours?|MB|GB|TB|KB|kB|MiB|GiB|nats|bits per byte|tokens/s|"
    "ثانية|ثوان|دقيقة|دقائق|ساعة|ساعات|٪"
)
FIGURE = re.compile(rf"(?<![\w.,-])[.\d][\d,_.]*\s?(?:{UNITS})(?![\w-])")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
SCALES: Mapping[str, Callable[[float], float]] = {
    "percent": lambda value: 100 * value,
    "more": lambda value: 100 * (value - 1),
    "fewer": lambda value: -100 * value,
}

Claim = Mapping[str, Any]


def claims(root: Path) -> list[Claim]:
    """Return the claims of docs/claims.yaml in their order."""
    loaded: list[Claim] = yaml.safe_load((root / DATA).read_text("utf-8"))
    return loaded


def claims_page(root: Path) -> str:
    """Return docs/claims.md."""
    lines = [
        "# Claims",
        "",
        "Each figure and promise of these pages, the command that makes it again, and its evidence: a committed",
        "result, a test of `make test`, a fault of [docs/reliability.md](reliability.md), or the date of a run whose",
        f"result is not kept. Generated from `{DATA}` by `make format`. A test checks that each figure is that of its",
        "result, and that no measured figure is missing here.",
        "",
        "| page | claim | command | evidence |",
        "|---|---|---|---|",
    ]
    for claim in claims(root):
        shown = _cell(claim["text"]) if "text" in claim else "all of it"
        lines.append(f"| {claim['page']} | {shown} | `{_cell(claim['command'])}` | {_cell(_evidence(root, claim))} |")
    return "\n".join([*lines, ""])


def faults_of(root: Path, commands: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each claim that does not hold and for each figure without one. commands: by full name."""
    wrong = []
    for claim in claims(root):
        name = f"{DATA}, {claim.get('page')}, '{str(claim.get('text', 'all of it'))[:50]}'"
        wrong += [f"{name}: {fault}" for fault in _faults_of_claim(root, claim, commands)]
    return wrong + [f"{page.relative_to(root)}: '{figure}' has no claim in {DATA}" for page, figure in unclaimed(root)]


def _faults_of_claim(root: Path, claim: Claim, commands: Mapping[str, Any]) -> Iterator[str]:
    if unknown := claim.keys() - KEYS:
        yield f"{', '.join(sorted(unknown))}: no such key"
    pages = sorted(root.glob(claim["page"]))
    if not pages:
        yield "there is no such page"
    if "text" in claim and not any(_plain(claim["text"]) in _plain(page.read_text("utf-8")) for page in pages):
        yield "the page does not say this"
    if not command_exists(root, claim["command"], commands):
        yield f"{claim['command']}: there is no such command"
    if not any(key in claim for key in EVIDENCE):
        yield f"it has no evidence: one of {', '.join(EVIDENCE)}"
    if "test" in claim and not _test_exists(root, claim["test"]):
        yield f"{claim['test']}: there is no such test"
    if "faults" in claim:
        listed = set(re.findall(r"^\| (\d+) \|", (root / "docs" / "reliability.md").read_text("utf-8"), re.MULTILINE))
        yield from (
            f"docs/reliability.md has no fault {fault}" for fault in claim["faults"] if str(fault) not in listed
        )
    if "result" in claim:
        try:
            if " " not in claim["result"]:
                _newest(root, claim["result"])
                return
            figure = figure_of(root, claim)
        except (LookupError, ValueError, TypeError) as error:
            yield f"{claim['result']}: no such result ({error})"
            return
        if "text" in claim and not any(agrees(number, figure) for number in NUMBER.findall(claim["text"])):
            yield f"the committed result is {figure:.6g}"


def figure_of(root: Path, claim: Claim) -> float:
    """Return the figure of a claim's result. Raises LookupError if there is none."""
    name, _, path = claim["result"].partition(" ")
    value = json.loads(_newest(root, name).read_bytes())
    for part in path.split("/"):
        if isinstance(value, list) and "=" in part:
            required = dict(pair.split("=", 1) for pair in part.split(";"))
            value = next(
                (item for item in value if all(str(item.get(key)) == required[key] for key in required)), None
            ) or _none(part)
        else:
            value = value[int(part)] if isinstance(value, list) else value[part]
    return SCALES[claim["scale"]](value) if "scale" in claim else float(value)


def agrees(number: str, figure: float) -> bool:
    """Return whether a number in a text is the figure, rounded to the digits of the text.

    >>> agrees("19", 18.6), agrees("1.30", 1.296), agrees("19", 18.4)
    (True, True, False)
    """
    decimals = len(number.partition(".")[2])
    return abs(float(number.replace(",", "")) - figure) <= 0.5 * 0.1**decimals + 1e-9


def command_exists(root: Path, command: str, commands: Mapping[str, Any]) -> bool:
    """Return whether a command is one of make's, arcorp's, pytest's on existing paths, or a module of this project."""
    words = [word for word in command.split() if "=" not in word or word.startswith("-")]
    first, *rest = words
    if first == "make":
        return bool(re.search(rf"^{re.escape(rest[0])}:", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    if first == "arcorp":
        return " ".join(rest[:2]) in commands or rest[0] in commands
    if first == "pytest":
        paths = [word.partition("::")[0] for word in rest if word.startswith("tests/")]
        return bool(paths) and all((root / path).exists() for path in paths)
    if words[:2] == ["python", "-m"]:
        module = root.joinpath(*rest[1].split("."))
        return module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
    return False


def unclaimed(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each measured figure, with its page, that is in no claim's words. Code blocks are not read."""
    all_claims = claims(root)
    whole = {page for claim in all_claims if "text" not in claim for page in root.glob(claim["page"])}
    for page in sorted(page for pattern in PAGES for page in root.glob(pattern)):
        if page in whole or page.name == "claims.md":
            continue
        text = _plain(re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))
        for claim in all_claims:
            if "text" in claim and page in root.glob(claim["page"]):
                text = text.replace(_plain(claim["text"]), "")
        for match in FIGURE.finditer(text):
            yield page, text[max(0, match.start() - 40) : match.end() + 20]


def _evidence(root: Path, claim: Claim) -> str:
    evidence = []
    if "result" in claim:
        file = _newest(root, claim["result"].partition(" ")[0])
        evidence.append(f"{figure_of(root, claim):.4g} in {file.name}" if " " in claim["result"] else file.name)
    if "test" in claim:
        evidence.append(f"`{claim['test']}`")
    if "faults" in claim:
        evidence.append("faults " + ", ".join(map(str, claim["faults"])))
    if "date" in claim:
        evidence.append(f"run: {claim['date']}")
    return "; ".join(evidence)


def _newest(root: Path, name: str) -> Path:
    files = sorted((root / "benchmarks" / "results").glob(f"{name}-20*.json"))
    return files[-1] if files else _none(f"benchmarks/results/{name}-DATE.json")


def _none(what: str) -> Any:
    raise LookupError(what)


def _test_exists(root: Path, name: str) -> bool:
    path, *names = name.split("::")
    file = root / path
    return file.is_file() and all(f"def {function}(" in file.read_text("utf-8") for function in names)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
