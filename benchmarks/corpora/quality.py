"""Quality rules compared with datatrove's three filters: speed, agreement, and the share that each profile keeps
(`benchmarks.corpora.kept`).

`python -m benchmarks.corpora.quality` runs only this benchmark. Speeds are in processor time of one core, measured for
both on the same documents. Words are split again in every run; there is no cache of words.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from datatrove.data import Document

from benchmarks.corpora import stock
from benchmarks.corpora.kept import kinds
from benchmarks.corpora.texts import real
from corpora.document_counts import DocumentCounter
from corpora.quality import Filter, Limits, Meter, failed_rule, fineweb_2

VARIETIES = ("arb_Arab", "arz_Arab", "ars_Arab", "ary_Arab", "apc_Arab")
KINDS = {
    "arb_news": 1_200,
    "arb_wiki": 300,
    "arz_wiki": 2_000,
    "dialect": 4_400,
    "classical_openiti_0325AH": 600,
    "hadith_vocalised": 1_700,
    "python_stdlib": 200,
}
"""Documents of each file that are compared: 10,400 in all."""

TIMED = 1_500_000
"""Bytes of each file that are timed."""


def run() -> dict[str, Any]:
    """Run all three measurements. `times` is the smallest gain over all kinds of text."""
    speed = {kind: _speed(kind) for kind in KINDS}
    return {
        "times": min(gain["times"] for gain in speed.values()),
        "speed": speed,
        "agreement": agreement(),
        "kept": {name: kind.shares() for name, kind in kinds().items()},
    }


def _speed(kind: str) -> dict[str, float]:
    """Measure megabytes per processor second on one kind of text, for arcorp and datatrove."""
    texts, size = [], 0
    for text in real([kind]):
        texts.append(text)
        size += len(text.encode())
        if size > TIMED:
            break
    ours = [Filter(Limits(), DocumentCounter(), lambda _: "web")]
    theirs = stock.filters()
    for steps in (ours, theirs):
        _pass(texts[:2], steps)  # compile, load
    fast, slow = min(_pass(texts, ours) for _ in range(3)), _pass(texts, theirs)
    return {"arcorp": size / 1e6 / fast, "datatrove": size / 1e6 / slow, "times": slow / fast}


def _pass(texts: Iterable[str], steps: Iterable[Any]) -> float:
    """Return the processor seconds of running documents through chained steps, as an executor does."""
    flow: Iterator[Document] = iter(list(_documents(texts)))
    for step in steps:
        flow = step.run(flow)
    began = time.process_time()
    for _ in flow:
        pass
    return time.process_time() - began


def _documents(texts: Iterable[str]) -> Iterator[Document]:
    for number, text in enumerate(texts):
        columns = {"source": "", "category": "arabic", "language": "arb_Arab", "license": "", "url": "", "date": ""}
        yield Document(text=text, id=str(number), metadata={**columns, "metadata": {}})


def agreement() -> dict[str, Any]:
    """Compare the decisions of arcorp and datatrove on documents, with the thresholds of five varieties of Arabic.

    Each difference is listed with document, variety and both reasons.
    """
    chains = {language: stock.filters(language) for language in VARIETIES}
    rules, meter = fineweb_2(), Meter()
    decisions, kept, differences = 0, 0, []
    for kind, count in KINDS.items():
        for number, text in enumerate(islice(real([kind]), count)):
            for language in VARIETIES:
                ours = failed_rule(meter(text, rules[language].stop_words), rules[language])
                theirs = _reason(text, chains[language])
                decisions += 1
                kept += not ours
                if ours != theirs:
                    differences.append(f"{kind} {number} {language}: {ours or 'kept'}, datatrove {theirs or 'kept'}")
    return {
        "documents": sum(KINDS.values()),
        "judgements": decisions,
        "kept": kept / decisions,
        "equal": 1 - len(differences) / decisions,
        "differences": differences,
    }


def _reason(text: str, filters: Iterable[Any]) -> str:
    document = Document(text=text, id="")
    results = (step.filter(document) for step in filters)
    return next((result[1] for result in results if result is not True), "")


if __name__ == "__main__":
    from benchmarks.harness import print_results

    print_results("quality", run())
