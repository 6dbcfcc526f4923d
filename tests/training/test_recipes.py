"""Recipes as configurations of the trainer: they are valid, and their models have the size that their pages state."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainings import ROOT, cost_of

from pipelines.recipe import TrainOptions, load_recipe, packaged, to_yaml
from pipelines.recipe.budget import flops_per_token, parameters
from pipelines.stages.train import _config
from training.config import Config
from training.config_file import read_config
from training.errors import ConfigError

PAGES = ROOT / "docs/recipes"
RECIPES = packaged()


def stated(page: str, row: str) -> float:
    """The number in the last column of a row of a recipe's page."""
    cells = re.search(rf"^\| {row} \|.*\| ([\d.,]+)( G)? \|$", page, re.MULTILINE)
    assert cells is not None, row
    return float(cells[1].replace(",", "")) * (1e9 if cells[2] else 1)


@pytest.mark.parametrize("name", RECIPES)
def test_a_packaged_recipe_is_valid_for_the_trainer_and_its_model_has_the_size_on_its_page(
    name: str, tmp_path: Path
) -> None:
    recipe = load_recipe(RECIPES[name])
    costs = []
    for run in recipe.all_runs:
        (tmp_path / "train.json").write_text(json.dumps(_config(run.train, recipe.seed)))
        config = read_config(tmp_path / "train.json")  # as the stage passes it
        costs.append(cost_of(config.model(recipe.tokenizer.vocab_size, recipe.pack.row_tokens)))
    cost = costs[0]
    assert costs == [cost] * len(costs)
    if (PAGES / f"{name}.md").exists():
        page = (PAGES / f"{name}.md").read_text("utf-8")
        assert cost.parameters == stated(page, "parameters")
        assert cost.flops == pytest.approx(stated(page, "FLOPs of a token"), rel=1e-5)
    budget = recipe.train, recipe.tokenizer.vocab_size, recipe.pack.row_tokens
    assert (cost.parameters, cost.flops) == (parameters(*budget), flops_per_token(*budget))


@pytest.mark.parametrize("name", RECIPES)
def test_the_trainer_reads_a_recipe_as_the_pipeline_passes_it(name: str, tmp_path: Path) -> None:
    recipe, file = load_recipe(RECIPES[name]), RECIPES[name]
    if "include:" in file.read_text("utf-8"):
        with pytest.raises(ConfigError, match=rf"{name}\.yaml: .*--print-config"):
            read_config(file)
        file = tmp_path / "whole.yaml"
        file.write_text(to_yaml(recipe), "utf-8")
    if recipe.runs:
        with pytest.raises(ConfigError, match=rf"{name}\.yaml: .*arcorp build"):
            read_config(file)
        return
    (tmp_path / "train.json").write_text(json.dumps(_config(recipe.train, recipe.seed)))
    assert read_config(file) == read_config(tmp_path / "train.json")


def test_settings_override_a_recipe_and_its_errors_are_those_of_any_file(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("seed: 7\ncorpora: []\ntrain: {ranks: 8, layers: 3, eval: {every: null, rows: 5}}\n")
    config = read_config(file, ["eval.every=9", "width=64"])
    assert (config.seed, config.layers, config.width, config.eval.every, config.eval.rows) == (7, 3, 64, 9, 5)
    file.write_text("corpora: []\n")
    assert read_config(file) == Config()
    for text, place in (("train: {layer: 3}", "unknown key layer"), ("train: [1]", "must hold keys and values")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=rf"recipe\.yaml: .*{place}"):
            read_config(file)


@given(
    preset=st.sampled_from([None, "nanochat", "gpt2", "llama"]),
    layers=st.none() | st.integers(1, 4),
    heads=st.none() | st.sampled_from([2, 4, 8]),
    width=st.none() | st.sampled_from([64, 96, 160]),
    shared=st.sampled_from([None, 1, 2]),
    ffn=st.none() | st.integers(1, 300),
    vocab_size=st.integers(300, 2_000),
    context=st.integers(8, 128),
)
def test_the_budget_of_a_recipe_counts_any_model_as_the_trainer_does(
    preset: str | None,
    layers: int | None,
    heads: int | None,
    width: int | None,
    shared: int | None,
    ffn: int | None,
    vocab_size: int,
    context: int,
) -> None:
    """shared: query heads per key head. An import wall separates the two counts; this test keeps them equal."""
    kv_heads = None if shared is None else (heads or Config.heads) // shared
    shape = {"preset": preset, "layers": layers, "heads": heads, "width": width, "kv_heads": kv_heads, "ffn": ffn}
    options = TrainOptions(**shape)
    given_keys = {key: value for key, value in shape.items() if value is not None}
    cost = cost_of(Config(**given_keys).model(vocab_size, context))  # type: ignore[arg-type]
    assert parameters(options, vocab_size, context) == cost.parameters
    assert flops_per_token(options, vocab_size, context) == cost.flops
