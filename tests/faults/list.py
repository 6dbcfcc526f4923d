"""The faults that arcorp is held to, each with its promised outcome, and the table of what was tried.

Tests anywhere in `tests/` take part by `@pytest.mark.fault(number)`; a test that tries its fault more than once
says how often by `record_property("times", n)`.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, machine
from sharding.seal import write_json

FAULTS = {
    1: ("kill -9 at a write, fsync or rename of any stage; run again", "identical bytes"),
    2: ("SIGTERM, SIGINT, preemption, requeue; run again", "identical bytes"),
    3: ("two processes on one output folder", "the second is refused"),
    4: ("a build launched again while its jobs are queued or running", "refused"),
    5: ("one rank of a stage fails", "nothing after it runs; run again: identical bytes"),
    6: ("other numbers of workers, tasks or ranks", "identical bytes"),
    7: ("inputs, options or code changed since the folder was begun", "refused, naming what changed"),
    8: ("an output deleted, cut or flipped once sealed", "found; just that file made again, identical"),
    9: ("a truncated input: zst, gzip, xz, Parquet, zip, JSON lines", "refused, or set aside and counted"),
    10: ("single bits flipped in files of every format written", "none passes in silence"),
    11: ("invalid UTF-8", "that document set aside and counted, the others kept"),
    12: ("lone surrogates, NUL, BOM, CRLF, U+2028, bidirectional controls", "the stated policy, counted"),
    13: ("null, a number or a list where text should be", "that line set aside and counted"),
    14: ("an empty document, file or corpus", "counted, said; an empty corpus is refused"),
    15: ("duplicate ids", "refused, or set aside and counted"),
    16: ("a document of 100 MB, a line of 1 GB, whole books", "done, or refused, in bounded memory"),
    17: ("zst, gzip and zip bombs", "refused at a byte budget"),
    18: ("archive members with `..`, links, devices", "refused"),
    19: ("a wrong file extension, the wrong reader", "told by the bytes; refused, naming the likely one"),
    20: ("a full disk, an unwritable folder", "refused, no partial file under a final name; then identical"),
    21: ("a power cut: what was not fsynced is gone, names too", "identical bytes after the next run"),
    22: ("ids out of range, vocabularies at 65,536 and above", "refused, or written wider; never narrowed"),
    23: ("another tokenizer than the dataset's", "refused"),
    24: ("a shard, segment, sidecar, plan, schedule or checkpoint tampered with", "found, or refused"),
    25: ("pickles: a malicious .pkl, .pt, .npy", "never opened"),
    26: ("training resumed in the middle of an epoch, at another world size", "the same rows in the same order"),
    27: ("the same seed again", "identical bytes"),
    28: ("parsers on mutated files", "read, or refused in one sentence"),
    34: (
        "recipes and flags with paths, shell text, control and bidirectional characters",
        "nothing outside --out, no command run, nothing raw on the terminal",
    ),
    35: (
        "documents with HTML, links, control and bidirectional characters in any field",
        "inert in cards, reports, terminals",
    ),
    36: ("options out of bounds, or that contradict each other", "refused when the recipe is loaded, with the line"),
    29: ("folders and files that are not arcorp's, given to --out and --restart", "refused or left, and named"),
    30: ("build --restart over other builds, links, locked folders, users' files", "left, and named"),
    31: ("names in manifests, sidecars, plans, schedules, checkpoints: `..`, absolute, links", "refused"),
    32: ("numbers that lie in records whose digests are right", "refused in one sentence"),
    33: ("a command that was refused before the first byte, then corrected", "accepted"),
    39: ("an input replaced after a kill, or rewritten while it is read", "refused by name; nothing mixed"),
    40: ("an input of the same size and time changed since it was read", "named on the next run"),
    41: ("user, password, query or fragment in an address", "in no name, id, file, log or sentence"),
    42: ("sizes that a Parquet, Arrow, JSON or npy file lies about", "refused, in bounded memory"),
    43: ("records under .arcorp empty, cut or of other types", "refused by name, or not needed; no byte changes"),
    44: ("tokenizer files nested, of other types, with pathological patterns", "read, or refused in one sentence"),
    45: ("a damaged folder that can only be read", "exit code 4, the file named"),
    46: ("an error of the system or of a library that names no file", "one sentence with the file or folder"),
    47: ("another processor, locale, time zone, home or number of cores", "identical bytes"),
    37: (
        "a bit of any file of a build flipped, size and time kept",
        "refused by name, mended, or not read",
    ),
    38: ("training on a shard with a flipped bit", "refused, naming shard, step, rows and documents; nothing is kept"),
}
"""Number -> (fault, promised outcome)."""


def table(tried: Iterable[tuple[int, int, str]]) -> str:
    """docs/reliability.md from (fault, times, 'passed' | 'failed' | 'error' | 'skipped') of every test that ran."""
    times: dict[int, int] = defaultdict(int)
    tests: dict[int, int] = defaultdict(int)
    failed: dict[int, int] = defaultdict(int)
    for fault, count, outcome in tried:
        if outcome == "passed":
            tests[fault] += 1
            times[fault] += count
        elif outcome in ("failed", "error"):
            failed[fault] += 1
    lines = []
    for fault, (what, promise) in FAULTS.items():
        outcome = "as promised" if tests[fault] else "not tried"
        if failed[fault]:
            outcome = f"**{failed[fault]} not as promised**"
        lines.append(f"| {fault} | {what} | {promise} | {tests[fault]} | {times[fault]:,} | {outcome} |")
    return "\n".join(
        [
            "# What is tried to break it",
            "",
            f"Written on {_today()} (Python {platform.python_version()}, {platform.system()}) by the tests marked",
            "`fault`, which `make test` runs too; `make test-faults` tries each many times. A line is a fault, what",
            "arcorp promises then, how many tests try it, how often they tried, and whether it did so every time.",
            "",
            "| | fault | promise | tests | times | outcome |",
            "|---|---|---|---:|---:|---|",
            *lines,
            "",
            "`pytest -m fault` runs the tests of all, and lists those that were skipped for want of SLURM or of the",
            "sample corpora. The points of 1, 20 and 21 are counted:",
            "`tests/faults/points.py` numbers every write, fsync and rename of a build, and strikes at each.",
            "",
            *fuzzed(),
        ]
    )


def fuzzed() -> list[str]:
    """The section of the newest results of `make fuzz`; none if there are none."""
    results = sorted(RESULTS.glob("fuzz-20*.json"))
    if not results:
        return []
    found = json.loads(results[-1].read_bytes())
    lines = []
    for one in found["parsers"]:
        outcome = f"**{one['wrong']} not as promised**" if one["wrong"] else "as promised"
        figures = f"{one['seconds'] / 60:.1f} | {one['examples']:,} | {one['read']:,} | {one['slowest']:.1f}"
        lines.append(f"| {one['parser']} | {figures} | {outcome} |")
    return [
        "## Parsers on mutated files",
        "",
        f"Measured by `make fuzz` on {found['date']} ({found['machine']['cpu']}). A file of each format is changed in",
        "one to four places, over and over. Promised is that it is read, or refused in one sentence; that no other",
        "exception comes up; and that what carries a digest (a manifest, schedule, sidecar, segment, checkpoint) is",
        "never read as anything but what was written.",
        "",
        "| parser | minutes | tries | of them read | slowest, seconds | outcome |",
        "|---|---:|---:|---:|---:|---|",
        *lines,
        "",
    ]


def keep(found: list[dict[str, Any]]) -> Path:
    """Add what fuzzing found to results/fuzz-DATE.json: times and tries of one parser on one day add up."""
    path = RESULTS / f"fuzz-{_today()}.json"
    before = json.loads(path.read_bytes())["parsers"] if path.exists() else []
    parsers: dict[str, dict[str, Any]] = {}
    for one in [*before, *found]:
        known = parsers.setdefault(one["parser"], one)
        if known is not one:
            known["slowest"] = max(known["slowest"], one["slowest"])
            known |= {key: round(known[key] + one[key], 1) for key in ("seconds", "examples", "read", "wrong")}
    write_json(path, {"date": _today(), "machine": machine(os.getloadavg()[0]), "parsers": list(parsers.values())})
    return path


def write(path: Path, tried: Iterable[tuple[int, int, str]]) -> None:
    path.write_text(table(tried), encoding="utf-8")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
