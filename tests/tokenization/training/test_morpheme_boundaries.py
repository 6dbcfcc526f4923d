"""Merges under morpheme boundaries equal those of a direct implementation of the definition."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.model import BYTE_OF_ID, Merge
from tokenization.morphology import RuleSegmenter
from tokenization.options import MorphologyOptions
from tokenization.training import PretokenCounts, boundary_flags, train_merges

Word = tuple[list[bytes], list[bool], int]


def is_arabic(token: bytes) -> bool:
    return any(0xD8 <= byte < 0xDC for byte in token)


def slow_merges(words: list[Word], size: int, morphology: MorphologyOptions) -> list[Merge]:
    """The definition: count all pairs again for every merge."""
    order = {bytes([byte]): number for number, byte in enumerate(BYTE_OF_ID)}
    merges: list[Merge] = []
    hard, soft = morphology.mode == "hard", morphology.mode == "soft"
    most = {False: size, True: size}
    if morphology.quota is not None and morphology.mode != "none":
        most[True] = max(4, round(size * morphology.quota))
    elif morphology.mode != "none":
        plain = {left + right for left, right in slow_merges(words, size, MorphologyOptions())}
        most[True] = 4 + sum(map(is_arabic, plain))
    if morphology.mode != "none":
        most[False] = size - most[True]
    boundaries_count = hard or soft
    stage_end = 4 + round((most[True] - 4) * morphology.share) if soft and morphology.share < 1 else size
    while len(order) < size:
        made = Counter(map(is_arabic, order))
        if soft and stage_end < size and made[True] >= stage_end:
            boundaries_count, stage_end = False, size
        scores: Counter[Merge] = Counter()
        for tokens, ends, count in words:
            for left, right, across in zip(tokens, tokens[1:], ends, strict=False):
                if across and hard:
                    continue
                penalised = across and soft and boundaries_count
                scores[left, right] += round(count * (-100 * morphology.penalty if penalised else 100))
        legal = [pair for pair in scores if made[is_arabic(pair[0] + pair[1])] < most[is_arabic(pair[0] + pair[1])]]
        best = min(legal, key=lambda pair: (-scores[pair], order[pair[0]], order[pair[1]]), default=None)
        if best is None or scores[best] < 100:
            if stage_end < size:
                boundaries_count, stage_end = False, size
            elif min(most.values()) < size:
                most = {False: size, True: size}
            else:
                break
            continue
        merges.append(best)
        order.setdefault(best[0] + best[1], len(order))
        words = [(*_joined(tokens, ends, best, hard), count) for tokens, ends, count in words]
    return merges


def _joined(tokens: list[bytes], ends: list[bool], pair: Merge, hard: bool) -> tuple[list[bytes], list[bool]]:
    out: list[bytes] = []
    flags: list[bool] = []
    index = 0
    while index < len(tokens):
        if tuple(tokens[index : index + 2]) == pair and not (hard and ends[index]):
            out.append(pair[0] + pair[1])
            index += 1
        else:
            out.append(tokens[index])
        flags.append(ends[index])
        index += 1
    return out, flags


@given(
    st.dictionaries(
        st.text("abبت", min_size=1, max_size=9).map(str.encode), st.integers(1, 9), min_size=1, max_size=9
    ),
    st.sampled_from(["none", "hard", "soft"]),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([0.5, 0.875, 1.0]),
    st.sampled_from([None, 0.01, 0.03, 1.0]),
    st.integers(257, 275),
    st.randoms(use_true_random=False),
)
def test_merges_are_those_of_the_definition(words, mode, penalty, share, quota, size, random) -> None:  # type: ignore[no-untyped-def]
    counts = PretokenCounts.of(words)
    ends = np.array([random.random() < 0.3 for _ in range(len(counts.data))], bool)
    listed: list[Word] = []
    for begin, (word, count) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        listed.append(([bytes([byte]) for byte in word], ends[begin : begin + len(word)].tolist(), count))
    morphology = MorphologyOptions(mode, penalty, share, quota)
    expected = slow_merges(listed, size, morphology)
    reached = 256 + len({left + right for left, right in expected})
    if reached < size:
        with pytest.raises(EmptyCorpus):
            train_merges(counts, size, morphology=morphology, boundaries=ends)
    else:
        assert train_merges(counts, size, morphology=morphology, boundaries=ends) == expected


def test_arabic_gets_as_many_ids_as_from_plain_bpe(real_counts: PretokenCounts) -> None:
    ends = boundary_flags(real_counts, RuleSegmenter())
    plain = sum(is_arabic(left + right) for left, right in train_merges(real_counts, 3_000))
    for mode in ("hard", "soft"):
        merges = train_merges(real_counts, 3_000, morphology=MorphologyOptions(mode), boundaries=ends)
        assert abs(len({left + right for left, right in merges if is_arabic(left + right)}) - plain) <= 2


def test_boundaries_lie_inside_arabic_words_after_the_space_and_nowhere_else() -> None:
    counts = PretokenCounts.of(
        {" والمدرسة".encode(): 2, "والمدرسة".encode(): 1, b" hello": 3, "٣".encode(): 1, b"\xff": 1}
    )
    ends = boundary_flags(counts, RuleSegmenter())
    for begin, (piece, _) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        ends_of_parts = [index + 1 for index in range(len(piece)) if ends[begin + index]]
        parts = [
            piece[a:b].decode(errors="replace")
            for a, b in zip([0, *ends_of_parts], [*ends_of_parts, len(piece)], strict=True)
        ]
        assert parts == (["و", "ال", "مدرس", "ة"] if len(parts) > 1 and parts[0] == "و" else parts)
        assert len(parts) == (4 if "مدرسة" in piece.decode(errors="replace") else 1)


def test_values_out_of_range_and_missing_boundaries_are_refused() -> None:
    with pytest.raises(OptionError, match="share = 0"):
        MorphologyOptions("soft", share=0)
    with pytest.raises(OptionError, match="penalty = -1"):
        MorphologyOptions("soft", penalty=-1)
    with pytest.raises(OptionError, match=r"boundaries: .*'hard'"):
        train_merges(PretokenCounts.of({b"abab": 3}), 257, morphology=MorphologyOptions("hard"))
