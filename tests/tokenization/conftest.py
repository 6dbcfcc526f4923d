"""Real text and tokenizers trained on it, once for all tests of the package."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from buckwalter import tables

from tokenization.model import Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.training import PretokenCounts, count_pretokens, train_merges

_V2_ROLES = "think /think tool_call tool_result bos eos pad sep system user assistant eot"
V2_SPECIALS = {f"<|{role}|>": token_id for token_id, role in enumerate(_V2_ROLES.split(), 32_756)}
SOURCES = (
    "arb_wiki",
    "arz_wiki",
    "classical_openiti_0325AH",
    "hadith_vocalised",
    "dialect",
    "eng_hadith",
    "math_gsm8k_train",
    "python_stdlib",
)


@pytest.fixture(scope="session")
def bulk(samples: Path) -> Callable[[str, int], list[str]]:
    """Return the first documents of a bulk sample, until they have `chars` characters."""

    def read(name: str, chars: int) -> list[str]:
        texts: list[str] = []
        with (samples / "data/bulk" / f"{name}.jsonl.zst").open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            for line in lines:
                texts.append(json.loads(line)["text"])
                if sum(map(len, texts)) >= chars:
                    break
        return texts

    return read


@pytest.fixture(scope="session")
def real_text(bulk: Callable[[str, int], list[str]]) -> list[str]:
    """About 1.6 million characters of eight kinds of text."""
    return [text for name in SOURCES for text in bulk(name, 200_000)]


@pytest.fixture(scope="session")
def real_counts(real_text: list[str]) -> PretokenCounts:
    return count_pretokens(real_text, pretoken_pattern())


@pytest.fixture(scope="session")
def make_folder(
    real_counts: PretokenCounts, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[VocabularyLayout, str], Path]:
    """Write a tokenizer folder with a layout and a pattern, trained on the real text."""

    def make(layout: VocabularyLayout, split: str) -> Path:
        vocabulary = Vocabulary(layout, tuple(train_merges(real_counts, layout.merged)))
        path = tmp_path_factory.mktemp("tokenizer")
        for name, data in tokenizer_files(vocabulary, split, {"sample": "tests"}).items():
            (path / name).write_bytes(data)
        return path

    return make


@pytest.fixture(scope="session")
def v2_folder(make_folder: Callable[[VocabularyLayout, str], Path]) -> Path:
    """The layout of autoresearch V2: 32,768 ids, special tokens at fixed ids, 512 reserved slots, 244 unused slots."""
    return make_folder(VocabularyLayout(32_768, V2_SPECIALS, reserved=512, bpe=32_000), pretoken_pattern())


@pytest.fixture(scope="session")
def small_folder(make_folder: Callable[[VocabularyLayout, str], Path]) -> Path:
    """4,096 ids with the default special tokens, and at most two digits in a piece."""
    return make_folder(VocabularyLayout(4096), pretoken_pattern(digits=2))


@pytest.fixture(scope="session")
def small(small_folder: Path) -> Tokenizer:
    return Tokenizer.load(small_folder)


@pytest.fixture(scope="session")
def buckwalter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Buckwalter's tables of 2002 as a database of camel-tools."""
    return tables(tmp_path_factory.mktemp("camel") / "buckwalter.db")
