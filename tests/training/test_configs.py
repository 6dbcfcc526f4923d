"""The seeds' models as training/configs has them: what they cost, and that they train once made small."""

import json
import math
from pathlib import Path

import pytest
from trainings import counts_of

from pipelines.recipe.model import load_recipe
from pipelines.stages.train import _config
from sharding import Dataset
from sharding.scheduling.mixture import Mixture
from sharding.scheduling.schedule import Phase, lay
from sharding.seal import read_manifest, write_json
from training.config import read_config
from training.train import main

ROOT = Path(__file__).resolve().parents[2]
CONFIGS, RECIPES = ROOT / "training/configs", ROOT / "pipelines/recipes"
# vocabulary, row_tokens, millions of parameters, GFLOP a token. FLOPs and the parameters of V1 and AraFusion-AR are
# published; other parameters are worked out from the shape: they hold the count still, and no more.
SEEDS = {
    "v1": (32_768, 2_048, 268.44, 1.8119),
    "d20": (65_536, 2_048, 560.99, 3.491758),
    "arafusion-ar": (76_800, 512, 381.48, 2.4348),
    "stories-enhanced": (32_000, 512, 335.60, 2.1595),
    "stories-small": (50_000, 128, 29.90, 0.1824),
}
THE_DATASETS = ("batch_rows", "accumulation", "context", "steps")  # which is another here
SMALLER = ["layers=2", "width=32", "heads=2", "device=cpu", "compile=false", "threads=1"]


@pytest.fixture(scope="module")
def longer(dataset: Path) -> str:
    """A schedule of 20 steps on the rows of the dataset."""
    name = "twenty.json"
    schedule = lay(read_manifest(dataset), [Phase("all", steps=20)], Mixture(), batch_rows=8, seed=1)
    write_json(dataset / name, schedule)
    return name


def test_every_configuration_is_of_a_seed() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(SEEDS)


@pytest.mark.parametrize("name", SEEDS)
def test_a_seeds_parameters_and_flops_are_as_published_or_worked_out(name: str) -> None:
    vocab_size, row_tokens, millions, gigaflops = SEEDS[name]
    counts = counts_of(read_config(CONFIGS / f"{name}.yaml").model(vocab_size, row_tokens))
    assert counts.parameters / 1e6 == pytest.approx(millions, abs=0.006)
    assert counts.flops / 1e9 == pytest.approx(gigaflops, abs=6e-5)


def test_v1_with_its_tables_of_values_has_the_published_parameters_and_the_same_flops() -> None:
    twin, whole = (
        counts_of(read_config(CONFIGS / "v1.yaml", settings).model(32_768, 2_048))
        for settings in ((), ("value_embeddings=true",))
    )
    assert whole.parameters / 1e6 == pytest.approx(536.87, abs=0.006)
    assert whole.flops == twin.flops


@pytest.mark.parametrize("name", SEEDS)
def test_a_seeds_model_trains_twenty_steps_made_small_on_a_cpu(
    name: str, dataset: Path, longer: str, tmp_path: Path
) -> None:
    learns(CONFIGS / f"{name}.yaml", dataset, longer, tmp_path)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipes_model_trains_twenty_steps_made_small_on_a_cpu(
    recipe: Path, dataset: Path, longer: str, tmp_path: Path
) -> None:
    """Its `train:` section as the trainer gets it."""
    read = load_recipe(recipe)
    section = {key: value for key, value in _config(read.train, read.seed).items() if key not in THE_DATASETS}
    config = tmp_path / "train.json"
    config.write_text(json.dumps(section))
    learns(config, dataset, longer, tmp_path / "run")


def learns(config: Path, dataset: Path, schedule: str, out: Path) -> None:
    """Twenty steps of a configuration, its sizes alone made small."""
    settings = [f"--set={one}" for one in SMALLER]
    where = ["--data", str(dataset), "--out", str(out), "--schedule", schedule]
    assert main([*where, "--config", str(config), *settings]) == 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 20
    assert losses[-1] < losses[0] < math.log(Dataset(dataset).vocab_size) + 0.5
