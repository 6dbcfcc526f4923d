"""The tokenizer stage: morphology is an option like any other, and unsaid where it isn't asked for."""

from pathlib import Path

from pipelines.options import MorphologyOptions, TokenizerOptions
from pipelines.runner import Context, run
from pipelines.stages.tokenizer import tokenizer_stage
from sharding.seal import Sealed


def test_morphology_changes_the_merges_and_unasked_for_leaves_the_seal_as_it_was(built: Path, tmp_path: Path) -> None:
    plain = Sealed(built / "tokenizer").manifest.options
    assert "morphology" not in plain
    made = {}
    for mode in ("none", "hard", "soft"):
        options = TokenizerOptions(vocab_size=700, morphology=MorphologyOptions(mode=mode, segmenter="rules"))
        stage = tokenizer_stage(tmp_path / mode, [built / "unique"], options, 42)
        run(stage, Context(1, False))
        made[mode] = (tmp_path / mode / "tokenizer.json").read_bytes()
        assert stage.options.get("morphology", {"mode": "none"})["mode"] == mode
    assert len(set(made.values())) == 3
