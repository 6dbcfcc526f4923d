"""Recipes: read strictly, and wrong ones refused in one sentence that says where and what was meant."""

import dataclasses
import typing

import pytest
import yaml

from pipelines.errors import UsageError
from pipelines.recipe import Recipe, TrainOptions, find_recipe, load_recipe, packaged, read_yaml, to_yaml
from training.config import Config

GOOD = """\
name: small
corpora:
  - {source: jsonl, input: text.jsonl}
tokenizer:
  vocab_size: 4096
phases: [{name: all, steps: 10}]
"""
LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{one}: &{one} [{', '.join(9 * [f'*{before}'])}]\n" for before, one in zip("abcdef", "bcdefg", strict=True)
)
"""Nine to the seventh values of a few lines."""


def recipe(tmp_path, text=GOOD, *settings):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path, settings)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (
            GOOD.replace("vocab_size", "vocab_sizes"),
            5,
            "unknown key 'vocab_sizes' in tokenizer: did you mean 'vocab_size'?",
        ),
        (GOOD.replace("tokenizer", "tokeniser"), 4, "unknown key 'tokeniser': did you mean 'tokenizer'?"),
        (GOOD.replace("input:", "inputs:"), 3, "unknown key 'inputs' in corpora.0: did you mean 'input'?"),
        (GOOD + "tokenizer: {}\n", 7, "key 'tokenizer' is given twice"),
        (GOOD.replace("4096", "many"), 5, "tokenizer.vocab_size: should be a valid integer"),
        (GOOD.replace("4096", "12"), 5, r"tokenizer.vocab_size: should be greater than or equal to 260 \(it is 12\)"),
        (GOOD.replace("steps: 10", "steps: 10, tokens: 5"), 6, "phases.0: phase 'all': give either steps or tokens"),
        (
            GOOD + "mixture: {rule: inverse-frequency}\n",
            7,
            "mixture by language: rule inverse-frequency needs `power`",
        ),
        (GOOD + "mixture: {power: 0.3}\n", 7, "`power` belongs to rule inverse-frequency"),
        (
            GOOD + "mixture: {within: {arabic: {buy: x}}}\n",
            7,
            "unknown key 'buy' in mixture.within.arabic: did you mean 'by'",
        ),
        (GOOD + "  : [\n", 7, "not YAML"),
        (GOOD + "[]: 1\n", 7, "a key is a word, not a list or a mapping"),
        (GOOD + "description: 2026-99-99\n", 7, "'2026-99-99' can't be read: month must be in 1..12"),
        (GOOD + "description: !!python/name:os.system\n", 7, "can't be read: could not determine a constructor"),
        (GOOD + "description: &a [*a]\n", 7, "more than a recipe can be: look at its aliases"),
        (GOOD + LAUGHS, 7, "more than a recipe can be: look at its aliases"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_the_key_that_was_meant(tmp_path, text, line, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        recipe(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'recipe.yaml'}:{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a mapping of keys is wanted"),
        ("- a\n- b\n", "a mapping of keys is wanted"),
        ("[" * 5000, "nested too deeply"),
        (GOOD + "include: 3\n", "'include' is a path or a list of paths, not 3"),
        (GOOD.replace("name: small\n", ""), "'name' is missing"),
        (GOOD.replace("text.jsonl", "'embedded:oscar'"), "needs a section 'embedded'"),
    ],
)
def test_a_recipe_that_lacks_something_says_what(tmp_path, text, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipe(tmp_path, text)


def test_settings_override_and_wrong_ones_are_named(tmp_path):
    assert recipe(tmp_path, GOOD, "tokenizer.vocab_size=512", "corpora.0.limit=3").tokenizer.vocab_size == 512
    for setting, sentence in {
        "tokenizer.vocab=5": "--set tokenizer.vocab=5: unknown key 'vocab' in tokenizer: did you mean 'vocab_size'",
        "corpora.7.limit=3": "--set corpora.7.limit=3: there is nothing at 'corpora.7.limit'",
        "seed": "--set seed: it should be key=value",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            recipe(tmp_path, GOOD, setting)


def test_an_include_is_overridden_and_its_errors_name_its_own_line(tmp_path):
    (tmp_path / "base.yaml").write_text("tokenizer: {vocab_size: 1000, digits: 3}\nseed: 7\n")
    loaded = recipe(tmp_path, "include: base.yaml\n" + GOOD)
    assert (loaded.tokenizer.vocab_size, loaded.tokenizer.digits, loaded.seed) == (4096, 3, 7)
    (tmp_path / "base.yaml").write_text("seed: 7\ntokenizer: {digit: 3}\n")
    with pytest.raises(UsageError, match=r"base\.yaml:2: unknown key 'digit'"):
        recipe(tmp_path, "include: base.yaml\n" + GOOD)
    (tmp_path / "base.yaml").write_text("include: recipe.yaml\n")
    with pytest.raises(UsageError, match="includes itself"):
        recipe(tmp_path, "include: base.yaml\n" + GOOD)


def test_inputs_are_relative_to_the_recipe(tmp_path):
    (corpus,) = recipe(tmp_path).corpora
    assert corpus.input == [str(tmp_path / "text.jsonl")]
    (corpus,) = recipe(tmp_path, GOOD.replace("text.jsonl", '"hf://datasets/x/y"')).corpora
    assert corpus.input == ["hf://datasets/x/y"]


def test_a_recipe_written_out_reads_back_equal(tmp_path):
    for path in packaged().values():
        loaded = load_recipe(path)
        again = tmp_path / "again.yaml"
        again.write_text(to_yaml(loaded), encoding="utf-8")
        data, _ = read_yaml(again)
        assert Recipe.model_validate(data) == loaded
        assert yaml.safe_load(to_yaml(loaded))["name"] == path.stem


def test_a_recipe_is_found_by_path_or_name_and_a_near_miss_is_named(tmp_path):
    assert find_recipe("demo").name == "demo.yaml"
    with pytest.raises(UsageError, match="no recipe is called 'demmo': did you mean 'demo'"):
        find_recipe("demmo")
    with pytest.raises(UsageError, match="there is no such recipe file"):
        find_recipe(str(tmp_path / "none.yaml"))


def test_the_train_section_has_the_trainers_own_keys():
    def keys(cls):
        hints = typing.get_type_hints(cls)
        found = {}
        for field in dataclasses.fields(cls):
            kind = hints[field.name]
            found[field.name] = keys(kind) if dataclasses.is_dataclass(kind) else None
        return found

    def options(model):
        found = {}
        for name, field in model.model_fields.items():
            inner = getattr(field.annotation, "model_fields", None)
            found[name] = options(field.annotation) if inner else None
        return found

    assert {key: value for key, value in options(TrainOptions).items() if key != "ranks"} == keys(Config)
