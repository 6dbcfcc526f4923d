"""Proclitics are correct in all their combinations, before stems that no list and no text has."""

from collections import Counter
from collections.abc import Iterator
from itertools import product

from tokenization.morphology import RuleSegmenter, open_segmenter, segments
from tokenization.morphology.closed_class import CLOSED
from tokenization.morphology.conventions import PROCLITICS
from tokenization.morphology.paradigms import imperfects, of_titles
from tokenization.morphology.proclitics import MIN_COUNT, with_proclitics, without_proclitics
from tokenization.training import PretokenCounts, word_counts

ROOTS = ("قحز", "زمط", "شغن", "ضمد", "جرش", "صبغ", "عطس", "رشق")
MASCULINE, FEMININE = ("م123", "ت12ي3", "م12ا3", "م12و3"), ("م123", "م12ا3")
VERBS = ("ي123", "يست123", "يت1ا23")
PRONOUNS, OBJECTS = ("ه", "ها", "هم", "نا", "كم"), ("ه", "ها", "هم")


def generated() -> Iterator[tuple[str, list[str]]]:
    """Yield the combination and the segments of words: conjunction + preposition + article + noun + pronoun, verbs."""

    def word(lead: str, rest: str, *parts: str) -> tuple[str, list[str]]:
        before = [*lead, *rest.split()]
        return "+".join(before), [*before, *parts]

    for root, lead in product(ROOTS, ("", "و", "ف")):
        masculine, feminine, verbs = (
            [shape.replace("1", root[0]).replace("2", root[1]).replace("3", root[2]) for shape in shapes]
            for shapes in (MASCULINE, FEMININE, VERBS)
        )
        for rest in ("", "ب", "ل", "ك"):
            yield from (word(lead, rest, noun, pronoun) for noun, pronoun in product(masculine, PRONOUNS))
            yield from (word(lead, rest, noun, "ت", pronoun) for noun, pronoun in product(feminine, PRONOUNS))
        for rest in ("ب", "ل", "ك", "ال", "ب ال", "ك ال", "ل ل"):
            yield from (word(lead, rest, noun) for noun in masculine)
            yield from (word(lead, rest, noun, "ة") for noun in feminine)
        yield from (word(lead, "س", verb) for verb in verbs)
        yield from (word(lead, "س", verb, each) for verb, each in product(verbs, OBJECTS))


def test_every_combination_of_proclitics_is_found_before_unseen_stems() -> None:
    table = list(generated())
    words = ["".join(parts) for _, parts in table]
    assert not CLOSED.keys() & set(words)
    total, exact, correct = Counter[str](), Counter[str](), Counter[str]()
    for (combination, parts), word, boundaries in zip(
        table, words, open_segmenter("learned").boundaries(words), strict=True
    ):
        ours = segments(word, boundaries)
        proclitics = combination.count("+") + 1 if combination else 0
        total[combination] += 1
        exact[combination] += ours == parts
        correct[combination] += ours[:proclitics] == parts[:proclitics] and ours[proclitics] not in PROCLITICS
    assert len(total) == 27
    shares = {combination: correct[combination] / total[combination] for combination in total}
    several = {combination: share for combination, share in shares.items() if "+" in combination}
    assert min(several.values()) >= 0.93, several
    assert min(shares.values()) >= 0.75, shares  # a single letter may be one of the stem
    assert exact.total() / total.total() >= 0.92


def test_the_words_of_a_school_and_a_car_are_cut_between_all_proclitics() -> None:
    words = {
        "وبمدرستهم": "و+ب+مدرس+ت+هم", "ولمدرستهم": "و+ل+مدرس+ت+هم", "فبسيارتها": "ف+ب+سيار+ت+ها",
        "وكمدرستنا": "و+ك+مدرس+ت+نا", "فسيكتبها": "ف+س+يكتب+ها", "فبالمدرسة": "ف+ب+ال+مدرس+ة", "وللكتاب": "و+ل+ل+كتاب",
    }  # fmt: skip
    boundaries = open_segmenter("learned").boundaries(list(words))
    assert ["+".join(segments(*pair)) for pair in zip(words, boundaries, strict=True)] == list(words.values())


def test_formed_words_have_proclitics_in_the_order_of_the_grammar_and_are_new(real_counts: PretokenCounts) -> None:
    counts = word_counts(real_counts)
    verbs = imperfects({word for word, count in counts.items() if count >= MIN_COUNT})
    pairs = with_proclitics(counts, verbs, RuleSegmenter(), {"وبكتابه"}, 0)
    assert pairs == with_proclitics(dict(reversed(counts.items())), verbs, RuleSegmenter(), {"وبكتابه"}, 0)
    formed = {word: segments(word, boundaries) for word, boundaries in pairs if counts.get(word, 0) < MIN_COUNT}
    assert len(formed) > 100
    assert "وبكتابه" not in formed
    before = set()
    for parts in formed.values():
        first = next(place for place, part in enumerate(parts) if part not in PROCLITICS)
        before.add("+".join(parts[:first]))
    assert {"و+ب", "ف+ل", "ك+ال", "و+ل+ل", "ف+س"} <= before
    assert not before & {"ال+ب", "ب+و", "س+ال"}


def test_words_that_take_the_article_have_no_proclitic() -> None:
    class Eager:
        def boundaries(self, words: list[str]) -> list[tuple[int, ...]]:
            return [(1, len(word) - 1) for word in words]

    counts = {"وزارة": 9, "الوزارة": 9, "بلد": 5, "البلد": 1, "مدير": 9, "المدير": 9, "وقال": 90, "القال": 1}
    assert dict(without_proclitics(counts, Eager(), {"كتاب"})) == {"وزارة": (4,), "بلد": ()}


def test_words_that_begin_titles_lose_all_proclitics_together() -> None:
    class Eager:
        def boundaries(self, words: list[str]) -> list[tuple[int, ...]]:
            return [(1, 2) if word == "وبائيات" else (1, 3) for word in words]

    correct = dict(of_titles(["وبائيات", "والتر ديزني"], {}, Eager(), {"ديزني"}))
    assert correct == {"وبائيات": (), "والتر": ()}
