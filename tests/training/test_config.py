from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Config, Evaluation, read_config
from training.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "train.yaml"
    path.write_text(text)
    return path


def test_a_mistyped_key_is_refused_with_the_file_and_the_closest_key(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"train\.yaml: unknown key checkpoint\.evry; did you mean checkpoint\.every"
    ):
        read_config(written(tmp_path, "checkpoint: {evry: 10}"))
    with pytest.raises(ConfigError, match="unknown key layer; did you mean layers"):
        read_config(None, ["layer=3"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("layers: many", "layers is 'many': it must be of type int"),
        ("layers: true", "layers is True: it must be of type int"),
        ("lr: fast", "lr is 'fast': it must be a number"),
        ("compile: 1", "compile is 1: it must be of type bool"),
        ("preset: gpt3", "preset is 'gpt3': it must be one of nanochat, gpt2, llama"),
        ("betas: [0.9]", "betas is .*: it must be a list of 2 numbers"),
        ("eval: 5", "eval must hold keys and values"),
        ("layers: 0", "layers is 0: it must be at least 1"),
        ("lr: .nan", "lr is nan: it must be at least 0"),
        ("betas: [0.9, 2]", "betas are .0.9, 2.0.: each is a part, below 1"),
        ("memory: 0", "memory is 0.0: it must be at least 0.01 and at most 1"),
        ("dropout: 1.5", "dropout is 1.5"),
        ("width: 100\nheads: 3", "width 100 does not divide into 3 heads"),
        ("heads: 4\nkv_heads: 3", "heads 4 do not divide among 3 kv_heads"),
        ("width: 12\nheads: 4", "a head of width 3 is odd"),
        ("preset: llama\nvalue_embeddings: true", "value_embeddings belong to the preset nanochat"),
        ("[1, 2]", "must hold keys and values"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_config(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml can't be read: No such file"):
        read_config(tmp_path / "none.yaml")


def test_settings_are_laid_over_the_file_and_json_is_read_too(tmp_path: Path) -> None:
    file = written(tmp_path, '{"lr": 3e-4, "eval": {"every": 5, "rows": 7}, "betas": [0.9, 0.99]}')
    config = read_config(file, ["eval.rows=9", "kv_heads=null", "preset=llama"])
    assert config.lr == 3e-4  # which YAML 1.1 reads as a string
    assert config.eval == Evaluation(every=5, rows=9)
    assert (config.preset, config.kv_heads, config.betas) == ("llama", None, (0.9, 0.99))


def test_a_setting_without_a_value_or_into_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no '='"):
        read_config(None, ["layers"])
    with pytest.raises(ConfigError, match="lr is a value, not a section"):
        read_config(None, ["lr=1.0", "lr.x=2"])


@given(st.integers(1, 64), st.floats(0, 10), st.sampled_from(["nanochat", "gpt2", "llama"]))
def test_a_configuration_written_and_read_is_the_same(layers: int, lr: float, preset: str) -> None:
    config = read_config(None, [f"layers={layers}", f"lr={lr!r}", f"preset={preset}"])
    again = read_config(None, [f"{key}={value}" for key, value in (("layers", config.layers), ("lr", config.lr))])
    assert (again.layers, again.lr) == (layers, lr)


def test_the_context_is_the_datasets_and_another_one_is_refused() -> None:
    assert Config().model(300, 256).context == 256
    with pytest.raises(ConfigError, match="context is 512 but the dataset's rows hold 256"):
        Config(context=512).model(300, 256)
