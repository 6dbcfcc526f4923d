from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Evaluation
from training.config_file import read_config
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
    ("text", "place", "mend"),
    [
        ("layers: many", "layers is 'many'", "int"),
        ("layers: true", "layers is True", "int"),
        ("lr: fast", "lr is 'fast'", "a number"),
        ("compile: 1", "compile is 1", "bool"),
        ("preset: gpt3", "preset is 'gpt3'", "nanochat, gpt2, llama"),
        ("betas: [0.9]", "betas is ", "a list of 2 numbers"),
        ("eval: 5", "eval ", "keys and values"),
        ("layers: 0", "layers is 0", "at least 1"),
        ("lr: .nan", "lr is nan", "at least 0"),
        ("betas: [0.9, 2]", "betas are ", "below 1"),
        ("generate: {top_p: 0}", "generate.top_p is 0.0", "at least 0.01 and at most 1"),
        ("dropout: 1.5", "dropout is 1.5", "at most 1"),
        ("width: 100\nheads: 3", "width 100", "change"),
        ("heads: 4\nkv_heads: 3", "3 kv_heads", "change"),
        ("width: 12\nheads: 4", "width 3", "change heads or width"),
        ("preset: llama\nvalue_embeddings: true", "value_embeddings", "preset nanochat"),
        ("[1, 2]", "train.yaml", "keys and values"),
        ("a: [", "train.yaml", "YAML"),
    ],
)
def test_an_invalid_value_is_refused_with_the_file_the_key_and_the_mend(
    tmp_path: Path, text: str, place: str, mend: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config(written(tmp_path, text))
    assert all(part in str(refusal.value) for part in ("train.yaml", place, mend))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml .*No such file"):
        read_config(tmp_path / "none.yaml")


def test_settings_override_the_file_and_json_is_read_too(tmp_path: Path) -> None:
    file = written(tmp_path, '{"lr": 3e-4, "eval": {"every": 5, "rows": 7}, "betas": [0.9, 0.99]}')
    config = read_config(file, ["eval.rows=9", "kv_heads=null", "preset=llama"])
    assert config.lr == 3e-4  # which YAML 1.1 reads as a string
    assert config.eval == Evaluation(every=5, rows=9)
    assert (config.preset, config.kv_heads, config.betas) == ("llama", None, (0.9, 0.99))


def test_a_setting_without_a_value_or_into_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layers.*--set a\.b=c"):
        read_config(None, ["layers"])
    with pytest.raises(ConfigError, match=r"lr\.x.*lr is a value"):
        read_config(None, ["lr=1.0", "lr.x=2"])


@given(st.integers(1, 64), st.floats(0, 10), st.sampled_from(["nanochat", "gpt2", "llama"]))
def test_settings_give_the_values_that_they_state(layers: int, lr: float, preset: str) -> None:
    config = read_config(None, [f"layers={layers}", f"lr={lr!r}", f"preset={preset}"])
    assert (config.layers, config.lr, config.preset) == (layers, lr, preset)
