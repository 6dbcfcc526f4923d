"""Words are formed by the paradigms of known words, titles lose clitics, and function words have listed boundaries."""

from collections import Counter

from tokenization.morphology import RuleSegmenter, open_segmenter, segments
from tokenization.morphology.closed_class import CLOSED
from tokenization.morphology.paradigms import MIN_COUNT, formed, of_titles
from tokenization.training import PretokenCounts, word_counts

KNOWN = Counter(["صاحبه", "صاحبها", "صاحبهم", "صاحبي", "يكتب", "تكتب", "نكتب", "كتبت", "كتبنا", "كتبوا", "كتب"] * 9)


def joined(examples: list[tuple[str, tuple[int, ...]]]) -> set[str]:
    return {"+".join(segments(word, boundaries)) for word, boundaries in examples}


def test_formed_words_are_new_and_follow_the_paradigm() -> None:
    shapes = set().union(*(joined(formed(KNOWN, open_segmenter("learned"), {"صاحبك"}, seed)) for seed in range(80)))
    assert {"صاحب+نا", "صاحب+كم", "ب+يكتب", "ما+ب+يكتب+ش", "كتب+ت+ها"} <= shapes
    words = {shape.replace("+", "") for shape in shapes}
    assert not words & (KNOWN.keys() | {"صاحبك"})


def test_formed_words_of_real_text_are_the_same_again(real_counts: PretokenCounts) -> None:
    counts = word_counts(real_counts)
    pairs = formed(counts, RuleSegmenter(), set(), 0)
    assert pairs == formed(dict(reversed(counts.items())), RuleSegmenter(), set(), 0)
    assert len(pairs) > 100
    for word, boundaries in pairs:
        assert counts.get(word, 0) < MIN_COUNT
        assert list(boundaries) == sorted(set(boundaries))
        assert boundaries[0] > 0
        assert boundaries[-1] < len(word)


def test_words_of_titles_have_no_clitics_that_titles_lack() -> None:
    class Eager:
        def boundaries(self, words: list[str]) -> list[tuple[int, ...]]:
            return [(1, len(word) - 1) for word in words]

    titles = ["بيروت (مدينة)", "ولاية كنساس", "صاحبه"]
    assert joined(of_titles(titles, KNOWN, Eager(), {"كنساس"})) == {"بيرو+ت", "ولاي+ة", "ص+احب+ه"}


def test_function_words_have_the_boundaries_of_the_lists_in_the_shipped_segmenter() -> None:
    words = sorted(CLOSED)
    assert open_segmenter("learned").boundaries(words) == [CLOSED[word] for word in words]
    split = {word: "+".join(segments(word, boundaries)) for word, boundaries in CLOSED.items()}
    assert [split[word] for word in ("مش", "وعلشان", "علشان", "يارب", "مافيش", "بتاعك", "وينكم")] == [
        *("مش", "و+علشان", "علشان", "يا+رب", "ما+في+ش", "بتاع+ك", "وين+كم"),
    ]
    assert all(0 < boundary < len(word) for word in words for boundary in CLOSED[word])
