"""A small trainer of merges for experiments: the choice of the pair is open, and the text begins as any symbols.

Merges are chosen by `score`, a number of a pair's count and of the joined bytes. With several groups of text each
merge is chosen for one of them: the group that needs the most tokens relative to its reference (parity-aware BPE).
The choice of arcorp's trainer (`tokenization.training.bpe`) is fixed, and it is far faster.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

Symbols = list[bytes]
Merge = tuple[bytes, bytes]


def learned(
    words: Sequence[Symbols],
    counts: Sequence[Sequence[int]],
    known: set[bytes],
    more: int,
    *,
    score: Callable[[int, bytes], float] = lambda count, _: count,
    allowed: Callable[[bytes, bytes], bool] = lambda *_: True,
    references: Sequence[float] = (1.0,),
) -> list[Merge]:
    """Return merges that make `more` tokens that are not in `known`.

    `words`: the symbols of each word, joined in place. `counts`: occurrences of each word in each group of text.
    `references`: what the tokens of each group are divided by to choose the group of a merge.
    """
    groups = range(len(references))
    scores: list[defaultdict[Merge, int]] = [defaultdict(int) for _ in groups]
    where: defaultdict[Merge, set[int]] = defaultdict(set)
    tokens = [0] * len(references)
    for number, (symbols, of_groups) in enumerate(zip(words, counts, strict=True)):
        for group in groups:
            tokens[group] += len(symbols) * of_groups[group]
        for pair in pairwise(symbols):
            if allowed(*pair):
                where[pair].add(number)
                for group in groups:
                    scores[group][pair] += of_groups[group]

    def entry(group: int, pair: Merge) -> tuple[float, Merge]:
        return -score(scores[group][pair], pair[0] + pair[1]), pair

    heaps = [[entry(group, pair) for pair in scores[group]] for group in groups]
    for heap in heaps:
        heapq.heapify(heap)
    merges: list[Merge] = []
    made = set(known)
    while len(made) < len(known) + more:
        group = max(groups, key=lambda group: tokens[group] / references[group])
        best = _popped(heaps[group], partial(entry, group))
        joined = best[0] + best[1]
        merges.append(best)
        made.add(joined)
        changed: set[Merge] = set()
        for number in where.pop(best):
            symbols, of_groups = words[number], counts[number]
            new = _joined(symbols, *best, joined)
            for pairs, sign in ((pairwise(symbols), -1), (pairwise(new), 1)):
                for pair in pairs:
                    if not allowed(*pair):
                        continue
                    for group in groups:
                        scores[group][pair] += sign * of_groups[group]
                    if sign > 0:
                        where[pair].add(number)
                        changed.add(pair)
            for group in groups:
                tokens[group] -= (len(symbols) - len(new)) * of_groups[group]
            symbols[:] = new
        for pair in changed:
            for group in groups:
                heapq.heappush(heaps[group], entry(group, pair))
    return merges


def _popped(heap: list[tuple[float, Merge]], entry: Callable[[Merge], tuple[float, Merge]]) -> Merge:
    """Return the pair of the highest score. Scores of the heap may be old, and higher than now."""
    while True:
        top = heapq.heappop(heap)
        now = entry(top[1])
        if now == top:
            return top[1]
        if top[0] < now[0] < 0:
            heapq.heappush(heap, now)


def _joined(symbols: Symbols, left: bytes, right: bytes, joined: bytes) -> Symbols:
    out: Symbols = []
    place = 0
    while place < len(symbols):
        if symbols[place] == left and symbols[place + 1 : place + 2] == [right]:
            out.append(joined)
            place += 2
        else:
            out.append(symbols[place])
            place += 1
    return out
