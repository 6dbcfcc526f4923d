"""The list of faults with their promised outcomes, and the page of the faults that were tried.

A test anywhere in `tests/` is marked by `@pytest.mark.fault(number)`. A test that tries its fault more than once
records the number of tries by `record_property("times", n)`.
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
    5: ("one rank of a stage fails", "no later stage runs; the next run gives identical bytes"),
    6: ("other numbers of workers, tasks or ranks", "identical bytes"),
    7: ("inputs, options or code changed after the folder was begun", "refused; the change is named"),
    8: ("a sealed output deleted, shortened or flipped", "located; only that file is made again, identical"),
    9: ("a truncated input: zst, gzip, xz, Parquet, zip, JSON lines", "refused, or dropped and counted"),
    10: ("single bits flipped in files of every format written", "every flip is detected"),
    11: ("invalid UTF-8", "the document is dropped and counted; the others are kept"),
    12: ("lone surrogates, NUL, BOM, CRLF, U+2028, bidirectional controls", "the documented policy; counted"),
    13: ("null, a number or a list in place of text", "the line is dropped and counted"),
    14: ("an empty document, file or corpus", "counted and reported; an empty corpus is refused"),
    15: ("duplicate ids", "refused, or dropped and counted"),
    16: ("a document of 100 MB, a line of 1 GB, whole books", "read, or refused, in bounded memory"),
    17: ("zst, gzip and zip bombs", "refused at a limit of bytes"),
    18: ("archive members with `..`, links, devices", "refused"),
    19: ("a wrong file extension, the wrong reader", "detected from the bytes; refused, with the likely reader"),
    20: ("a full disk, an unwritable folder", "refused; no partial file under a final name; then identical bytes"),
    21: ("a power cut: data and names that were not fsynced are lost", "identical bytes after the next run"),
    22: ("ids out of range, vocabularies of 65,536 ids and more", "refused, or written wider; never narrowed"),
    23: ("a tokenizer that is not the dataset's", "refused"),
    24: ("a changed shard, segment, sidecar, plan, schedule or checkpoint", "located, or refused"),
    25: ("pickles: a malicious .pkl, .pt, .npy", "never opened"),
    26: ("training resumed within an epoch, with another number of ranks", "the same rows in the same order"),
    27: ("the same seed again", "identical bytes"),
    28: ("parsers on mutated files", "read, or refused in one sentence"),
    29: ("folders and files of other programs, given to --out and --restart", "refused or kept, and named"),
    30: ("build --restart over other builds, links, locked folders, users' files", "kept, and named"),
    31: ("names in manifests, sidecars, plans, schedules, checkpoints: `..`, absolute paths, links", "refused"),
    32: ("wrong numbers in records whose digests are right", "refused in one sentence"),
    33: ("a command that was refused before its first byte, then corrected", "accepted"),
    34: (
        "recipes and flags with paths, shell text, control and bidirectional characters",
        "nothing outside --out, no command run, nothing raw on the terminal",
    ),
    35: (
        "documents with HTML, links, control and bidirectional characters in any field",
        "inert in cards, reports, terminals",
    ),
    36: ("options out of bounds, or that contradict each other", "refused when the recipe is loaded, with the line"),
    37: ("a flipped bit in any file of a build, with size and time kept", "refused by name, mended, or not read"),
    38: ("training on a shard with a flipped bit", "refused, with shard, step, rows and documents; nothing is kept"),
    39: ("an input replaced after a kill, or rewritten while it is read", "refused by name; versions are not mixed"),
    40: ("an input changed after it was read, with size and time kept", "named on the next run"),
    41: ("user, password, query or fragment in an address", "in no name, id, file, log or message"),
    42: ("wrong sizes in a Parquet, Arrow, JSON or npy file", "refused, in bounded memory"),
    43: ("records under .arcorp empty, shortened or of other types", "refused by name, or not needed; equal bytes"),
    44: ("tokenizer files nested, of other types, with pathological patterns", "read, or refused in one sentence"),
    45: ("a damaged folder on a read-only disk", "exit code 4; the file is named"),
    46: ("an error of the system or of a library without a file name", "one sentence with the file or folder"),
    47: ("another processor, locale, time zone, home or number of cores", "identical bytes"),
}
"""Number -> (fault, promised outcome)."""


def table(tried: Iterable[tuple[int, int, str]]) -> str:
    """Return docs/reliability.md. `tried`: (fault, times, 'passed' | 'failed' | 'error' | 'skipped') of each test."""
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
            "# Reliability: the faults that are tested",
            "",
            f"Written on {_today()} (Python {platform.python_version()}, {platform.system()}) by the tests marked",
            "`fault`. `make test` runs them too; `make test-faults` tries each fault many times. A line holds a",
            "fault, the promised outcome, the number of tests, the number of tries, and the observed outcome.",
            "",
            "| | fault | promise | tests | times | outcome |",
            "|---|---|---|---:|---:|---|",
            *lines,
            "",
            "`pytest -m fault` runs these tests. It lists the tests that were skipped because SLURM or the sample",
            "corpora are missing. For faults 1, 20 and 21, `tests/faults/points.py` numbers every write, fsync and",
            "rename of a build, and injects the fault at each.",
            "",
            *fuzzed(),
        ]
    )


def fuzzed() -> list[str]:
    """Return the section of the newest results of `make fuzz`; empty if there are none."""
    results = sorted(RESULTS.glob("fuzz-20*.json"))
    if not results:
        return []
    recorded = json.loads(results[-1].read_bytes())
    lines = []
    for parser in recorded["parsers"]:
        outcome = f"**{parser['wrong']} not as promised**" if parser["wrong"] else "as promised"
        figures = (
            f"{parser['seconds'] / 60:.1f} | {parser['examples']:,} | {parser['read']:,} | {parser['slowest']:.1f}"
        )
        lines.append(f"| {parser['parser']} | {figures} | {outcome} |")
    return [
        "## Parsers on mutated files",
        "",
        f"Measured by `make fuzz` on {recorded['date']} ({recorded['machine']['cpu']}). A file of each format",
        "is changed in one to four places, many times. The promise: the file is read, or refused in one sentence; no",
        "other exception is raised; and a file with a digest (a manifest, schedule, sidecar, segment, checkpoint)",
        "is read only unchanged.",
        "",
        "| parser | minutes | tries | read | slowest, seconds | outcome |",
        "|---|---:|---:|---:|---:|---|",
        *lines,
        "",
    ]


def keep(recorded: list[dict[str, Any]]) -> Path:
    """Add results of fuzzing to results/fuzz-DATE.json. Times and tries of one parser on one day are summed."""
    path = RESULTS / f"fuzz-{_today()}.json"
    before = json.loads(path.read_bytes())["parsers"] if path.exists() else []
    parsers: dict[str, dict[str, Any]] = {}
    for parser in [*before, *recorded]:
        known = parsers.setdefault(parser["parser"], parser)
        if known is not parser:
            known["slowest"] = max(known["slowest"], parser["slowest"])
            known |= {key: round(known[key] + parser[key], 1) for key in ("seconds", "examples", "read", "wrong")}
    write_json(path, {"date": _today(), "machine": machine(os.getloadavg()[0]), "parsers": list(parsers.values())})
    return path


def write(path: Path, tried: Iterable[tuple[int, int, str]]) -> None:
    path.write_text(table(tried), encoding="utf-8")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
