"""Rules of quality beside datatrove's three filters: speed, agreement, and what each profile keeps of the samples.

`python -m benchmarks.corpora.quality` runs it alone. Speeds are of one core, by its own clock, both sides on the same
documents one after the other. Words are cut anew each time: there is no table of words to be warm or empty.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from datatrove.data import Document

from benchmarks.corpora import stock
from benchmarks.corpora.texts import SAMPLES, real
from corpora.cleaning import Clean, Normalisation
from corpora.document_counts import DocumentCounter
from corpora.quality import Filter, Limits, Meter, failed_rule, fineweb_2, profiles_of
from corpora.sources import find_source

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

CORPORA = {
    "oscar": "oscar",
    "cc100": "cc100",
    "saudinewsnet": "saudinewsnet",
    "fineweb-2": "fineweb-2",
    "wikipedia": "wikipedia",
    "openiti": "openiti",
    "shamela": "shamela",
    "hadith-json": "hadith",
    "tashkeela": "tashkeela",
    "quran": "quran",
    "arastories": "arastories",
    "the-stack-v2": "code/the-stack-v2-dedup",
    "starcoderdata": "code/starcoderdata",
    "open-web-math": "math/open-web-math",
    "gsm8k": "math/gsm8k",
}
"""Sources, and where their samples lie."""

BULK = {
    "classical_openiti_0325AH": "classical",
    "hadith_vocalised": "classical",
    "arb_news": "web",
    "python_stdlib": "code",
}
"""Larger samples without a source of their own, and the profile that such text asks for."""


def run() -> dict[str, Any]:
    """All three. `times` is the least of the kinds of text."""
    speed = {kind: _speed(kind) for kind in KINDS}
    return {
        "times": min(one["times"] for one in speed.values()),
        "speed": speed,
        "agreement": agreement(),
        "kept": kept(),
    }


def _speed(kind: str) -> dict[str, float]:
    """Megabytes a processor second of one kind of text, both ways."""
    texts, size = [], 0
    for text in real([kind]):
        texts.append(text)
        size += len(text.encode())
        if size > TIMED:
            break
    ours = [Filter(Limits(), DocumentCounter(), {"arabic": "web"})]
    theirs = stock.filters()
    for steps in (ours, theirs):
        _pass(texts[:2], steps)  # compile, load
    alone, beside = min(_pass(texts, ours) for _ in range(3)), _pass(texts, theirs)
    return {"arcorp": size / 1e6 / alone, "datatrove": size / 1e6 / beside, "times": beside / alone}


def _pass(texts: Iterable[str], steps: Iterable[Any]) -> float:
    """Processor seconds of documents through the steps, piped as an executor pipes them."""
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
    """Documents judged under the thresholds of five varieties by both, and each on which they differ."""
    chains = {language: stock.filters(language) for language in VARIETIES}
    rules, meter = fineweb_2(), Meter()
    judged, kept, differences = 0, 0, []
    for kind, count in KINDS.items():
        for number, text in enumerate(islice(real([kind]), count)):
            for language in VARIETIES:
                ours = failed_rule(meter(text, rules[language].stop_words), rules[language])
                theirs = _reason(text, chains[language])
                judged += 1
                kept += not ours
                if ours != theirs:
                    differences.append(f"{kind} {number} {language}: {ours or 'kept'}, datatrove {theirs or 'kept'}")
    return {
        "documents": sum(KINDS.values()),
        "judgements": judged,
        "kept": kept / judged,
        "equal": 1 - len(differences) / judged,
        "differences": differences,
    }


def _reason(text: str, filters: Iterable[Any]) -> str:
    document = Document(text=text, id="")
    verdicts = (step.filter(document) for step in filters)
    return next((verdict[1] for verdict in verdicts if verdict is not True), "")


def kept() -> dict[str, Any]:
    """Of each sample corpus: documents, and the share that its own profile keeps, and that the web's does."""
    found = {}
    for name, folder in CORPORA.items():
        source, counter = find_source(name)(), DocumentCounter()
        units = source.units([SAMPLES / "data" / folder])
        read = chain.from_iterable(source.documents(unit, counter) for unit in units)
        documents = list(Clean(source, Normalisation(), counter).run(read))
        profiles = profiles_of(source)
        found[name] = {
            "documents": len(documents),
            "profile": profiles[documents[0].metadata["category"]],
            "kept by it": _share(documents, Filter(Limits(), DocumentCounter(), profiles)),
            "kept by web": _share(documents, Filter(Limits(), DocumentCounter(), profiles_of(source, "web"))),
        }
    for name, profile in BULK.items():
        documents = list(_documents(real([name])))
        found[name] = {
            "documents": len(documents),
            "profile": profile,
            "kept by it": _share(documents, Filter(Limits(), DocumentCounter(), {"arabic": profile})),
            "kept by web": _share(documents, Filter(Limits(), DocumentCounter(), {"arabic": "web"})),
        }
    return found


def _share(documents: list[Document], step: Filter) -> float:
    return sum(step.filter(document) is True for document in documents) / len(documents)


if __name__ == "__main__":
    from benchmarks.harness import print_results

    print_results("quality", run())
