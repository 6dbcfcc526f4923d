"""The small trainer of experiments chooses as stated, and errors of the segmenter are counted by one kind each."""

from benchmarks.tokenization.experiments import SUPERWORDS, in_running_text, shortest
from benchmarks.tokenization.pairs import learned
from benchmarks.tokenization.segmenter_errors import errors_of, table
from tokenization.model import Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.morphology import Boundaries, score

BYTES = {bytes([byte]) for byte in range(256)}


def symbols(*words: str) -> list[list[bytes]]:
    return [[letter.encode() for letter in word] for word in words]


def test_merges_are_chosen_by_count_by_length_and_for_the_group_that_needs_the_most_tokens() -> None:
    words, counts = ("abab", "abc", "bcb"), [(3,), (2,), (1,)]
    assert learned(symbols(*words), counts, BYTES, 2) == [(b"a", b"b"), (b"ab", b"ab")]
    by_length = learned(
        symbols("xy", "abcd", "abcd"), [(9,), (4,), (4,)], BYTES, 3, score=lambda count, joined: count * len(joined)
    )
    assert by_length == [(b"x", b"y"), (b"a", b"b"), (b"ab", b"c")]
    of_groups = learned(symbols("xy", "abcd"), [(9, 0), (0, 1)], BYTES, 3, references=(18.0, 1.0))
    assert of_groups == [(b"a", b"b"), (b"ab", b"c"), (b"abc", b"d")]


def test_boundaries_are_scored_in_running_text_where_tokens_run_across_spaces() -> None:
    letters = [(b"a", b"b"), (b" ", b"ab"), (b" ab", b" "), (b" ab ", b"c")]  # " ab c" is a token, "d" another
    pattern = pretoken_pattern().replace(r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", SUPERWORDS)
    files = tokenizer_files(Vocabulary(VocabularyLayout(256 + 4 + 3), tuple(letters)), pattern, {})
    tokenizer = Tokenizer(files["tokenizer.json"], name="tokenizer.json", meta={}, roles={})
    gold: list[tuple[str, Boundaries]] = [("ab", (1,)), ("cd", (1,))]
    result = in_running_text(tokenizer, gold)
    assert (result.hits, result.predicted, result.true) == (1, 1, 2)


def test_a_vocabulary_needs_as_few_tokens_as_its_best_division_of_a_word() -> None:
    vocabulary = {b"a", b"b", b"c", b"d", b"ab", b"abc", b"bcd"}
    assert [shortest(word, vocabulary, 3) for word in (b"abcd", b"abab", b"dcba", b"abcbcd")] == [2, 2, 4, 2]


def test_every_error_of_a_segmenter_has_one_kind() -> None:
    gold = [("وكتابهم", (1, 5)), ("فرنسا", ()), ("الفقه", (2,)), ("مصري", ()), ("مدرسة", (4,))]
    predicted: dict[str, Boundaries] = {
        "وكتابهم": (1,), "فرنسا": (1,), "الفقه": (2, 4), "مصري": (3,), "مدرسة": (),
    }  # fmt: skip
    errors = errors_of(gold, predicted)
    assert errors == {
        "pronoun missed": 1, "name or other word loses a proclitic": 1, "root ه cut as a pronoun": 1,
        "nisba ي cut as a pronoun": 1, "ة missed": 1,
    }  # fmt: skip
    result = score(gold, predicted)
    assert errors.total() == result.predicted + result.true - 2 * result.hits
    assert f"| all | 5 | {1 - result.f1:.4f} |" in table(gold, {"a": predicted})
