"""The tokenizer stage: morphology is an option that is sealed only if it is used."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.recipe import TokenizerOptions
from pipelines.run import Context, run_stage
from pipelines.stages.tokenizer import tokenizer_stage
from sharding.seal import Sealed
from tokenization.errors import OptionError
from tokenization.model import Tokenizer
from tokenization.model import pretoken_pattern as pattern
from tokenization.options import MorphologyOptions, Special


def test_morphology_changes_the_merges_and_is_not_sealed_if_it_is_not_used(built: Path, tmp_path: Path) -> None:
    plain = Sealed(built / "tokenizer").manifest.options
    assert "morphology" not in plain
    made = {}
    for mode in ("none", "hard", "soft"):
        options = TokenizerOptions(vocab_size=700, morphology=MorphologyOptions(mode=mode, segmenter="rules"))
        stage = tokenizer_stage(tmp_path / mode, [built / "unique"], options, 42)
        run_stage(stage, Context(1, False))
        made[mode] = (tmp_path / mode / "tokenizer.json").read_bytes()
        assert stage.options.get("morphology", {"mode": "none"})["mode"] == mode
    assert len(set(made.values())) == 3


def test_a_split_of_clitics_is_in_the_pattern_of_the_files_and_sealed_only_if_it_is_used(
    built: Path, tmp_path: Path
) -> None:
    for mode in ("none", "hard"):
        options = TokenizerOptions(
            vocab_size=700, morphology=MorphologyOptions(mode=mode, segmenter="rules", regex=True)
        )
        stage = tokenizer_stage(tmp_path / mode, [built / "unique"], options, 42)
        run_stage(stage, Context(1, False))
        assert stage.options["morphology"]["regex"] is True
        tokenizer = Tokenizer.load(tmp_path / mode)
        assert tokenizer.pattern == pattern(clitics=True)
        assert b" \xd9\x88\xd8\xa7\xd9\x84\xd9\x83" not in tokenizer.pieces  # والك
    assert "regex" not in MorphologyOptions(mode="hard").canonical()


def test_a_special_token_given_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"<\|bos\|>"):
        TokenizerOptions(specials=["<|bos|>", "<|eos|>", Special(name="<|bos|>", id=4_000)])


def test_the_learned_segmenter_is_sealed_by_its_weights_if_it_is_used(built: Path, tmp_path: Path) -> None:
    for segmenter, sealed in (("learned", True), ("rules", False)):
        morphology = MorphologyOptions(mode="soft", segmenter=segmenter)
        stage = tokenizer_stage(tmp_path / segmenter, [built / "unique"], TokenizerOptions(morphology=morphology), 42)
        assert ("weights" in stage.options["morphology"]) == sealed


def test_a_database_is_sealed_by_its_content_and_is_an_option_of_camel_only(built: Path, tmp_path: Path) -> None:
    hashes = []
    for name in ("first", "second"):
        (tmp_path / f"{name}.db").write_text("the same")
        morphology = MorphologyOptions(mode="hard", segmenter="camel", database=str(tmp_path / f"{name}.db"))
        stage = tokenizer_stage(tmp_path / name, [built / "unique"], TokenizerOptions(morphology=morphology), 42)
        hashes.append(stage.options["morphology"]["database"])
    assert hashes[0] == hashes[1]
    assert str(tmp_path) not in hashes[0]
    with pytest.raises(OptionError, match="database"):
        MorphologyOptions(mode="hard", database="x.db")
