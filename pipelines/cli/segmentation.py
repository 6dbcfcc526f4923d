"""`arcorp tokenizer segment`: words split into morphemes, and scores of a segmenter against gold segments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipelines.console import Console
from pipelines.errors import UsageError


def show_segmentation(
    text: str | None, name: str, database: str | None, gold_file: Path | None, console: Console
) -> None:
    """Show a text with its words in segments, and the scores on the words of `gold_file`. Raises UsageError."""
    from tokenization.morphology import (
        WORD,
        bare,
        convention_of,
        error_kinds,
        open_segmenter,
        read_gold,
        score,
        segment_words,
        segments,
        to_clitics,
        word_boundaries,
    )

    if text is None and gold_file is None:
        raise UsageError("no text to segment: give a text or a file, or --gold with a TSV of words and segments")
    gold = read_gold(gold_file) if gold_file else []
    words = WORD.findall(text or "")
    corpus = Counter(bare(word) for word in [*words, *(word for word, _ in gold)])
    chosen = open_segmenter(name, corpus, database)
    types = sorted(set(words))
    pieces = {
        word: "+".join(segments(word, boundaries))
        for word, boundaries in zip(types, word_boundaries(chosen, types), strict=True)
    }
    if text is not None:
        console.text(WORD.sub(lambda match: pieces[match[0]], text).rstrip("\n"))
    scores = convention = errors = None
    if gold:
        predicted = dict(segment_words((word for word, _ in gold), chosen))
        convention = convention_of(gold)
        if convention == "clitics":
            predicted = {word: to_clitics(word, boundaries) for word, boundaries in predicted.items()}
            console.text("The gold splits neither articles nor endings: boundaries are projected to clitics.")
        scores, errors = score(gold, predicted).figures(), error_kinds(gold, predicted)
        console.table(list(scores), [list(scores.values())], title=f"{name} against {gold_file}")
        rows = [(kind, count["missed"], count["false"]) for kind, count in errors.items()]
        console.table(["boundaries of", "missed", "false"], rows)
    summary = f"{len(words):,} {'word' if len(words) == 1 else 'words'}, {len(types):,} different"
    result = {"segmenter": name, "words": len(words), "types": len(types), "segmentations": pieces, "gold": scores}
    console.result(
        {**result, "convention": convention, "errors": errors},
        f"boundary F1 {scores['f1']:.4f}, {scores['exact']:.1%} of words exact" if scores else summary,
    )
