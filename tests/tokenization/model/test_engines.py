"""Every morphology mode, with or without clitics, gives a tokenizer for which four engines return the same ids."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engines import Engines, agreed, engines, fuzzed
from everything import EVERY, everything
from numpy.typing import NDArray

from tokenization.model import Encoder, Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.morphology import open_segmenter
from tokenization.options import MorphologyOptions
from tokenization.training import (
    PretokenCounts,
    boundary_flags,
    count_pretokens,
    split_clitics,
    train_merges,
    word_counts,
)

FUZZ = int(os.environ.get("ARCORP_FUZZ", "250"))  # strings for each tokenizer
MODES = ["V2", "regex", "hard learned", "hard regex rules", "soft learned", "soft regex learned", "soft camel"]


@pytest.fixture(scope="module")
def few_counts(real_text: list[str]) -> PretokenCounts:
    """Fewer words, for segmenters that take long."""
    return count_pretokens([text[:2_000] for text in real_text[::20]], pretoken_pattern())


@pytest.fixture(scope="module")
def learned_flags(real_counts: PretokenCounts) -> NDArray[np.bool_]:
    return boundary_flags(real_counts, open_segmenter("learned"))


@pytest.fixture(scope="module", params=MODES)
def opened(
    request: pytest.FixtureRequest, real_counts: PretokenCounts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Engines]:
    """The layout of V2 with plain BPE; and each mode with each segmenter, with or without clitics."""
    settings = request.param.split()
    if settings == ["V2"]:
        path: Path = request.getfixturevalue("v2_folder")
    else:
        path = tmp_path_factory.mktemp("tokenizer")
        split, layout = pretoken_pattern(clitics="regex" in settings), VocabularyLayout(4_000)
        words, ends = real_counts, None
        if "camel" in settings:
            words = request.getfixturevalue("few_counts")
            database = str(request.getfixturevalue("buckwalter"))
            ends = boundary_flags(words, open_segmenter("camel", word_counts(words), database))
        elif "rules" in settings:
            ends = boundary_flags(words, open_segmenter("rules"))
        elif "learned" in settings:
            ends = request.getfixturevalue("learned_flags")
        morphology = MorphologyOptions() if ends is None else MorphologyOptions(settings[0])
        pieces = split_clitics(words, split) if "regex" in settings else words
        merges = train_merges(pieces, layout.merged, morphology=morphology, boundaries=ends)
        for name, data in tokenizer_files(Vocabulary(layout, tuple(merges)), split, {}).items():
            (path / name).write_bytes(data)
    return Tokenizer.load(path), engines(path)


def test_ids_are_equal_on_fuzzed_strings_and_nothing_is_lost(opened: tuple[Tokenizer, Engines]) -> None:
    for text in fuzzed(FUZZ, seed=0):
        agreed(opened, text)


def test_ids_are_equal_on_all_sample_corpora_and_nothing_is_lost(
    opened: tuple[Tokenizer, Engines], samples: Path, request: pytest.FixtureRequest
) -> None:
    """Each tokenizer reads a quarter of the texts; ARCORP_EVERY=1 reads all."""
    first = MODES.index(request.node.callspec.params["opened"]) % 4
    for text in everything(samples)[first::4] if EVERY > 1 else everything(samples):
        agreed(opened, text)


def test_ids_are_equal_on_real_text_and_no_fallback_is_needed(
    opened: tuple[Tokenizer, Engines], real_text: list[str]
) -> None:
    for text in real_text[::60]:
        agreed(opened, text[:5_000])
    part = Encoder(opened[0]).encode_part(real_text[::10], "part-00000")
    assert (part.engine, part.disagreed) == ("fastokens", 0)


@pytest.mark.parametrize(
    "text", ["ا" * 100_000, "ال" * 50_000, "كتابهم" * 20_000, "وال" + "ل" * 60_000 + "ة", "\u064e" * 50_000]
)
def test_words_without_end_encode_alike(opened: tuple[Tokenizer, Engines], text: str) -> None:
    _, encoders = opened
    assert encoders["fastokens"](text) == encoders["tokenizers"](text) == encoders["tiktoken"](text)


def test_a_clitic_set_apart_is_never_in_a_token_with_the_stem(
    real_counts: PretokenCounts, make_folder: Callable[[VocabularyLayout, str], Path]
) -> None:
    path = make_folder(VocabularyLayout(4_000), pretoken_pattern(clitics=True))
    tokenizer = Tokenizer.load(path)
    for text, apart in ((" والكتاب", " وال"), ("بالمدرسة", "بال"), (" كتابهما", " كتاب"), ("مكتبات", "مكتب")):
        joined = [
            b"".join(tokenizer.pieces[token] for token in tokenizer.encode(text)[:n]).decode() for n in range(1, 9)
        ]
        assert apart in joined
