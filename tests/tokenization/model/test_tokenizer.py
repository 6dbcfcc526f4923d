"""Four engines give the same ids for one folder, and an inconsistent folder is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastokens
import numpy as np
import pytest
from engines import AWKWARD, Engines, agreed, engines
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tokenization.errors import EncodingError, EncodingMismatch, FolderError
from tokenization.model import (
    GOLDEN_SENTENCES,
    Tokenizer,
    Vocabulary,
    VocabularyLayout,
    pretoken_pattern,
    tokenizer_files,
)


@pytest.fixture(scope="module", params=["v2_folder", "small_folder"])
def opened(request: pytest.FixtureRequest) -> tuple[Tokenizer, Engines]:
    path = request.getfixturevalue(request.param)
    return Tokenizer.load(path), engines(path)


def test_four_engines_give_the_same_ids_on_real_text_and_lose_nothing(
    opened: tuple[Tokenizer, Engines], real_text: list[str]
) -> None:
    for text in real_text[::15]:
        agreed(opened, text[:20_000])


@given(st.lists(st.one_of(AWKWARD, st.text(max_size=12)), max_size=8))
def test_four_engines_give_the_same_ids_on_anything(opened: tuple[Tokenizer, Engines], parts: list[str]) -> None:
    agreed(opened, "".join(parts))


@pytest.mark.fault(16)
@pytest.mark.parametrize("text", ["ا" * 100_000, "\x00" * 50_000, "\u064e" * 50_000, " " * 50_000, "9" * 50_000])
def test_pathological_runs_encode_alike(opened: tuple[Tokenizer, Engines], text: str) -> None:
    _, encoders = opened
    assert encoders["fastokens"](text) == encoders["tokenizers"](text)


def test_the_v2_layout_keeps_its_ids_in_every_engine(v2_folder: Path) -> None:
    tokenizer = Tokenizer.load(v2_folder)
    auto = AutoTokenizer.from_pretrained(str(v2_folder))
    fast = fastokens.Tokenizer.from_file(str(v2_folder / "tokenizer.json"))
    assert (tokenizer.vocab_size, tokenizer.bos, tokenizer.eos, tokenizer.pad) == (32_768, 32_760, 32_761, 32_762)
    assert (len(auto), auto.bos_token_id, auto.eos_token_id, auto.pad_token_id) == (32_768, 32_760, 32_761, 32_762)
    for name, token_id in tokenizer.specials.items():
        assert auto.convert_tokens_to_ids(name) == fast.token_to_id(name) == token_id
    assert tokenizer.specials["<|reserved_511|>"] == 32_511
    assert tokenizer.specials["<|eot|>"] == 32_767


def test_a_loaded_folder_has_its_roles_pattern_and_arrays(small: Tokenizer, small_folder: Path) -> None:
    assert small.vocab_size == 4_096
    assert (small.bos, small.eos, small.pad) == (4_093, 4_094, 4_095)
    assert small.pattern == pretoken_pattern(digits=2)
    assert small.check_golden() == len(GOLDEN_SENTENCES)
    assert small.meta["made"] == {"sample": "tests"}
    assert small.decode([4_093, *small.encode("نص"), 4_094]) == "<|bos|>نص<|eos|>"
    for name, array in (("token_bytes.npy", small.token_bytes), ("token_chars.npy", small.token_chars)):
        stored = np.load(small_folder / name)
        assert stored.dtype == np.dtype("<i4")
        assert np.array_equal(stored, array)
        assert not array[-3:].any()


@pytest.mark.fault(27)
def test_equal_vocabularies_give_equal_bytes() -> None:
    vocabulary = Vocabulary(VocabularyLayout(261), ((b"a", b"b"), (b"ab", b"ab")))
    assert tokenizer_files(vocabulary, pretoken_pattern(), {"x": 1}) == tokenizer_files(
        vocabulary, pretoken_pattern(), {"x": 1}
    )


def test_a_tokenizer_json_alone_is_enough(small: Tokenizer, small_folder: Path, tmp_path: Path) -> None:
    shutil.copy(small_folder / "tokenizer.json", tmp_path / "other.json")
    alone = Tokenizer.load(tmp_path / "other.json")
    assert alone.sha256 == small.sha256
    assert (alone.bos, alone.meta, alone.check_golden()) == (None, {}, 0)
    assert alone.encode("كتابها 42") == small.encode("كتابها 42")


def test_a_hugging_face_folder_of_others_is_read_with_its_roles(small_folder: Path, tmp_path: Path) -> None:
    shutil.copy(small_folder / "tokenizer.json", tmp_path)
    roles = {"bos_token": {"content": "<|bos|>", "lstrip": False}, "eos_token": "<|eos|>"}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(roles))
    tokenizer = Tokenizer.load(tmp_path)
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad) == (4_093, 4_094, None)


@pytest.mark.fault(12)
def test_a_lone_surrogate_is_an_error_and_not_a_replacement_character(small: Tokenizer) -> None:
    with pytest.raises(EncodingError, match="lone surrogates"):
        small.encode("a\udc80")


def edited(path: Path, to: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    shutil.copytree(path, to, dirs_exist_ok=True)
    config = json.loads((to / "tokenizer.json").read_bytes())
    edit(config)
    (to / "tokenizer.json").write_text(json.dumps(config))
    return to


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda j: j["added_tokens"].pop(0), "id 4093 has no token"),
        (lambda j: j["added_tokens"][0].update(id=4_100), "id 4093 has no token"),
        (lambda j: j["model"]["vocab"].update({"zzzzzz": 300}), "two tokens have the id 300"),
        (lambda j: j["model"]["vocab"].update({"نص": 4_096}), "byte-level alphabet"),
        (lambda j: j["model"].update(type="WordPiece"), "only byte-level BPE"),
        (lambda j: j.update(decoder=None), "only byte-level BPE"),
        (lambda j: j.pop("model"), "no model"),
        (lambda j: j["pre_tokenizer"].update(type="Unheard"), "save it with version"),
        (lambda j: j["model"]["merges"].append(["no", "such"]), "save it with version"),
    ],
)
def test_a_tokenizer_json_that_cannot_be_trusted_is_refused(
    small_folder: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = edited(small_folder, tmp_path / "edited", edit)
    with pytest.raises(FolderError, match=message) as refused:
        Tokenizer.load(path)
    assert str(path) in str(refused.value)


def test_renumbering_by_the_engine_is_noticed(small_folder: Path, tmp_path: Path) -> None:
    def swap(config: dict[str, Any]) -> None:
        bos, eos, _ = config["added_tokens"]
        bos["id"], eos["id"] = eos["id"], bos["id"]

    with pytest.raises(FolderError, match="has id 4094, but `tokenizers`"):
        Tokenizer.load(edited(small_folder, tmp_path / "swapped", swap))


def test_golden_sentences_that_encode_otherwise_are_noticed(small_folder: Path, tmp_path: Path) -> None:
    path = edited(small_folder, tmp_path / "changed", lambda config: config["pre_tokenizer"]["pretokenizers"].pop(0))
    with pytest.raises(EncodingMismatch, match=r"tokenizer\.json: .*restore the folder"):
        Tokenizer.load(path).check_golden()


@pytest.mark.fault(24)
@pytest.mark.parametrize("name", ["token_bytes.npy", "token_chars.npy"])
def test_arrays_of_another_tokenizer_or_cut_short_are_refused(small_folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    data = (tmp_path / name).read_bytes()
    for damaged in (data[:-1] + b"\x7f", data[:100], b"", data[:-4]):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(FolderError, match=name):
            Tokenizer.load(tmp_path)


def test_files_that_are_not_there_or_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"there is no tokenizer\.json"):
        Tokenizer.load(tmp_path)
    with pytest.raises(FolderError, match=r"there is no tokenizer\.json"):
        Tokenizer.load(tmp_path / "nowhere")
    for content in (b"{", b"[]", b"\xff\xfe"):
        (tmp_path / "tokenizer.json").write_bytes(content)
        with pytest.raises(FolderError, match=r"tokenizer\.json: .*JSON"):
            Tokenizer.load(tmp_path)


def test_a_role_held_by_no_special_token_is_refused(small_folder: Path, tmp_path: Path) -> None:
    shutil.copy(small_folder / "tokenizer.json", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<s>"}')
    with pytest.raises(FolderError, match=r"'<s>'.*tokenizer_config"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    with pytest.raises(FolderError, match=r"tokenizer_config\.json: .*JSON object"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("nope")
    with pytest.raises(FolderError, match=r"tokenizer_config\.json: .*JSON"):
        Tokenizer.load(tmp_path)
