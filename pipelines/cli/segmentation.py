"""`arcorp tokenizer segment`: words split into morphemes, and scores of a segmenter against gold segments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipelines.console import Console
from pipelines.errors import InputError, UsageError


def show_segmentation(
    file: Path | None, name: str, database: str | None, gold_file: Path | None, console: Console
) -> None:
    """Show a text with its words in segments, and the scores on the words of `gold_file`. Raises UsageError."""
    from tokenization.morphology import (
        WORD,
        bare,
        open_segmenter,
        read_gold,
        score,
        segment_words,
        segments,
        word_boundaries,
    )

    if file is None and gold_file is None:
        raise UsageError("no text to segment: give a text file, or --gold with a TSV of words and segments")
    text = _text(file) if file else ""
    gold = read_gold(gold_file) if gold_file else []
    words = WORD.findall(text)
    corpus = Counter(bare(word) for word in [*words, *(word for word, _ in gold)])
    chosen = open_segmenter(name, corpus, database)
    types = sorted(set(words))
    pieces = {
        word: "+".join(segments(word, boundaries))
        for word, boundaries in zip(types, word_boundaries(chosen, types), strict=True)
    }
    if file:
        console.text(WORD.sub(lambda match: pieces[match[0]], text).rstrip("\n"))
    scores = None
    if gold:
        scores = score(gold, dict(segment_words((word for word, _ in gold), chosen))).figures()
        console.table(list(scores), [list(scores.values())], title=f"{name} against {gold_file}")
    summary = f"{len(words):,} words, {len(types):,} different"
    console.result(
        {"segmenter": name, "words": len(words), "types": len(types), "segmentations": pieces, "gold": scores},
        f"boundary F1 {scores['f1']:.4f}, {scores['exact']:.1%} of words exact" if scores else summary,
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}, byte {error.start}: not UTF-8; give a plain text file in UTF-8") from error
