"""Tokenizers of SentencePiece's kind: every id stands for bytes, and what a tokenizer loses is named and counted."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Reference

from tests.sentencepiece_files import model_file
from tokenization.errors import FolderError
from tokenization.evaluation import describe_vocabulary
from tokenization.evaluation.token_counts import measure
from tokenization.model import Encoder, Tokenizer, adopted_files, open_tokenizer
from tokenization.morphology import align

SIGN = "\u2581"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TEXT = st.lists(
    st.one_of(
        st.sampled_from(["كتاب", " والكتاب", "the", " ", "  ", "\n", "</s>", "<0x0A>", "\u064e", "👋🏽", "ﻻ"]),
        st.text(max_size=5),
    ),
    max_size=9,
).map("".join)


def gemma(texts: list[str]) -> Reference:
    """Byte fallback, spaces as U+2581, nothing before a text."""
    tokenizer = Reference(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", SIGN)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(SIGN, "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SIGN, " "), decoders.ByteFallback(), decoders.Fuse()])
    train(tokenizer, texts, trainers.BpeTrainer)
    return tokenizer


def llama2(texts: list[str]) -> Reference:
    """As Gemma's, with a space before every text, which the decoder removes."""
    tokenizer = gemma(texts)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SIGN), normalizers.Replace(" ", SIGN)])
    steps = [decoders.Replace(SIGN, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer


def aranizer(texts: list[str]) -> Reference:
    """NFKC, Metaspace, one token for unknown characters."""
    tokenizer = Reference(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    train(
        tokenizer, [text for text in texts if text.isascii() or "\u0600" < max(text) < "\u0700"], trainers.BpeTrainer
    )
    return tokenizer


def unigram(texts: list[str]) -> Reference:
    tokenizer = Reference(models.Unigram())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    train(tokenizer, texts, trainers.UnigramTrainer)
    return tokenizer


def train(tokenizer: Reference, texts: list[str], trainer: Any) -> None:
    special = ["<unk>", "<s>", "</s>"]
    names = {"unk_token": "<unk>"} if trainer is trainers.UnigramTrainer else {}
    alphabet = BYTES if getattr(tokenizer.model, "byte_fallback", False) else []
    tokenizer.train_from_iterator(
        texts, trainer(vocab_size=1_200, special_tokens=[*special, *alphabet], show_progress=False, **names)
    )


KINDS = {"gemma": gemma, "llama2": llama2, "aranizer": aranizer, "unigram": unigram}


@pytest.fixture(scope="module")
def opened(real_text: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Tokenizer, Reference]]:
    texts = [text[:1_500] for text in real_text[::40]]
    folder = tmp_path_factory.mktemp("theirs")
    tokenizers = {}
    for name, make in KINDS.items():
        config = json.loads(make(texts).to_str())
        config["added_tokens"] = [token for token in config["added_tokens"] if not token["content"].startswith("<0x")]
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        reference = Reference.from_file(str(path))
        reference.encode_special_tokens = True
        tokenizers[name] = open_tokenizer(path), reference
    return tokenizers


@given(TEXT)
def test_ids_are_those_of_their_engine_and_stand_for_the_bytes_of_the_text(
    opened: dict[str, tuple[Tokenizer, Reference]], text: str
) -> None:
    for name, (ours, reference) in opened.items():
        ids = reference.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids, name
        if name in ("gemma", "llama2") and SIGN not in text:
            assert ours.decode(ids) == text
            assert b"".join(ours.split(text)) == text.encode()


def test_what_a_tokenizer_changes_is_named(opened: dict[str, tuple[Tokenizer, Reference]]) -> None:
    named = {name: tokenizer.changes() for name, (tokenizer, _) in opened.items()}
    assert named["gemma"] == named["llama2"] == ["U+2581 becomes a space"]
    assert named["aranizer"] == ["NFKC", "U+2581 becomes a space", "unknown characters become one token"]
    assert any("special" in change for change in named["unigram"])  # its pieces are found inside a text


def test_documents_that_are_lost_are_counted_and_words_of_others_as_counted_by_hand(
    opened: dict[str, tuple[Tokenizer, Reference]],
) -> None:
    texts = ["والكتاب في البيت  الكبير\n", "ﻻ 👋🏽", "", f"a{SIGN}b", "the book"]
    changed = {"gemma": 1, "llama2": 1, "aranizer": 2}
    for name, expected in changed.items():
        tokenizer = opened[name][0]
        counter = measure(Encoder(tokenizer), texts)
        kept = [text for text in texts if tokenizer.decode(tokenizer.encode(text)) == text]
        split = runs = 0
        for text in kept:
            ends, place = set(), 0
            for piece in tokenizer.split(text):
                place += len(piece)
                ends.add(place)
            for word in filter(str.isalpha, text.split()):
                begin = len(text[: text.index(word)].encode())
                runs += 1
                split += any(begin < end < begin + len(word.encode()) for end in ends)
        assert (counter["changed"], len(texts) - len(kept)) == (expected, expected), name
        assert (counter["runs"], counter["runs_split"]) == (runs, split), name
        assert counter.types["the"] == (len(tokenizer.encode("a the")) == len(tokenizer.encode("a")) + 1)


def test_words_are_compared_with_gold_after_a_space(opened: dict[str, tuple[Tokenizer, Reference]]) -> None:
    for name in ("gemma", "llama2", "aranizer"):
        tokenizer = opened[name][0]
        for word in ("والكتاب", "كتابهم", "في"):
            assert b"".join(tokenizer.split_word(word)) == f" {word}".encode(), name
        assert align(tokenizer.split_word, [("ﻻﻻ", (1,))]).tokens == 1


def test_tokens_that_the_model_never_gives_are_counted(opened: dict[str, tuple[Tokenizer, Reference]]) -> None:
    for name, (tokenizer, _) in opened.items():
        figures = describe_vocabulary(Encoder(tokenizer))
        assert figures["unreachable"]["tokens"] < 40, (name, figures["unreachable"])
        assert "".join(figures["digits"]["ASCII"]) == "1234567"


def test_an_imported_folder_gives_the_same_ids(
    opened: dict[str, tuple[Tokenizer, Reference]], tmp_path: Path, real_text: list[str]
) -> None:
    for name, (tokenizer, _) in opened.items():
        folder = tmp_path / name
        folder.mkdir()
        for file, data in adopted_files(tokenizer).items():
            (folder / file).write_bytes(data)
        again = Tokenizer.load(folder)
        assert again.check_golden() > 0
        for text in real_text[::200]:
            (batch,) = Encoder(again).encode_part([text[:3_000]], "p").batches
            assert batch.ids.tolist() == tokenizer.encode(text[:3_000])
        assert not (folder / "tokenizer.tiktoken").exists()


# -- .model files ---------------------------------------------------------------------------------------------

PIECES = ["<unk>", "<s>", "</s>", *BYTES, SIGN, *"abكتاب", "ab", "كت", "اب", f"{SIGN}كت", "كتاب", f"{SIGN}كتاب"]


@pytest.mark.parametrize("bpe", [True, False])
def test_a_model_file_gives_its_pieces(bpe: bool, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model_file(list(dict.fromkeys(PIECES)), bpe=bpe, fallback=True))
    for read in (open_tokenizer(path), open_tokenizer(tmp_path)):
        assert (read.bos, read.eos, read.pad) == (1, 2, None)
        assert read.split("كتاب ab\n") == ["كتاب".encode(), b" ", b"ab", b"\n"]
        assert read.split("كتاب كتاب") == ["كتاب".encode(), " كتاب".encode()]
        assert read.decode(read.encode("  x</s>")) == "  x</s>"


@pytest.mark.parametrize("cut", [1, 7, 300, 2_000, -1, -20, -40])
def test_a_model_file_cut_short_is_refused_in_a_sentence(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "short.model"
    path.write_bytes(model_file(list(dict.fromkeys(PIECES)), bpe=True)[:cut])
    with pytest.raises(FolderError, match=r"short\.model.*fetch the file again"):
        open_tokenizer(path)


def test_a_model_of_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.model"
    path.write_bytes(model_file(["<unk>", "ab"], bpe=True).replace(b"\x18\x02\x98", b"\x18\x03\x98"))
    with pytest.raises(FolderError, match="unigram or bpe"):
        open_tokenizer(path)


@pytest.mark.parametrize(
    "options",
    [
        {"model_type": "bpe", "byte_fallback": True, "remove_extra_whitespaces": False},
        {
            "model_type": "bpe",
            "user_defined_symbols": ["<foo>"],
            "add_dummy_prefix": False,
            "remove_extra_whitespaces": False,
        },
        {"model_type": "unigram", "byte_fallback": True},
        {"model_type": "unigram"},
    ],
)
def test_ids_are_those_of_sentencepiece(
    options: dict[str, Any], bulk: Callable[[str, int], list[str]], tmp_path: Path
) -> None:
    theirs = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: pip install sentencepiece")
    lines = [line for name in ("arb_wiki", "eng_hadith") for text in bulk(name, 60_000) for line in text.splitlines()]
    model = io.BytesIO()
    theirs.SentencePieceTrainer.train(
        sentence_iterator=iter([f"{line} <a/b>" for line in lines if line]),
        model_writer=model, vocab_size=700, minloglevel=2, normalization_rule_name="identity", **options,
    )  # fmt: skip
    (tmp_path / "x.model").write_bytes(model.getvalue())
    engine, ours = theirs.SentencePieceProcessor(model_proto=model.getvalue()), open_tokenizer(tmp_path / "x.model")
    texts = [text[:2_000] for text in bulk("arb_news", 20_000)]
    texts += ["", "  a  b ", "\n", "</s> <s>", f"a{SIGN}b", "<foo> y<foo>", "<0x0A>", "ﻻ 👋🏽 𝔄", "\u200f x\u0640"]
    for text in texts:
        assert ours.encode(text) == engine.encode(text), text


def test_other_models_are_refused(tmp_path: Path, real_text: list[str]) -> None:
    words = Reference(models.WordPiece(unk_token="[UNK]"))
    words.decoder = decoders.WordPiece()
    words.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s"), "removed")
    words.train_from_iterator(real_text[:1], trainers.WordPieceTrainer(vocab_size=300, show_progress=False))
    words.add_special_tokens([AddedToken("[CLS]")])
    words.save(str(tmp_path / "bert.json"))
    with pytest.raises(FolderError, match=r"bert\.json.*WordPiece"):
        open_tokenizer(tmp_path / "bert.json")
