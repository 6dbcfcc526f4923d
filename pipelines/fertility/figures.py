"""Tokenizers and texts -> the figures of the report, as JSON has them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError
from pipelines.fertility.texts import Stratum, bare, kept_aside, read_texts, vocalised
from pipelines.report.fit import passages

if TYPE_CHECKING:
    from tokenization.evaluation import TokenCounter as Tally
    from tokenization.model import Encoder, Tokenizer
    from tokenization.morphology import Boundaries as Cuts

FORMAT = 1
GROUPS = ("folder", "source", "language", "category")
SEGMENTED_WORDS = 20_000  # words of the texts whose morphemes a segmenter says, where there is no gold
VIEWED_LANGUAGES = 8
SPEED_CHARS = 4_000_000


def gather(names: Sequence[str], docs: Sequence[Path], gold: Path | None, sizes: Sequence[int]) -> dict[str, Any]:
    """Everything the report shows. The first tokenizer is the one that others are compared with."""
    from tokenization.model import open_tokenizer
    from tokenization.morphology import read_gold

    tokenizers = {label: open_tokenizer(name) for label, name in labels(names).items()}
    strata = read_texts(docs)
    with_vowels = vocalised(strata)
    truth = read_gold(gold) if gold else _segmented(strata)
    curve = _curve(tokenizers, strata, sizes) if sizes else None
    measured, tallies = {}, {}
    for label, tokenizer in tokenizers.items():
        measured[label], tallies[label] = _measured(tokenizer, strata, with_vowels, truth)
    first = next(iter(tokenizers))
    for label, tally in tallies.items():
        measured[label]["against"] = _against(tally, tallies[first], strata)
    return {
        "format": FORMAT,
        "reference": first,
        "gold": gold.name if gold else ("segmenter" if truth else None),
        "groups": {by: _characters(strata, by) for by in _groupings(strata)},
        "tokenizers": measured,
        "curve": curve,
        "views": _views(tokenizers, strata),
    }


def labels(names: Sequence[str]) -> dict[str, str]:
    """A short name for each tokenizer: that of its folder or file; the whole path where two would have the same."""
    short = []
    for name in names:
        path = Path(name)
        path = path.resolve().parent if path.name == "tokenizer.json" else path
        short.append(path.stem if path.suffix in (".json", ".tiktoken") else path.resolve().name)
    if len(set(names)) < len(names):
        raise UsageError("a tokenizer is named twice: name each once")
    return {name if short.count(one) > 1 else one: name for one, name in zip(short, names, strict=True)}


def _groupings(strata: Sequence[Stratum]) -> list[str]:
    """By what figures are shown: by language always, by others where there are several."""
    return [by for by in GROUPS if by == "language" or len({getattr(one, by) for one in strata}) > 1]


def _characters(strata: Sequence[Stratum], by: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in strata:
        into = found.setdefault(getattr(one, by), {"documents": 0, "chars": 0})
        into["documents"] += len(one.texts)
        into["chars"] += sum(map(len, one.texts))
    return found


def _measured(
    tokenizer: Tokenizer, strata: Sequence[Stratum], with_vowels: Sequence[str], truth: Sequence[tuple[str, Cuts]]
) -> tuple[dict[str, Any], list[Tally]]:
    from tokenization.evaluation import describe_vocabulary as inventory
    from tokenization.evaluation import figures, intervals, measure
    from tokenization.evaluation import report_of_counters as compared
    from tokenization.model import Encoder
    from tokenization.morphology import align

    encoder = Encoder(tokenizer)
    speed = _speed(encoder, strata)
    tallies = [measure(encoder, one.texts) for one in strata]

    def shown(tally: Tally) -> dict[str, Any]:
        return {**figures(tally), "intervals": intervals(tally)}

    def grouped(by: str) -> dict[str, Tally]:
        groups: dict[str, Tally] = {}
        for one, tally in zip(strata, tallies, strict=True):
            name = getattr(one, by)
            groups[name] = groups[name] + tally if name in groups else tally
        return groups

    arabic = {name: tally for name, tally in grouped("language").items() if _is_arabic(strata, name)}
    found: dict[str, Any] = {
        "identity": tokenizer.sha256,
        "pattern": tokenizer.pattern,
        "all": shown(_sum(tallies)),
        "by": {by: {name: shown(tally) for name, tally in grouped(by).items()} for by in _groupings(strata)},
        "vocabulary": inventory(encoder),
        "speed": speed,
        "varieties": None,
        "tashkeel": None,
        "morphemes": None,
    }
    if len(arabic) > 1:
        one = compared(arabic, reference="arb_Arab" if "arb_Arab" in arabic else None)
        premiums = {name: figures_of["premium"] for name, figures_of in one["groups"].items()}
        found["varieties"] = {
            "reference": one["reference"],
            "premium": premiums,
            "gini": one["gini"],
            "worst_to_best": max(premiums.values()) / min(premiums.values()),
        }
    if with_vowels:
        written, without = (measure(encoder, some) for some in (with_vowels, [bare(text) for text in with_vowels]))
        found["tashkeel"] = {"written": shown(written), "bare": shown(without)}
    if truth:
        pieces: Callable[[str], list[bytes]] = lambda text: [tokenizer.pieces[at] for at in tokenizer.encode(text)]  # noqa: E731
        found["morphemes"] = align(pieces, truth).figures()
    return found, tallies


def _sum(tallies: Sequence[Tally]) -> Tally:
    first, *others = tallies
    return sum(others, first)


def _is_arabic(strata: Sequence[Stratum], language: str) -> bool:
    return any(one.arabic for one in strata if one.language == language)


def _against(tallies: Sequence[Tally], reference: Sequence[Tally], strata: Sequence[Stratum]) -> dict[str, Any]:
    """This tokenizer on the reference's documents: all together, and by each grouping."""
    from tokenization.evaluation import compare as against

    def of(rows: Sequence[int]) -> dict[str, Any]:
        return against(_sum([tallies[at] for at in rows]), _sum([reference[at] for at in rows]))

    everything = range(len(strata))
    return {
        "all": of(everything),
        "by": {
            by: {
                name: of([at for at in everything if getattr(strata[at], by) == name])
                for name in dict.fromkeys(getattr(one, by) for one in strata)
            }
            for by in _groupings(strata)
        },
    }


def _speed(encoder: Encoder, strata: Sequence[Stratum]) -> dict[str, Any]:
    """Megabytes a second, one thread, caches cold; the only figure here that differs from run to run."""
    texts: list[str] = []
    chars = 0
    for text in (text for one in strata for text in one.texts):
        if chars >= SPEED_CHARS:
            break
        texts.append(text)
        chars += len(text)
    part = encoder.encode_part(texts, "")
    began = time.process_time()  # one thread; others may be busy on this machine
    batches = list(part.batches)
    seconds = time.process_time() - began
    size = sum(int(batch.bytes.sum()) for batch in batches)
    return {"engine": part.engine, "bytes": size, "megabytes_per_second": size / 1e6 / max(seconds, 1e-9)}


def _segmented(strata: Sequence[Stratum]) -> list[tuple[str, Cuts]]:
    """Arabic words of the texts with what the segmenter that comes with arcorp says of them."""
    from tokenization.morphology import WORD
    from tokenization.morphology import open_segmenter as segmenter
    from tokenization.morphology import segment_words as segmented

    arabic = [one for one in strata if one.arabic]
    words: list[str] = []
    for one in arabic:
        share, some = SEGMENTED_WORDS // len(arabic), []
        for text in one.texts:
            some += WORD.findall(text)
            if len(some) >= share:
                break
        words += some[:share]
    return segmented(words, segmenter("learned"))


def _curve(tokenizers: Mapping[str, Tokenizer], strata: Sequence[Stratum], sizes: Sequence[int]) -> dict[str, Any]:
    """Plain BPE of each size, and the tokenizers given, on documents that no size has learned from."""
    from tokenization.evaluation import train_sizes as of_sizes
    from tokenization.evaluation import vocabulary_curve as curve
    from tokenization.model import pretoken_pattern as pattern
    from tokenization.training import count_pretokens as count

    learn, aside = kept_aside(strata)
    if not aside:
        raise UsageError("--sizes needs documents to measure on: there is only one of each kind")
    plain = of_sizes(count(learn, pattern()), pattern(), sizes)
    dots = {
        label: {**point, "size": tokenizer.vocab_size}
        for label, tokenizer in tokenizers.items()
        for point in curve({0: tokenizer}, aside)
    }
    return {"learned_from_chars": sum(map(len, learn)), "points": curve(plain, aside), "tokenizers": dots}


def _views(tokenizers: Mapping[str, Tokenizer], strata: Sequence[Stratum]) -> dict[str, list[dict[str, Any]]]:
    """A few passages of each language, cut by each tokenizer; a piece has several tokens where they end within a
    character."""
    from tokenization.evaluation import view_tokens as view

    texts: dict[str, list[str]] = {}
    for one in sorted(strata, key=lambda one: not one.arabic):
        texts.setdefault(one.language, []).extend(re.sub(r"\s+$", "", text) for text in one.texts[:20])
    return {
        language: [
            {
                label: [[piece, len(ids)] for piece, ids in view(tokenizer, passage)]
                for label, tokenizer in tokenizers.items()
            }
            for passage in passages(language, some)[:2]
        ]
        for language, some in list(texts.items())[:VIEWED_LANGUAGES]
    }
