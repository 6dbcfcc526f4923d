"""Two builds side by side: what changed in options, documents, shares, tokenizer and training.

The figures are those of `gather` for each build. A figure that one of the two does not have is a dash. The first build
is grey on every chart, the second one coloured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.html import (
    THIN,
    Bar,
    Content,
    Figures,
    Label,
    Line,
    Markup,
    Section,
    charts,
    count,
    decimal,
    figure,
    folded,
    join,
    language,
    legend,
    named,
    plural,
    render_page,
    section,
    share,
    size,
    table,
    tag,
)
from pipelines.texts import endings
from sharding import seal

PAGE = "comparison.html"

Pair = tuple[float | None, float | None]
"""A figure of the first and of the second build."""
Show = Callable[[float | None], str]


def write_comparison(first: Path, second: Path, figures: tuple[Figures, Figures]) -> Path:
    """Write the page that compares two builds into the folder of the second; return its path.

    Raises UsageError if a file of another program has its name.
    """
    path = second / PAGE
    try:
        foreign = b'<meta name="made-from"' not in path.read_bytes()[:4096]
    except FileNotFoundError:
        foreign = False
    except OSError:
        foreign = True
    if foreign:
        raise UsageError(f"{path} is no report of arcorp: move it away")
    with seal.atomic_file(path) as file:
        file.write(render_comparison(names_of(first, second), figures).encode())
    return path


def names_of(first: Path, second: Path) -> tuple[str, str]:
    """Return short names of two folders: a and b of x/a and x/b, and of x/a/demo and x/b/demo.

    Raises UsageError if both are one folder.
    """
    paths = first.resolve(), second.resolve()
    if paths[0] == paths[1]:
        raise UsageError(f"{first} and {second} are one folder: name two builds")
    names = endings(paths)
    return names[0], names[1]


def render_comparison(names: tuple[str, str], figures: tuple[Figures, Figures]) -> str:
    """Return the page that compares two builds. names: of the builds; figures: those of `gather` for each."""
    sections = [
        _summary(names, figures),
        _options(names, figures),
        _documents(names, figures),
        _shares(names, figures),
        _tokenizer(names, figures),
        _training(names, figures),
    ]
    return render_page(
        title=f"{names[0]} and {names[1]}",
        kicker="arcorp comparison",
        lead=[tag("p", _sentence(names, figures), class_="lede")],
        sections=[part for part in sections if part is not None],
        foot="Written by arcorp from the sealed folders of two builds. report.json of each holds its figures.",
        made_from=seal.digest_of([each["made_from"] for each in figures]),
    )


def _sentence(names: tuple[str, str], figures: tuple[Figures, Figures]) -> str:
    digests = [{folder["folder"]: folder["digest"] for folder in each["provenance"]["folders"]} for each in figures]
    both = [folder for folder in digests[0] if folder in digests[1]]
    same = [folder for folder in both if digests[0][folder] == digests[1][folder]]
    first = next((folder for folder in both if folder not in same), None)
    if first is None:
        return f"All {plural(len(same), 'folder')} that both builds have are the same, byte for byte."
    unchanged = (
        f"{plural(len(same), 'folder')} of {len(both)} are the same in both builds, byte for byte. " if same else ""
    )
    return f"{unchanged}The first folder that differs is {first}."


# -- parts ------------------------------------------------------------------------------------------------


def change(pair: Pair, *, points: bool = False) -> str:
    """Format what changed from the first to the second: in per cent, or for shares in points; "" if nothing did."""
    before, after = pair
    if before is None or after is None or before == after:
        return ""
    if not before and not points:
        return "new"
    number = 100 * (after - before) if points else 100 * (after - before) / before
    return f"{number:+.{1 if abs(number) >= 0.1 else 2}f}{THIN}{'points' if points else '%'}".replace("-", "−")


def _compared(
    title: str,
    note: str,
    names: tuple[str, str],
    column: str,
    pairs: Mapping[str, Pair],
    show: Show,
    *,
    label: Callable[[str], Content] = str,
    points: bool = False,
) -> Markup:
    """Return a chart with two bars for each of several things, and a table of values and changes."""
    plain = language if label is named else str
    bars = [
        (
            Label(plain(name), change(pair, points=points)),
            [
                Bar(value, show(value), f"{build}: {show(value)}", colour)
                for colour, (build, value) in enumerate(zip(names, pair, strict=True))
                if value is not None
            ],
        )
        for name, pair in pairs.items()
    ]
    rows = [(label(name), *map(show, pair), change(pair, points=points)) for name, pair in pairs.items()]
    chart = charts.bars(title, f"{note} Two bars for each {column}.", bars)
    numbers = table([column, *(f"#{name}" for name in names), "#change"], rows)
    return figure(title, note, chart, numbers, _legend(names))


def _legend(names: tuple[str, str]) -> Markup:
    return legend({names[0]: 0, names[1]: 1})


def _sums(lines: Sequence[Figures], key: Callable[[Figures], str], unit: str) -> dict[str, int]:
    """Add up lines by their key."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[key(line)] = sums.get(key(line), 0) + line[unit]
    return sums


def _paired(both: Sequence[Mapping[str, float]], missing: float | None = 0) -> dict[str, Pair]:
    """Pair two mappings by key, the largest values first. `missing`: the value of a key that one does not have."""
    keys = {key: max(each.get(key) or 0 for each in both) for each in both for key in each}
    order = sorted(keys, key=lambda key: (-keys[key], key))
    return {key: (both[0].get(key, missing), both[1].get(key, missing)) for key in order}


# -- sections ---------------------------------------------------------------------------------------------


def _summary(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section:
    summaries = [each["summary"] for each in figures]
    facts: dict[str, tuple[Callable[[Figures], Any], Show]] = {
        "documents kept": (lambda summary: summary["documents"], count),
        "bytes of text": (lambda summary: summary["bytes"], lambda value: "–" if value is None else size(value)),
        "languages": (lambda summary: summary["languages"], count),
        "sources": (lambda summary: summary["sources"], count),
        "ids in the vocabulary": (lambda summary: summary["vocab_size"], count),
        "rows": (lambda summary: summary["rows"], count),
        "tokens in rows": (lambda summary: summary["tokens"], count),
        "parameters": (lambda summary: summary["parameters"], count),
        "training steps": (lambda summary: summary["steps"], count),
        "validation bits per byte": (lambda summary: (summary["bits_per_byte"] or {}).get("after"), decimal),
    }
    rows = []
    for name, (value, show) in facts.items():
        pair = value(summaries[0]), value(summaries[1])
        rows.append((name, *map(show, pair), change(pair)))
    return section(
        "summary",
        "Summary",
        "Figures of both builds, and the change from the first to the second.",
        table(["", *(f"#{name}" for name in names), "#change"], rows, narrow=True),
    )


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return the values of nested options by their dotted keys."""
    if not isinstance(value, dict) or not value:
        return {prefix: seal.canonical(value).decode().strip().strip('"')}
    return {
        key: shown
        for name, inner in value.items()
        for key, shown in _flat(inner, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _differing(folder: str, *options: Mapping[str, Any]) -> list[tuple[Content, ...]]:
    """Return a row for each option that differs between two."""
    first, second = map(_flat, options)
    return [
        (folder, tag("code", key), first.get(key, "–"), second.get(key, "–"))
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]


def _schedule(shares: Figures) -> dict[str, Any]:
    """Return the options of a schedule, which is no sealed folder: those of each phase by its name, and the others."""
    phases = {phase["name"]: f"{plural(phase['steps'], 'step')}, {phase['formula']}" for phase in shares["phases"]}
    return {"phases": phases, **{key: shares[key] for key in ("batch_rows", "max_epochs", "seed")}}


def _options(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section:
    folders = [{line["folder"]: line for line in each["provenance"]["folders"]} for each in figures]
    rows: list[tuple[Content, ...]] = []
    for folder in dict.fromkeys([*folders[0], *folders[1]]):
        if not all(folder in each for each in folders):
            there = ["there" if folder in each else "–" for each in folders]
            rows.append((folder, "the folder itself", *there))
            continue
        rows += _differing(folder, *(each[folder]["options"] for each in folders))
    if all("shares" in each for each in figures):
        rows += _differing("schedule", *(_schedule(each["shares"]) for each in figures))
    digests = [
        (folder, *(tag("code", each[folder]["digest"][:16]) if folder in each else "–" for each in folders))
        for folder in dict.fromkeys([*folders[0], *folders[1]])
    ]
    return section(
        "options",
        "Options that differ",
        "Options of each sealed folder, and of the schedule."
        if rows
        else "Both builds have the same folders with the same options.",
        table(["folder", "option", *names], rows) if rows else None,
        folded("Digests of all folders", table(["folder", *names], digests)),
        name="Options",
    )


def _documents(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section | None:
    if not all("sources" in each for each in figures):
        return None
    kept = [each["sources"]["kept"] for each in figures]
    by_language = _paired([_sums(lines, lambda line: str(line["language"]), "documents") for lines in kept])
    by_source = _paired([_sums(lines, lambda line: str(line["source"]), "documents") for lines in kept])
    reasons = _paired([_dropped(each) for each in figures])
    rows = [(reason, *map(count, pair), change(pair)) for reason, pair in reasons.items()]
    return section(
        "documents",
        "Documents",
        "Documents that remain after deduplication, and those that were dropped.",
        tag(
            "div",
            _compared("By language", "Remaining documents.", names, "language", by_language, count, label=named),
            _compared("By source", "Remaining documents.", names, "source", by_source, count),
            class_="pair",
        ),
        join(
            [tag("h3", "Dropped documents, by reason"), table(["reason", *(f"#{n}" for n in names), "#change"], rows)]
        )
        if rows
        else None,
    )


def _dropped(figures: Figures) -> dict[str, int]:
    """Return the number of documents that were dropped before packing, by reason."""
    dropped: dict[str, int] = {}
    for stage in figures["sources"]["funnel"]:
        for reason, number in stage["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + number
    return dropped


def _shares(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section | None:
    if not all("shares" in each for each in figures):
        return None
    if figures[0]["shares"]["by"] != figures[1]["shares"]["by"]:
        return None  # shares of languages and of sources have nothing in common
    by = figures[0]["shares"]["by"]
    natural, final = (
        _paired([{line["group"]: line[key] for line in each["shares"]["groups"]} for each in figures])
        for key in ("natural", "final")
    )
    label = named if by == "language" else str
    return section(
        "shares",
        "Shares",
        f"Shares of rows by {by}: of those that are stored (natural), and of those that training reads (final).",
        tag(
            "div",
            _compared("Final shares", "What training reads.", names, by, final, share, label=label, points=True),
            _compared("Natural shares", "What is stored.", names, by, natural, share, label=label, points=True),
            class_="pair",
        ),
    )


def _tokenizer(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section | None:
    if not all("fit" in each.get("tokenizer", {}) for each in figures):
        return None

    def measured(key: str) -> dict[str, Pair]:
        groups = [each["tokenizer"]["fit"]["groups"] for each in figures]
        return _paired([{name: group[key] for name, group in each.items()} for each in groups], None)

    return section(
        "tokenizer",
        "Tokenizer",
        "Each tokenizer is measured on the documents of its own build.",
        tag(
            "div",
            _compared(
                "Tokens per word",
                "Fertility: fewer is better.",
                names,
                "language",
                measured("tokens_per_word"),
                decimal,
                label=named,
            ),
            _compared(
                "Bytes per token",
                "Compression: more is better.",
                names,
                "language",
                measured("bytes_per_token"),
                decimal,
                label=named,
            ),
            class_="pair",
        ),
    )


def _training(names: tuple[str, str], figures: tuple[Figures, Figures]) -> Section | None:
    if not all("training" in each for each in figures):
        return None
    runs = [each["training"] for each in figures]
    curves = [
        Line(name, [(point["step"], point["loss"]) for point in run["curve"]], colour)
        for colour, (name, run) in enumerate(zip(names, runs, strict=True))
    ]
    chart = charts.lines("Training loss", "Two builds, by step.", curves, show="{:.4g}".format)
    note = "Nats per token. Losses of different tokenizers are not comparable: compare bits per byte."
    last = [run["validation"][-1] if run["validation"] else {} for run in runs]
    by = next((key for key in ("by_language", "by_category", "by_source") if all(key in each for each in last)), None)
    validation = None
    if by:
        groups = _paired(
            [{n: g["bits_per_byte"] for n, g in each[by].items() if g["bits_per_byte"] is not None} for each in last],
            None,
        )
        pairs = {"all": (last[0]["bits_per_byte"], last[1]["bits_per_byte"]), **groups}
        validation = _compared(
            "Validation bits per byte",
            "After training, each on the validation documents of its own build: fewer is better.",
            names,
            by.removeprefix("by_"),
            pairs,
            decimal,
            label=named if by == "by_language" else str,
        )
    return section(
        "training",
        "Training",
        "Loss and validation.",
        figure("Training loss", note, chart, None, _legend(names)),
        validation,
    )
