"""The ids of a part are those of the reference engine, for any engine and any batches."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization.errors import EncodingError, OptionError
from tokenization.model import (
    EncodedBatch,
    EncodedPart,
    Encoder,
    Tokenizer,
    VocabularyLayout,
    can_split,
    id_dtype,
    narrow_ids,
    pretoken_pattern,
    split_text,
)
from tokenization.model.encode import CHECKED_FIRST


@pytest.fixture(scope="module")
def make_apart(make_folder: Callable[[VocabularyLayout, str], Path], small: Tokenizer) -> dict[bool, Tokenizer]:
    """Tokenizers by whether their pattern splits off clitics."""
    clitics = make_folder(VocabularyLayout(4096), pretoken_pattern(digits=2, clitics=True))
    return {False: small, True: Tokenizer.load(clitics)}


def joined(part: EncodedPart) -> EncodedBatch:
    batches = list(part.batches)
    texts = [text for each in batches for text in each.texts]
    return EncodedBatch(
        texts, *(np.concatenate([getattr(each, name) for each in batches]) for name in ("ids", "tokens"))
    )


def test_a_part_is_what_the_reference_gives_document_by_document(small: Tokenizer, real_text: list[str]) -> None:
    texts = real_text[::9]
    part = Encoder(small).encode_part(texts, "part-00000")
    assert (part.engine, part.disagreed) == ("fastokens", 0)
    assert part.checked >= CHECKED_FIRST
    whole = joined(part)
    expected = [small.encode(text) for text in texts]
    assert whole.ids.dtype == np.dtype("<u2")
    assert whole.ids.tolist() == [token for ids in expected for token in ids]
    assert whole.tokens.tolist() == [len(ids) for ids in expected]
    assert whole.bytes.tolist() == [len(text.encode()) for text in texts]
    assert whole.chars.tolist() == [len(text) for text in texts]


@pytest.fixture(scope="module")
def encoders(small: Tokenizer) -> dict[int, Encoder]:
    """Encoders by the size of their batches."""
    return {chars: Encoder(small, batch_chars=chars) for chars in (1, 7, 40, 200)}


@given(st.lists(st.text(max_size=40), max_size=20), st.sampled_from([1, 7, 40, 200]))
def test_the_ids_do_not_depend_on_the_batches(
    small: Tokenizer, encoders: dict[int, Encoder], texts: list[str], chars: int
) -> None:
    batches = list(encoders[chars].encode_part(texts, "p").batches)
    assert sum(len(batch.tokens) for batch in batches) == len(texts)
    assert [token for batch in batches for token in batch.ids.tolist()] == [
        token for text in texts for token in small.encode(text)
    ]
    # A batch exceeds the limit only if it is a single document.
    assert all(batch.chars.sum() <= chars or len(batch.chars) == 1 for batch in batches)


WORDS = st.lists(st.sampled_from(["والكتاب", "a", "it's", "1", "٣", "،", "«", "\n", "\u064e", "👋", " ", ""]))


@given(WORDS.map(" ".join), st.integers(0, 9))
@pytest.mark.parametrize("clitics", [False, True])
def test_pieces_of_a_long_text_encode_as_the_whole(
    make_apart: dict[bool, Tokenizer], clitics: bool, text: str, least: int
) -> None:
    tokenizer = make_apart[clitics]
    parts = list(split_text(text, least))
    assert "".join(parts) == text
    assert [token for piece in parts for token in tokenizer.encode(piece)] == tokenizer.encode(text)


def test_a_long_text_is_split_but_never_for_a_foreign_tokenizer(small: Tokenizer, real_text: list[str]) -> None:
    text = "\n".join(real_text[::40])
    assert len(list(split_text(text, 5_000))) > len(text) // 7_000
    assert joined(Encoder(small, batch_chars=5_000).encode_part([text], "p")).ids.tolist() == small.encode(text)
    assert can_split(small)
    gpt2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    config = json.loads(small.json)
    for key, value in (("normalizer", {"type": "NFC"}), ("pre_tokenizer", gpt2)):
        foreign = Tokenizer(json.dumps({**config, key: value}).encode(), name="foreign", meta={}, roles={})
        assert not can_split(foreign)


def test_a_special_name_in_a_text_stays_text(small: Tokenizer) -> None:
    batch = joined(Encoder(small).encode_part(["<|bos|> <|eos|><|pad|>"] * 3, "p"))
    assert batch.ids.max() < 4_093


def test_a_thousandth_of_a_part_is_checked_and_the_name_of_the_part_chooses_it(small: Tokenizer) -> None:
    encoder = Encoder(small)
    checked = [encoder.encode_part(["نص"] * 5_000, f"part-{n:05d}").checked for n in range(4)]
    assert all(CHECKED_FIRST <= each < 5_000 / 300 for each in checked)
    assert sum(checked) > 4 * CHECKED_FIRST


def test_a_part_on_which_engines_disagree_is_encoded_by_the_reference_and_reports_it(
    small: Tokenizer, small_folder: Path
) -> None:
    # The fast engine has a tokenizer with fewer merges, so that the engines really disagree.
    config = json.loads(small.json)
    del config["model"]["merges"][-2_000:]
    poorer = Tokenizer(json.dumps(config).encode(), name="poorer", meta={}, roles={})
    encoder = Encoder(small)
    encoder._fast = Encoder(poorer)._fast
    texts = ["من غير خلاف", *["والمدرسة الجديدة"] * 5]
    part = encoder.encode_part(texts, "p")
    assert (part.engine, part.checked) == ("tokenizers", CHECKED_FIRST)
    assert part.disagreed > 0
    assert joined(part).ids.tolist() == [token for text in texts for token in small.encode(text)]


def test_a_tokenizer_that_the_fast_engine_refuses_is_encoded_by_the_reference(small: Tokenizer) -> None:
    config = json.loads(small.json)
    config["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "UnicodeScripts"})
    odd = Tokenizer(json.dumps(config).encode(), name="odd", meta={}, roles={})
    encoder = Encoder(odd)
    assert encoder.refused
    part = encoder.encode_part(["كتاب book"], "p")
    assert (part.engine, part.checked, part.disagreed) == ("tokenizers", 0, 0)
    assert joined(part).ids.tolist() == odd.encode("كتاب book")


@pytest.mark.fault(22)
def test_65536_ids_fit_16_bits_and_65537_do_not() -> None:
    assert id_dtype(65_536) == np.dtype("<u2")
    assert id_dtype(65_537) == np.dtype("<u4")
    assert narrow_ids(np.array([65_535], np.uint32), 65_536).tolist() == [65_535]
    assert narrow_ids(np.array([65_536], np.uint32), 65_537).tolist() == [65_536]
    with pytest.raises(EncodingError, match=r"id 65536 .*65536.*make it again"):
        narrow_ids(np.array([65_536], np.uint32), 65_536)


@pytest.mark.fault(12)
def test_a_lone_surrogate_is_refused_with_document_and_character(small: Tokenizer) -> None:
    texts = ["fine"] * 10
    texts[7] = "abc\ud800"
    with pytest.raises(EncodingError, match=r"document 7 of part p: .* character 3"):
        joined(Encoder(small).encode_part(texts, "p"))
    with pytest.raises(EncodingError, match=r"document 0 of part p: .* character 0"):
        Encoder(small).encode_part(["\udfff"], "p")


@pytest.mark.fault(14)
def test_no_documents_and_empty_documents_are_fine(small: Tokenizer) -> None:
    assert list(Encoder(small).encode_part([], "p").batches) == []
    batch = joined(Encoder(small).encode_part(["", "x", ""], "p"))
    assert (batch.tokens.tolist(), batch.bytes.tolist()) == ([0, 1, 0], [0, 1, 0])


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    "text", ["ب" * 1_000_000, "\x00" * 1_000_000, "\u064e" * 1_000_000], ids=["word", "nul", "mark"]
)
def test_a_document_that_is_one_piece_of_megabytes_is_encoded_and_decoded(small: Tokenizer, text: str) -> None:
    batch = joined(Encoder(small).encode_part(["كتاب", text, "كتاب"], "p"))
    assert batch.tokens.sum() == len(batch.ids)
    assert small.decode(batch.ids.tolist()) == f"كتاب{text}كتاب"


def test_a_batch_of_nothing_is_refused(small: Tokenizer) -> None:
    with pytest.raises(OptionError, match="batch_chars = 0"):
        Encoder(small, batch_chars=0)


def test_results_cannot_be_changed_by_accident(small: Tokenizer) -> None:
    part = Encoder(small).encode_part(["x"], "p")
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.engine = "other"  # type: ignore[misc]
