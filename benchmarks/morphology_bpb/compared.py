"""The tokenizers that are compared, all of one size but one.

plain       BPE
soft        the default of `soft`: quota of plain BPE, share .91
share 1     `soft` that respects all boundaries
hard        no merge across a boundary in training
regex       plain BPE with clitics as pieces of their own
placebo     `soft` with the boundaries of each word mirrored: as many, in false places
plain, as soft   plain BPE of fewer ids that needs as many tokens as `soft`: are shorter tokens alone the cause?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.tokenization.frontier import Setting, cost, trained
from tokenization.model import Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.morphology import Boundaries, Segmenter, open_segmenter
from tokenization.options import MorphologyOptions
from tokenization.training import PretokenCounts, boundary_flags, count_pretokens, train_merges

NAMES = ("plain", "soft", "share 1", "hard", "regex", "placebo", "plain, as soft")


class Mirrored:
    """A segmenter whose boundaries are counted from the other end of the word."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""
        boundaries_of_words = self._segmenter.boundaries(words)
        return [
            tuple(len(word) - boundary for boundary in reversed(boundaries))
            for word, boundaries in zip(words, boundaries_of_words, strict=True)
        ]


def tokenizers(train: list[str], size: int, names: Sequence[str] = NAMES) -> dict[str, Tokenizer]:
    """Return the tokenizers with these names, in the order of `NAMES`, trained on all training text."""
    counts = count_pretokens(train, pretoken_pattern())
    segmenter = open_segmenter("learned")
    ends, mirrored = boundary_flags(counts, segmenter), boundary_flags(counts, Mirrored(segmenter))
    soft, whole = MorphologyOptions("soft"), MorphologyOptions("soft", share=1.0)
    makers: dict[str, Callable[[], Tokenizer]] = {
        "plain": lambda: trained(counts, None, size, Setting(MorphologyOptions())),
        "soft": lambda: trained(counts, ends, size, Setting(soft)),
        "share 1": lambda: trained(counts, ends, size, Setting(whole)),
        "hard": lambda: trained(counts, ends, size, Setting(MorphologyOptions("hard"))),
        "regex": lambda: trained(counts, None, size, Setting(MorphologyOptions(), regex=True)),
        "placebo": lambda: trained(counts, mirrored, size, Setting(soft)),
        "plain, as soft": lambda: _shorter(counts, size, cost(trained(counts, ends, size, Setting(soft)), counts)),
    }
    return {name: makers[name]() for name in NAMES if name in names}


def _shorter(counts: PretokenCounts, size: int, tokens: int) -> Tokenizer:
    """Return plain BPE of the fewest ids with at most so many tokens on the counted text."""
    merges, low, high = train_merges(counts, size), 300, size
    while high - low > 20:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(_first_merges(merges, middle), counts) > tokens else (low, middle)
    return _first_merges(merges, high)


def _first_merges(merges: list[tuple[bytes, bytes]], size: int) -> Tokenizer:
    """Return the tokenizer of the first merges, which are those of a smaller vocabulary."""
    size_so_far, kept = 256, []
    seen: Counter[bytes] = Counter()
    for left, right in merges:
        if size_so_far == size:
            break
        kept.append((left, right))
        size_so_far += not seen[left + right]
        seen[left + right] += 1
    files = tokenizer_files(Vocabulary(VocabularyLayout(size + 3), tuple(kept)), pretoken_pattern(), {})
    return Tokenizer(files["tokenizer.json"], name="tokenizer.json", meta={}, roles={})
