"""What the quality profiles keep of every kind of sample text, and texts that they drop.

`python -m benchmarks.corpora.kept` measures it and writes the tables of docs/quality.md.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, get_args

from datatrove.data import Document

from benchmarks.corpora.texts import ROOT, SAMPLES, real
from corpora.cleaning import Clean, Normalisation
from corpora.cleaning.pii import mask
from corpora.document_counts import DocumentCounter
from corpora.labels import Quality
from corpora.quality import Filter, Limits, Profiles
from corpora.sources import find_source

PAGE = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- kept: made by python -m benchmarks.corpora.kept -->", "<!-- end of kept -->"
PROFILES: tuple[Quality, ...] = tuple(profile for profile in get_args(Quality) if profile != "none")
SHOWN, EXCERPT = 30, 100
"""Dropped texts of each profile, and their characters, on the page."""

DATA, CASES = SAMPLES / "data", SAMPLES / "cases" / "text-in"

SOURCES = {
    "web pages, cleaned (cc100)": ("cc100", DATA / "cc100"),
    "web pages with menus (oscar)": ("oscar", DATA / "oscar"),
    "FineWeb-2, arb, arz and ars": ("fineweb-2", DATA / "fineweb-2"),
    "news with its headlines (saudinewsnet)": ("saudinewsnet", DATA / "saudinewsnet"),
    "Wikipedia, ar and arz": ("wikipedia", DATA / "wikipedia"),
    "books (openiti)": ("openiti", DATA / "openiti"),
    "books, one fault each (cases/openiti)": ("openiti", CASES / "openiti"),
    "books (shamela)": ("shamela", DATA / "shamela"),
    "hadith (hadith-json)": ("hadith-json", DATA / "hadith"),
    "forty hadiths of a few words (cases)": ("hadith-json", CASES / "shahwaliullah40.json"),
    "Quran": ("quran", DATA / "quran"),
    "vocalised passages of a line (tashkeela)": ("tashkeela", DATA / "tashkeela"),
    "stories, standard and two dialects (arastories)": ("arastories", DATA / "arastories"),
    "a textbook (open-web-math)": ("open-web-math", DATA / "math" / "open-web-math"),
    "GSM8K": ("gsm8k", DATA / "math" / "gsm8k"),
    "Python and JavaScript (starcoderdata)": ("starcoderdata", DATA / "code" / "starcoderdata"),
}
"""Kind -> source and its sample. The own profile is that of the source."""

BULK: dict[str, tuple[str, Quality, str]] = {
    "news, complete articles (bulk)": ("arb_news", "web", "arb_Arab"),
    "OpenITI, in pieces of 5 KB (bulk)": ("classical_openiti_0325AH", "classical", "arb_Arab"),
    "hadith, vocalised (bulk)": ("hadith_vocalised", "reference", "arb_Arab"),
    "dialect: tweets and sentences (bulk)": ("dialect", "dialect", "apc_Arab"),
    "Python's standard library (bulk)": ("python_stdlib", "code", "python"),
}
"""Kind -> bulk file, own profile and language."""


@dataclass(frozen=True)
class Kind:
    """Documents of one kind, and the profile of each by its columns."""

    documents: list[Document]
    profile: Callable[[Mapping[str, Any]], Quality]

    def kept(self, profile: Quality | None = None) -> float:
        """Return the share that is kept by a profile, or by the own one."""
        return 1 - len(self.dropped(profile)) / len(self.documents)

    def dropped(self, profile: Quality | None = None) -> list[tuple[str, Document]]:
        """Return (reason, document) of the documents that a profile, or the own one, drops."""
        step = Filter(Limits(), DocumentCounter(), self.profile if profile is None else lambda _: profile)
        decided = [(step.filter(document), document) for document in self.documents]
        return [(decision[1], document) for decision, document in decided if isinstance(decision, tuple)]

    @property
    def own(self) -> str:
        """The names of the own profiles."""
        return ", ".join(sorted({self.profile(document.metadata) for document in self.documents}))

    def shares(self) -> dict[str, Any]:
        """Return the number of documents, the own profiles, and the shares kept."""
        by_profile: dict[str, float] = {
            profile: self.kept(profile) for profile in PROFILES if (profile == "code") == (self.own == "code")
        }
        return {"documents": len(self.documents), "profile": self.own, "kept by it": self.kept(), **by_profile}


def kinds() -> dict[str, Kind]:
    """Return all kinds of text, by name."""
    result = {}
    for name, (source_name, path) in SOURCES.items():
        source, counter = find_source(source_name)(), DocumentCounter()
        read = chain.from_iterable(source.documents(unit, counter) for unit in source.units([path]))
        result[name] = Kind(list(Clean(source, Normalisation(), counter).run(read)), Profiles(source))
    for name, (file, profile, language) in BULK.items():
        result[name] = _kind(real([file]), profile, language)
    tweets = (
        row["tweet"]
        for path in (DATA / "dialect" / "ArSarcasm-v2").glob("*.csv")
        for row in csv.DictReader(path.open())
    )
    result["tweets (ArSarcasm)"] = _kind(tweets, "dialect", "ars_Arab")
    shami = chain.from_iterable(_lines(path) for path in (DATA / "dialect" / "shami").iterdir())
    result["sentences in Jordanian (shami)"] = _kind(shami, "dialect", "ajp_Arab")
    result["sentences in Jordanian (cases)"] = _kind(_lines(CASES / "jordanian.txt"), "dialect", "ajp_Arab")
    bad = [json.loads(line)["text"] for line in _lines(CASES / "web-bad" / "bad.jsonl")]
    return result | {"bad web pages (cases)": _kind(bad, "web", "arb_Arab")}


def _kind(texts: Iterable[str], profile: Quality, language: str) -> Kind:
    columns = {"category": "arabic", "language": language, "license": "", "metadata": {}}
    documents = [Document(text=text, id=str(number), metadata=columns) for number, text in enumerate(texts)]
    return Kind(documents, lambda _: profile)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(errors="ignore").splitlines() if line.strip()]


def page(texts: Mapping[str, Kind]) -> str:
    """Return the tables of docs/quality.md."""
    shown = [profile for profile in PROFILES if profile not in ("code", "math")]
    lines = [f"| text | documents | own profile | kept by it | {' | '.join(f'`{name}`' for name in shown)} |"]
    lines += ["|---|--:|---|--:|" + "--:|" * len(shown)]
    for name, kind in texts.items():
        cells = ["" if kind.own == "code" else _percent(kind.kept(profile)) for profile in shown]
        start = [name, f"{len(kind.documents):,}", f"`{kind.own}`".replace(", ", "`, `"), _percent(kind.kept())]
        lines.append(f"| {' | '.join([*start, *cells])} |")
    lines += ["", "## Dropped texts", "", "Up to thirty texts that each profile drops of the kinds that it is for."]
    for profile in PROFILES:
        rows = _examples(texts, profile)
        if rows and profile != "code":
            lines += ["", f"### {profile}", "", "| reason | text | kind |", "|---|---|---|", *rows]
    return "\n".join(lines)


def _examples(texts: Mapping[str, Kind], profile: Quality) -> list[str]:
    """Return lines of a table of dropped texts: the kinds in turn, and of each those with the smallest hashes."""
    by_kind = []
    for name, kind in texts.items():
        mine = [(why, document) for why, document in kind.dropped() if kind.profile(document.metadata) == profile]
        mine.sort(key=lambda pair: hashlib.sha256(pair[1].text.encode()).digest())
        by_kind.append([f"| `{why}` | {_excerpt(document.text)} | {name} |" for why, document in mine[:SHOWN]])
    return [row for rows in zip_longest(*by_kind) for row in rows if row][:SHOWN]


def _excerpt(text: str) -> str:
    """Return the beginning of a text in a cell of a table, without names of users, addresses and numbers."""
    shown, _ = mask(text[:EXCERPT])
    shown = re.sub(r"@\w+", "@…", re.sub(r"https?://\S*", "https://…", shown))
    shown = re.sub(r"([\\|<>`*_\[\]#~$])", r"\\\1", shown.replace("\t", " "))
    return " ⏎ ".join(line.strip() for line in shown.splitlines() if line.strip()) + (
        "…" if len(text) > EXCERPT else ""
    )


def _percent(share: float) -> str:
    digits = 0 if share in (0, 1) or 0.01 <= share <= 0.985 else 1 if share < 0.9995 else 2
    return f"{100 * share:.{digits}f} %"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n\n{page(kinds())}\n\n{END}{tail}", encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
