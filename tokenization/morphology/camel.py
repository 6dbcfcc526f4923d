"""The camel segmenter: analyses from a database of camel-tools, the likeliest of each word's by EM over the corpus.

camel-tools (Obeid et al. 2020) finds every prefix + stem + suffix that an ALMOR database allows; their `bw` feature
spells out the morphemes. Which analysis a word has is not said by the database: expectation-maximisation over the
words of the corpus finds how probable prefixes, stems and suffixes are. With Buckwalter's tables of 2002 that takes
boundary F1 on WikiNews from .868 (the first analysis) to .97. Words without an analysis go to another segmenter.

camel-tools 1.6 fetches a catalogue over the network when it is imported, and fails without one. Nothing of it is
needed here: the import is given an empty catalogue, and databases are found where `camel_data` puts them.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import SegmenterError
from tokenization.morphology.segmenter import Boundaries, Segmenter, bare

DEFAULT_DATABASE = "calima-msa-r13"
_ROUNDS = 8
_FLOOR = 1e-3  # what an affix or stem counts that has no occurrence

Analysis = tuple[tuple[str, ...], str, tuple[str, ...]]
"""Prefixes, stem and suffixes of a word, as spelled."""

# Tags of what stands behind a stem; of the inflection before a verb, which is a part of its stem here, as in Farasa.
_NEGATION = "NEG_PART:SUFF"  # the tag of ما too, which stands before
_SUFFIXES = ("NSUFF", "PVSUFF", "IVSUFF", "CVSUFF", "CASE_", "POSS_PRON", "PRON_", _NEGATION)
_INFLECTION = ("IV1", "IV2", "IV3")
_SPELLINGS = str.maketrans("أإآٱىةت", "ااااي" + "هه")


class CamelSegmenter:
    """Cuts by the likeliest analysis; `others` cuts the words that have none.

    `words` (how often each bare word occurs) is the corpus by which analyses are weighed.
    """

    def __init__(self, database: Path, words: Mapping[str, int], others: Segmenter) -> None:
        self._analyzer = _analyzer(database)
        self._others = others
        self._analyses_of_word: dict[str, list[Analysis]] = {}
        types = sorted(words)
        self._weights = _weigh([self._analyses(word) for word in types], [words[word] for word in types])

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """The cuts of each word, in order."""
        unknown = sorted({word for word in words if not self._analyses(word)})
        of_others = dict(zip(unknown, self._others.boundaries(unknown), strict=True))
        return [of_others[word] if word in of_others else self._best(word) for word in words]

    def _best(self, word: str) -> Boundaries:
        before, stem, after = max(self._analyses(word), key=self._score)
        ends = np.cumsum([len(part) for part in (*before, stem, *after)])
        return tuple(ends[:-1].tolist())

    def _score(self, analysis: Analysis) -> float:
        return sum(weights.get(part, math.log(_FLOOR)) for part, weights in zip(analysis, self._weights, strict=True))

    def _analyses(self, word: str) -> list[Analysis]:
        """What the database says of a word, each spelling once, in a fixed order."""
        if word not in self._analyses_of_word:
            analyses = (
                {spell_analysis(analysis.get("bw") or "", word) for analysis in self._analyzer.analyze(word)}
                if word
                else set()
            )
            self._analyses_of_word[word] = sorted(analysis for analysis in analyses if analysis is not None)
        return self._analyses_of_word[word]


def database_path(name: str | None) -> Path:
    """Where the database of that name, or at that path, is. Raises SegmenterError, with the command that gets it."""
    name = name or DEFAULT_DATABASE
    if os.sep in name or name.endswith(".db"):
        path = Path(name)
        mend = "name a database of camel-tools by its path, or as 'calima-msa-r13'"
    else:
        data_folder = os.environ.get("CAMELTOOLS_DATA") or "~/.camel_tools"
        path = Path(data_folder).expanduser() / "data" / "morphology_db" / name / "morphology.db"
        mend = f"get it with: camel_data -i {name.replace('calima', 'morphology-db')}"
    if not path.is_file():
        raise SegmenterError(f"{path}: there is no such database; {mend}")
    return path


def spell_analysis(morphemes: str, word: str) -> Analysis | None:
    """Morphemes of a `bw` feature (`و/CONJ+ال/DET+كِتاب/NOUN+ُ/CASE_DEF_NOM`) as the word spells them.

    None if they don't make up the word: then nothing can be said of where it is to be cut.
    """
    parts: list[str] = []
    tags: list[str] = []
    for morpheme in morphemes.split("+"):
        form, _, tag = morpheme.rpartition("/")
        form = "".join(char for char in bare(form) if "\u0621" <= char <= "\u0671")
        if tags and tags[-1].startswith(_INFLECTION):
            parts[-1] += form
            tags[-1] = tag
        elif form or tag.startswith(_SUFFIXES):
            parts.append(form)
            tags.append(_NEGATION if tags and (form, tag) == ("ش", "NEG_PART") else tag)
    stem = len(tags)
    while stem and tags[stem - 1].startswith(_SUFFIXES):
        stem -= 1
    if not stem:
        return None
    before, middle, after = parts[: stem - 1], parts[stem - 1], [part for part in parts[stem:] if part]
    if before[-2:] == ["ل", "ال"]:  # the article loses its alef after it, and itself before a stem in ل
        before[-1] = "ل"
        if sum(map(len, (*before, middle, *after))) == len(word) + 1:
            middle = middle.removeprefix("ل")
    joined = "".join((*before, middle, *after))
    if not middle or len(joined) != len(word) or joined.translate(_SPELLINGS) != word.translate(_SPELLINGS):
        return None
    return tuple(before), middle, tuple(after)


def _weigh(analyses: Sequence[Sequence[Analysis]], counts: Sequence[int]) -> tuple[dict[Any, float], ...]:
    """Logarithms of how probable prefixes, stems and suffixes are. Words weigh by the logarithm of their counts."""
    owners = np.repeat(np.arange(len(analyses)), [len(each) for each in analyses])
    flat = [analysis for each in analyses for analysis in each]
    weight = np.log1p(np.array(counts, np.float64))[owners]
    numbers: list[NDArray[np.int64]] = []
    names: list[dict[Any, int]] = []
    for slot in range(3):
        known: dict[Any, int] = {}
        numbers.append(np.array([known.setdefault(analysis[slot], len(known)) for analysis in flat], np.int64))
        names.append(known)
    shares = 1 / np.maximum(1, np.bincount(owners, minlength=len(analyses)))[owners]
    for _ in range(_ROUNDS):
        masses = [
            np.bincount(number, weight * shares, len(known)) for number, known in zip(numbers, names, strict=True)
        ]
        chances = np.prod([(mass + _FLOOR)[number] for mass, number in zip(masses, numbers, strict=True)], axis=0)
        shares = chances / np.bincount(owners, chances, len(analyses))[owners]
    if not flat:
        return {}, {}, {}
    return tuple(
        dict(zip(known, np.log(np.bincount(number, weight * shares, len(known)) + _FLOOR).tolist(), strict=True))
        for number, known in zip(numbers, names, strict=True)
    )


def _analyzer(database: Path) -> Any:
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "catalogue.json").write_text(
                json.dumps({"version": "1.6", "packages": {}, "components": {}}), encoding="utf-8"
            )
            before = os.environ.get("CAMELTOOLS_DATA")
            os.environ["CAMELTOOLS_DATA"] = folder
            try:
                from camel_tools.morphology.analyzer import Analyzer
                from camel_tools.morphology.database import MorphologyDB
                from camel_tools.morphology.errors import MorphologyError
            finally:
                del os.environ["CAMELTOOLS_DATA"]
                if before is not None:
                    os.environ["CAMELTOOLS_DATA"] = before
    except ImportError as error:
        raise SegmenterError("camel-tools is not installed; get it with: pip install 'arcorp[morphology]'") from error
    try:
        data = MorphologyDB(str(database))
    except (OSError, ValueError, MorphologyError) as error:
        raise SegmenterError(f"{database}: is no database of camel-tools ({error}); get it again") from error
    if "bw" not in data.defines:
        raise SegmenterError(f"{database}: its analyses have no feature 'bw' to cut by; take another database")
    return Analyzer(data)
