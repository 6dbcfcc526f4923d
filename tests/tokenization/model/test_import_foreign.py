"""Foreign tokenizers give the ids of their own engines, and inconsistent files are refused."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiktoken
import tiktoken_ext.openai_public as public
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer

from tokenization.errors import FolderError
from tokenization.model import PATTERNS, Encoder, Tokenizer, open_tokenizer, tokenizer_of_ranks

AWKWARD = st.sampled_from(
    [
        *("كتاب", "والمدرسة", "كَتَبَ", "Hello", "HELLO", "iPhone", "'s", "'LL", "'ſ", "don't", "1234567", "٣٢١", "²"),
        *(" ", "  ", "\n", "\r\n", "\t", "\n \n", " \n", "\u00a0", "\u2028", "/", "//\n", "!!", "<|endoftext|>"),
        *("ǅ", "各", "👋🏽", "\u0651", "ـ", "\x00", "𝔄", "é", "e\u0301"),
    ]
)
TEXT = st.lists(st.one_of(AWKWARD, st.text(max_size=6)), max_size=10).map("".join)


@pytest.fixture(scope="module")
def ranks(small: Tokenizer) -> dict[bytes, int]:
    return {piece: token for token, piece in enumerate(small.pieces) if piece}


@pytest.fixture(scope="module")
def pairs(ranks: dict[bytes, int]) -> dict[str, tuple[Tokenizer, tiktoken.Encoding]]:
    """Tokenizers with our form of OpenAI's patterns, and tiktoken's encodings, over a small vocabulary."""
    encodings = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(public, "load_tiktoken_bpe", lambda *_, **__: ranks)
        patch.setattr(public, "data_gym_to_mergeable_bpe_ranks", lambda **_: ranks)
        for name in ("gpt2", "cl100k_base", "o200k_base"):
            theirs = tiktoken.Encoding(
                name,
                pat_str=public.ENCODING_CONSTRUCTORS[name]()["pat_str"],
                mergeable_ranks=ranks,
                special_tokens={"<|endoftext|>": 5_000},
            )
            ours = tokenizer_of_ranks(ranks, PATTERNS[name], {"<|endoftext|>": 5_000}, name, {})
            encodings[name] = (ours, theirs)
    return encodings


@given(TEXT)
def test_ids_are_those_of_tiktoken_with_its_own_patterns(
    pairs: dict[str, tuple[Tokenizer, tiktoken.Encoding]], text: str
) -> None:
    for name, (ours, theirs) in pairs.items():
        assert ours.encode(text) == theirs.encode_ordinary(text), name
        assert ours.decode(ours.encode(text)) == text


def test_ids_are_those_of_tiktoken_on_real_text(
    pairs: dict[str, tuple[Tokenizer, tiktoken.Encoding]], real_text: list[str]
) -> None:
    for ours, theirs in pairs.values():
        encoder = Encoder(ours)
        for text in real_text[::25]:
            (batch,) = encoder.encode_part([text[:20_000]], "p").batches
            assert batch.ids.tolist() == theirs.encode_ordinary(text[:20_000])


def test_ids_that_a_tiktoken_vocabulary_omits_are_unused_tokens(
    pairs: dict[str, tuple[Tokenizer, tiktoken.Encoding]],
) -> None:
    ours, _ = pairs["gpt2"]
    assert ours.vocab_size == 5_001
    assert ours.specials["<|endoftext|>"] == 5_000
    assert len(ours.specials) == 5_001 - 4_093


def test_our_own_tiktoken_file_gives_our_ids(small: Tokenizer, small_folder: Path, real_text: list[str]) -> None:
    read = open_tokenizer(small_folder / "tokenizer.tiktoken")
    assert (read.vocab_size, read.specials, read.bos, read.eos) == (
        small.vocab_size,
        small.specials,
        small.bos,
        small.eos,
    )
    assert read.pieces == small.pieces
    for text in real_text[::40]:
        assert read.encode(text[:5_000]) == small.encode(text[:5_000])


def test_a_tiktoken_file_of_a_known_name_needs_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "p50k_base.tiktoken"
    path.write_bytes(all_bytes())
    read = open_tokenizer(path)
    assert read.pattern == PATTERNS["p50k_base"]
    assert (read.vocab_size, read.specials["<|endoftext|>"]) == (50_257, 50_256)


def all_bytes() -> bytes:
    return b"".join(b"%s %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256))


@pytest.fixture(scope="module")
def gpt2_style(real_text: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like aragpt2's: the special token first, vocab.json and merges.txt as written by `tokenizers`."""
    folder = tmp_path_factory.mktemp("aragpt2")
    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator(
        real_text[::9], vocab_size=1_500, special_tokens=["<|endoftext|>"], show_progress=False
    )
    trainer.save_model(str(folder))
    (folder / "special_tokens_map.json").write_text(
        json.dumps({"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"})
    )
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    return folder


def test_a_folder_of_vocab_and_merges_gives_the_ids_that_transformers_gives(
    gpt2_style: Path, real_text: list[str]
) -> None:
    ours = open_tokenizer(gpt2_style)
    theirs = AutoTokenizer.from_pretrained(str(gpt2_style))
    assert (ours.vocab_size, ours.bos, ours.eos) == (1_500, 0, 0)
    for text in [*real_text[::60], "don't stop \n\n  now", "كَتَبَ ٣٢١"]:
        assert ours.encode(text[:5_000]) == theirs(text[:5_000])["input_ids"]
    assert Encoder(ours).refused is None
    assert 0 not in ours.encode("<|endoftext|>")  # inside a text it is text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("merges.txt", "#version: 0.2\nno such\n", "line 2: 'no such'"),
        ("merges.txt", "a b c\n", "line 1: 'a b c'"),
        ("merges.txt", b"\xff\xfe", "merges.txt: .*download it again"),
        ("merges.txt", None, "merges.txt: .*download it again"),
        ("vocab.json", '{"a": "b"}', "vocab.json: .*download it again"),
        ("vocab.json", "[]", "vocab.json: .*not a JSON object"),
        ("vocab.json", '{"a": 0, "b": 7}', "id 1 has no token"),
    ],
)
def test_a_vocabulary_that_cannot_be_trusted_is_refused(
    gpt2_style: Path, tmp_path: Path, name: str, content: str | bytes | None, message: str
) -> None:
    for path in gpt2_style.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if name == "vocab.json" and content == '{"a": 0, "b": 7}':
        (tmp_path / "merges.txt").write_text("")
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FolderError, match=message) as refused:
        open_tokenizer(tmp_path)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data + b"nonsense\n", "line 4094: "),
        (lambda data: data + b"*** 5\n", "line 4094: "),
        (lambda data: data + b"QUJDREVGR0g= 300\n", "the same id"),
        (lambda data: data.split(b"\n", 1)[1], "not every byte is a token"),
        (lambda data: data + b"QUJDREVGR0g= 99999999\n", "for 4,094 tokens"),
    ],
)
def test_ranks_that_cannot_be_trusted_are_refused(
    small_folder: Path, tmp_path: Path, edit: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(edit((small_folder / "tokenizer.tiktoken").read_bytes()))
    with pytest.raises(FolderError, match=message):
        open_tokenizer(path)


def test_a_file_that_is_not_a_tokenizer_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FolderError, match=r"no-such-encoding: .*choose one of"):
        open_tokenizer("no-such-encoding")
    (tmp_path / "tokenizer.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(FolderError, match=r"tokenizer\.pkl: .*pickle"):
        open_tokenizer(tmp_path / "tokenizer.pkl")
    (tmp_path / "mine.tiktoken").write_bytes(all_bytes())
    with pytest.raises(FolderError, match=r"mine\.tiktoken: .*pattern.*cl100k_base"):
        open_tokenizer(tmp_path / "mine.tiktoken")
    with pytest.raises(FolderError, match=r"there is no tokenizer\.json"):
        open_tokenizer(tmp_path)
    # The proxy does not exist, so that the download really fails.
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    tiktoken.registry.ENCODINGS.pop("p50k_base", None)
    with pytest.raises(FolderError, match=r"p50k_base: .*TIKTOKEN_CACHE_DIR"):
        open_tokenizer("p50k_base")


@pytest.mark.parametrize("holes", [(4_094,), (300, 4_094), (4_096, 4_097)])
def test_ids_without_a_token_are_unused_tokens(
    holes: tuple[int, ...], small: Tokenizer, small_folder: Path, tmp_path: Path
) -> None:
    config = json.loads((small_folder / "tokenizer.json").read_bytes())
    for hole in holes:
        if hole == 300:  # the ids from here on are one higher
            vocab = config["model"]["vocab"]
            config["model"]["vocab"] = {token: number + (number >= 300) for token, number in vocab.items()}
            for token in config["added_tokens"]:
                token["id"] += 1
        else:
            config["added_tokens"] = [token for token in config["added_tokens"] if token["id"] != hole]
    if 4_096 in holes:
        config["added_tokens"].append({**config["added_tokens"][-1], "id": 4_098, "content": "<|last|>"})
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    opened = open_tokenizer(path)
    assert all(f"<|unused_{hole}|>" in opened.specials for hole in holes)
    text = "والكتاب the book 12"
    assert opened.split(text) == small.split(text)
    assert Encoder(opened).encode_part([text], "p").disagreed == 0
    with pytest.raises(FolderError, match=f"id {min(holes)} has no token"):
        Tokenizer.load(path)
