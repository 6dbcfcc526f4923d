"""Tokenizers and texts -> the figures of the comparison, as plain data."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError
from pipelines.fertility.texts import TextGroup, hold_out, read_texts, vocalised, without_tashkeel
from pipelines.run import check_if_sealed
from pipelines.stages.document_samples import passages
from pipelines.texts import endings
from sharding.options import ATTRIBUTES

if TYPE_CHECKING:
    from tokenization.evaluation import TokenCounter
    from tokenization.model import Encoder, Tokenizer
    from tokenization.morphology import Boundaries

FORMAT = 1
GROUPINGS = ("folder", *ATTRIBUTES)
SEGMENTED_WORDS = 20_000  # words that the learned segmenter splits where there is no gold
VIEWED_LANGUAGES = 8
VIEWED_TEXTS = 20  # of each group, to choose passages from
SPEED_CHARS = 4_000_000


def gather(names: Sequence[str], docs: Sequence[Path], gold: Path | None, sizes: Sequence[int]) -> dict[str, Any]:
    """Return all figures; the parameters are those of `write_fertility`. The first tokenizer is the reference."""
    from tokenization.model import open_tokenizer
    from tokenization.morphology import read_gold

    for name in names:
        check_if_sealed(name)
    tokenizers = {label: open_tokenizer(name) for label, name in labels(names).items()}
    texts = read_texts(docs)
    with_tashkeel = vocalised(texts)
    truth = read_gold(gold) if gold else _segmented(texts)
    curve = _curve(tokenizers, texts, sizes) if sizes else None
    measured, counts_of = {}, {}
    for label, tokenizer in tokenizers.items():
        measured[label], counts_of[label] = _measure(tokenizer, texts, with_tashkeel, truth)
    reference = next(iter(tokenizers))
    for label, counts in counts_of.items():
        measured[label]["against"] = _against(counts, counts_of[reference], texts)
    return {
        "format": FORMAT,
        "reference": reference,
        "gold": gold.name if gold else ("segmenter" if truth else None),
        "groups": {by: _sizes(texts, by) for by in _groupings(texts)},
        "tokenizers": measured,
        "curve": curve,
        "views": _views(tokenizers, texts),
    }


def labels(names: Sequence[str]) -> dict[str, str]:
    """Return the tokenizers by a short label: the name of the folder or file; where some are equal, what differs.

    out/a/tokenizer and out/b/tokenizer are a and b. Raises UsageError where one name is given twice.
    """
    short = []
    for name in names:
        path = Path(name)
        path = path.resolve().parent if path.name == "tokenizer.json" else path
        short.append(path.stem if path.suffix in (".json", ".tiktoken", ".model") else path.resolve().name)
    if len(set(names)) < len(names):
        raise UsageError("a tokenizer is named twice: name each once")
    equal = [name for label, name in zip(short, names, strict=True) if short.count(label) > 1]
    folders = [Path(name).parent if Path(name).name == "tokenizer.json" else Path(name) for name in equal]
    ends = dict(zip(equal, endings(folders), strict=True))
    labels = [ends.get(name, label) for label, name in zip(short, names, strict=True)]
    return {name if labels.count(label) > 1 else label: name for label, name in zip(labels, names, strict=True)}


def _groupings(texts: Sequence[TextGroup]) -> list[str]:
    """Return the attributes to group figures by: the language, and others that have several values."""
    return [by for by in GROUPINGS if by == "language" or len({getattr(group, by) for group in texts}) > 1]


def _sizes(texts: Sequence[TextGroup], by: str) -> dict[str, dict[str, int]]:
    """Count documents and characters by one attribute."""
    sizes: dict[str, dict[str, int]] = {}
    for group in texts:
        size = sizes.setdefault(getattr(group, by), {"documents": 0, "chars": 0})
        size["documents"] += len(group.texts)
        size["chars"] += sum(map(len, group.texts))
    return sizes


def _measure(
    tokenizer: Tokenizer,
    texts: Sequence[TextGroup],
    with_tashkeel: Sequence[str],
    truth: Sequence[tuple[str, Boundaries]],
) -> tuple[dict[str, Any], list[TokenCounter]]:
    """Return the figures of one tokenizer, and its token counts on each group of texts.

    with_tashkeel: the vocalised texts. truth: words with their morpheme boundaries.
    """
    from tokenization.evaluation import describe_vocabulary, figures, intervals, measure
    from tokenization.model import Encoder
    from tokenization.morphology import align

    encoder = Encoder(tokenizer)
    speed = _speed(encoder, texts)
    counts = [measure(encoder, group.texts) for group in texts]

    def shown(counter: TokenCounter) -> dict[str, Any]:
        return {**figures(counter), "intervals": intervals(counter)}

    def grouped(by: str) -> dict[str, TokenCounter]:
        groups: dict[str, TokenCounter] = {}
        for group, counter in zip(texts, counts, strict=True):
            name = getattr(group, by)
            groups[name] = groups[name] + counter if name in groups else counter
        return groups

    languages = grouped("language")
    varieties = {group.language: languages[group.language] for group in texts if group.arabic}
    tashkeel = None
    if with_tashkeel:
        bare = [without_tashkeel(text) for text in with_tashkeel]
        tashkeel = {"written": shown(measure(encoder, with_tashkeel)), "bare": shown(measure(encoder, bare))}
    measured = {
        "identity": tokenizer.sha256,
        "pattern": tokenizer.pattern,
        "changes": tokenizer.changes(),
        "all": shown(_total(counts)),
        "by": {by: {name: shown(counter) for name, counter in grouped(by).items()} for by in _groupings(texts)},
        "vocabulary": describe_vocabulary(encoder),
        "speed": speed,
        "varieties": _varieties(varieties) if len(varieties) > 1 else None,
        "tashkeel": tashkeel,
        "morphemes": align(tokenizer.split_word, truth).figures() if truth else None,
    }
    return measured, counts


def _varieties(counts: Mapping[str, TokenCounter]) -> dict[str, Any]:
    """Compare varieties of Arabic by tokens per character."""
    from tokenization.evaluation import report_of_counters

    comparison = report_of_counters(counts, reference="arb_Arab" if "arb_Arab" in counts else None)
    premiums = {name: group["premium"] for name, group in comparison["groups"].items()}
    return {
        "reference": comparison["reference"],
        "premium": premiums,
        "gini": comparison["gini"],
        "worst_to_best": max(premiums.values()) / min(premiums.values()),
    }


def _total(counts: Sequence[TokenCounter]) -> TokenCounter:
    first, *others = counts
    return sum(others, first)


def _against(
    counts: Sequence[TokenCounter], reference: Sequence[TokenCounter], texts: Sequence[TextGroup]
) -> dict[str, Any]:
    """Compare a tokenizer with the reference on the same documents: all together, and by each attribute.

    counts, reference: token counts of the two tokenizers on each group of texts.
    """
    from tokenization.evaluation import compare

    def compared(indices: Sequence[int]) -> dict[str, Any]:
        return compare(_total([counts[index] for index in indices]), _total([reference[index] for index in indices]))

    every = range(len(texts))
    return {
        "all": compared(every),
        "by": {
            by: {
                name: compared([index for index in every if getattr(texts[index], by) == name])
                for name in dict.fromkeys(getattr(group, by) for group in texts)
            }
            for by in _groupings(texts)
        },
    }


def _speed(encoder: Encoder, groups: Sequence[TextGroup]) -> dict[str, Any]:
    """Measure megabytes per second of one thread with empty caches; no other figure differs from run to run."""
    texts: list[str] = []
    chars = 0
    for text in (text for group in groups for text in group.texts):
        if chars >= SPEED_CHARS:
            break
        texts.append(text)
        chars += len(text)
    part = encoder.encode_part(texts, "")
    began = time.process_time()  # of this process: other processes may be busy
    batches = list(part.batches)
    seconds = time.process_time() - began
    size = sum(int(batch.bytes.sum()) for batch in batches)
    return {"engine": part.engine, "bytes": size, "megabytes_per_second": size / 1e6 / max(seconds, 1e-9)}


def _segmented(groups: Sequence[TextGroup]) -> list[tuple[str, Boundaries]]:
    """Return Arabic words of the texts with the boundaries of the learned segmenter."""
    from tokenization.morphology import WORD, open_segmenter, segment_words

    arabic = [group for group in groups if group.arabic]
    words: list[str] = []
    for group in arabic:
        share, group_words = SEGMENTED_WORDS // len(arabic), []
        for text in group.texts:
            group_words += WORD.findall(text)
            if len(group_words) >= share:
                break
        words += group_words[:share]
    return segment_words(words, open_segmenter("learned"))


def _curve(tokenizers: Mapping[str, Tokenizer], texts: Sequence[TextGroup], sizes: Sequence[int]) -> dict[str, Any]:
    """Measure plain BPE of each size, and the tokenizers, on documents that BPE was not trained on."""
    from tokenization.evaluation import train_sizes, vocabulary_curve
    from tokenization.model import pretoken_pattern
    from tokenization.training import count_pretokens

    train, held_out = hold_out(texts)
    if not held_out:
        raise UsageError("--sizes needs documents to measure on: give at least two documents of one kind")
    plain = train_sizes(count_pretokens(train, pretoken_pattern()), pretoken_pattern(), sizes)
    points = {
        label: {**point, "size": tokenizer.vocab_size}
        for label, tokenizer in tokenizers.items()
        for point in vocabulary_curve({0: tokenizer}, held_out)
    }
    return {
        "learned_from_chars": sum(map(len, train)),
        "points": vocabulary_curve(plain, held_out),
        "tokenizers": points,
    }


def _views(tokenizers: Mapping[str, Tokenizer], groups: Sequence[TextGroup]) -> dict[str, list[dict[str, Any]]]:
    """Return a few passages of each language as (text, number of tokens) pieces of each tokenizer.

    A piece has several tokens where they end inside a character.
    """
    from tokenization.evaluation import view_tokens

    texts: dict[str, list[str]] = {}
    for group in sorted(groups, key=lambda group: not group.arabic):
        viewed = (re.sub(r"\s+$", "", text) for text in group.texts[:VIEWED_TEXTS])
        texts.setdefault(group.language, []).extend(viewed)
    return {
        language: [
            {
                label: [[piece, len(tokens)] for piece, tokens in view_tokens(tokenizer, passage)]
                for label, tokenizer in tokenizers.items()
            }
            for passage in passages(language, language_texts)[:2]
        ]
        for language, language_texts in list(texts.items())[:VIEWED_LANGUAGES]
    }
