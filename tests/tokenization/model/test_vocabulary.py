"""Every id has a name at the place given by the options, and inconsistent options are refused."""

from typing import Any

import pytest

from tokenization.errors import VocabularyError
from tokenization.model import Vocabulary, VocabularyLayout


def test_special_tokens_follow_the_merges_in_their_order() -> None:
    layout = VocabularyLayout(8_192)
    assert layout.merged == 8_189
    assert layout.names() == ("<|bos|>", "<|eos|>", "<|pad|>")
    assert layout.roles() == {"bos": "<|bos|>", "eos": "<|eos|>", "pad": "<|pad|>"}


def test_fixed_ids_reserved_slots_and_holes_have_names() -> None:
    layout = VocabularyLayout(300, {"<|a|>": 297, "<|b|>": None, "<|eos|>": 290}, reserved=2, bpe=285)
    assert dict(enumerate(layout.names(), 285)) == {
        285: "<|reserved_0|>",
        286: "<|reserved_1|>",
        287: "<|b|>",
        288: "<|unused_0|>",
        289: "<|unused_1|>",
        290: "<|eos|>",
        291: "<|unused_2|>",
        292: "<|unused_3|>",
        293: "<|unused_4|>",
        294: "<|unused_5|>",
        295: "<|unused_6|>",
        296: "<|unused_7|>",
        297: "<|a|>",
        298: "<|unused_8|>",
        299: "<|unused_9|>",
    }
    assert layout.roles() == {"eos": "<|eos|>"}


def test_merges_take_all_ids_below_the_lowest_fixed_id() -> None:
    assert VocabularyLayout(1_000, {"<|a|>": 900}).merged == 900
    assert VocabularyLayout(1_000, {"<|a|>": 998, "<|b|>": None, "<|c|>": None}, reserved=3).merged == 994


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 258}, "choose 259 or more"),
        ({"size": 0}, "vocab_size = 0"),
        ({"size": 1 << 30}, "vocab_size = 1073741824"),
        ({"size": 300, "reserved": -1}, "reserved = -1"),
        ({"size": 300, "specials": {"<|نص|>": None}}, "printable ASCII"),
        ({"size": 300, "specials": {"a b": None}}, "printable ASCII"),
        ({"size": 300, "specials": {"": None}}, "printable ASCII"),
        ({"size": 300, "specials": {"x": None}}, "'x'"),
        ({"size": 300, "specials": {"<|unused_3|>": None}}, "'<|unused_3|>'"),
        ({"size": 300, "specials": {"<|a|>": 280, "<|b|>": 280}}, "id 280"),
        ({"size": 300, "specials": {"<|a|>": 300}}, "id 300 is outside 256..299"),
        ({"size": 300, "specials": {"<|a|>": 17}}, "are bytes"),
        ({"size": 300, "specials": {"<|a|>": 280}, "bpe": 281}, "id 280 is one of the 281 ids"),
        ({"size": 300, "bpe": 298}, "are more than 300"),
        ({"size": 300, "bpe": 255}, "the bytes need 256"),
        ({"size": 300, "specials": {"<|a|>": 256, "<|b|>": 299}, "reserved": 43}, "choose 301 or more"),
        ({"size": 300, "bos": "<|start|>"}, "bos: '<|start|>'"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(VocabularyError) as refused:
        VocabularyLayout(**options)
    assert message in str(refused.value)


def test_merges_and_layout_must_belong_together() -> None:
    layout = VocabularyLayout(259, {"<|bos|>": None})
    assert Vocabulary(layout, ((b"a", b"b"), (b"ab", b"c"))).tokens()[256:] == [b"ab", b"abc"]
    with pytest.raises(VocabularyError, match=r"257 tokens.* 258"):
        Vocabulary(layout, ((b"a", b"b"),))
    with pytest.raises(VocabularyError, match="merge b'bc' b'd'"):
        Vocabulary(layout, ((b"a", b"b"), (b"bc", b"d")))


def test_a_special_name_that_was_learned_is_refused() -> None:
    with pytest.raises(VocabularyError, match="'ab' was also learned"):
        Vocabulary(VocabularyLayout(258, {"ab": None}), ((b"a", b"b"),))
