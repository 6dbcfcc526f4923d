"""The tokenizer stage: morphology is an option like any other, and unsaid where it isn't asked for."""

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


def test_morphology_changes_the_merges_and_unasked_for_leaves_the_seal_as_it_was(built: Path, tmp_path: Path) -> None:
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


def test_clitics_apart_go_into_the_files_pattern_and_only_then_into_the_seal(built: Path, tmp_path: Path) -> None:
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


def test_a_special_token_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'<\|bos\|>' is listed 2 times"):
        TokenizerOptions(specials=["<|bos|>", "<|eos|>", Special(name="<|bos|>", id=4_000)])


def test_the_learned_segmenter_is_sealed_by_its_weights_where_it_is_used(built: Path, tmp_path: Path) -> None:
    for segmenter, sealed in (("learned", True), ("rules", False)):
        asked = MorphologyOptions(mode="soft", segmenter=segmenter)
        stage = tokenizer_stage(tmp_path / segmenter, [built / "unique"], TokenizerOptions(morphology=asked), 42)
        assert ("weights" in stage.options["morphology"]) == sealed


def test_a_database_is_sealed_by_its_content_and_belongs_to_camel(built: Path, tmp_path: Path) -> None:
    roots = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.db").write_text("the same")
        asked = MorphologyOptions(mode="hard", segmenter="camel", database=str(tmp_path / f"{name}.db"))
        stage = tokenizer_stage(tmp_path / name, [built / "unique"], TokenizerOptions(morphology=asked), 42)
        roots.append(stage.options["morphology"]["database"])
    assert roots[0] == roots[1]
    assert str(tmp_path) not in roots[0]
    with pytest.raises(OptionError, match="only segmenter 'camel' uses a database"):
        MorphologyOptions(mode="hard", database="x.db")
