"""The camel segmenter: analyses of a camel-tools database, the most probable one of each word chosen by EM.

camel-tools (Obeid et al. 2020) finds every prefix + stem + suffix that an ALMOR database permits; the `bw` feature
lists the morphemes. The database does not rank the analyses of a word. Expectation-maximisation over the words of the
corpus estimates the probabilities of prefixes, stems and suffixes. With Buckwalter's tables of 2002 this raises
boundary F1 on WikiNews from .868 (first analysis) to .97. Words without an analysis are passed to another segmenter.

camel-tools 1.6 downloads a catalogue when it is imported, and the import fails without a network. The catalogue is not
needed here: the import is given an empty one, and databases are read from the folder of `camel_data`.
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
_FLOOR = 1e-3  # mass of an affix or stem without occurrences

Analysis = tuple[tuple[str, ...], str, tuple[str, ...]]
"""Prefixes, stem and suffixes of a word, as spelled."""

# Tags of morphemes after a stem, and of the inflection before a verb, which is part of the stem, as in Farasa.
_NEGATION = "NEG_PART:SUFF"  # NEG_PART is also the tag of ما, which precedes the stem
_SUFFIXES = ("NSUFF", "PVSUFF", "IVSUFF", "CVSUFF", "CASE_", "POSS_PRON", "PRON_", _NEGATION)
_INFLECTION = ("IV1", "IV2", "IV3")
_SPELLINGS = str.maketrans("أإآٱىةت", "ااااي" + "هه")


class CamelSegmenter:
    """Splits words by their most probable analysis.

    `database`: path of a database. `words`: number of occurrences of each bare word of the corpus, for the estimation.
    `others`: the segmenter of words without an analysis. Raises SegmenterError if camel-tools or the database is
    unusable.
    """

    def __init__(self, database: Path, words: Mapping[str, int], others: Segmenter) -> None:
        self._analyzer = _analyzer(database)
        self._others = others
        self._analyses_of_word: dict[str, list[Analysis]] = {}
        types = sorted(words)
        self._weights = _weigh([self._analyses(word) for word in types], [words[word] for word in types])

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""
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
        """Return the analyses of a word in the database, each spelling once, sorted."""
        if word not in self._analyses_of_word:
            analyses = (
                {spell_analysis(analysis.get("bw") or "", word) for analysis in self._analyzer.analyze(word)}
                if word
                else set()
            )
            self._analyses_of_word[word] = sorted(analysis for analysis in analyses if analysis is not None)
        return self._analyses_of_word[word]


def database_path(name: str | None) -> Path:
    """Return the path of a database given by name or path.

    Raises SegmenterError with the command that downloads it if there is no such file.
    """
    name = name or DEFAULT_DATABASE
    if os.sep in name or name.endswith(".db"):
        path = Path(name)
        mend = "give the path of a camel-tools database, or a name such as 'calima-msa-r13'"
    else:
        data_folder = os.environ.get("CAMELTOOLS_DATA") or "~/.camel_tools"
        path = Path(data_folder).expanduser() / "data" / "morphology_db" / name / "morphology.db"
        mend = f"download it with: camel_data -i {name.replace('calima', 'morphology-db')}"
    if not path.is_file():
        raise SegmenterError(f"{path}: the database does not exist; {mend}")
    return path


def spell_analysis(morphemes: str, word: str) -> Analysis | None:
    """Return the morphemes of a `bw` feature (`و/CONJ+ال/DET+كِتاب/NOUN+ُ/CASE_DEF_NOM`) as spelled in the word.

    None if the morphemes do not concatenate to the word, so that boundaries are undefined.
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
    if before[-2:] == ["ل", "ال"]:  # ال loses its alef after ل, and its ل before a stem that begins with ل
        before[-1] = "ل"
        if sum(map(len, (*before, middle, *after))) == len(word) + 1:
            middle = middle.removeprefix("ل")
    joined = "".join((*before, middle, *after))
    if not middle or len(joined) != len(word) or joined.translate(_SPELLINGS) != word.translate(_SPELLINGS):
        return None
    return tuple(before), middle, tuple(after)


def _weigh(analyses: Sequence[Sequence[Analysis]], counts: Sequence[int]) -> tuple[dict[Any, float], ...]:
    """Return log-probabilities of prefixes, stems and suffixes. A word has the weight log(1 + count)."""
    owners = np.repeat(np.arange(len(analyses)), [len(each) for each in analyses])
    flat = [analysis for each in analyses for analysis in each]
    weight = np.log1p(np.array(counts, np.float64))[owners]
    numbers: list[NDArray[np.int64]] = []
    names: list[dict[Any, int]] = []
    for slot in range(3):
        numbers_of: dict[Any, int] = {}
        numbers.append(
            np.array([numbers_of.setdefault(analysis[slot], len(numbers_of)) for analysis in flat], np.int64)
        )
        names.append(numbers_of)
    shares = 1 / np.maximum(1, np.bincount(owners, minlength=len(analyses)))[owners]
    for _ in range(_ROUNDS):
        masses = [
            np.bincount(number, weight * shares, len(numbers_of))
            for number, numbers_of in zip(numbers, names, strict=True)
        ]
        chances = np.prod([(mass + _FLOOR)[number] for mass, number in zip(masses, numbers, strict=True)], axis=0)
        shares = chances / np.bincount(owners, chances, len(analyses))[owners]
    if not flat:
        return {}, {}, {}
    return tuple(
        dict(
            zip(
                numbers_of,
                np.log(np.bincount(number, weight * shares, len(numbers_of)) + _FLOOR).tolist(),
                strict=True,
            )
        )
        for number, numbers_of in zip(numbers, names, strict=True)
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
        raise SegmenterError(
            "camel-tools is not installed; install it with: pip install 'arcorp[morphology]'"
        ) from error
    try:
        data = MorphologyDB(str(database))
    except (OSError, ValueError, MorphologyError) as error:
        raise SegmenterError(f"{database}: is not a database of camel-tools ({error}); download it again") from error
    if "bw" not in data.defines:
        raise SegmenterError(
            f"{database}: its analyses have no feature 'bw', which the boundaries are read from; use another database"
        )
    return Analyzer(data)
