"""The packaged recipes: their arithmetic equals the recomputed one of the published models, and each builds small."""

import json
import os

import pytest
from reduced import NEEDS_NO_INPUT, PHASES, SAMPLES, TRANSLATED, settings

from pipelines import cli
from pipelines.recipe import budget_of, load_recipe, packaged
from sharding import Dataset
from sharding.scheduling import Mixture, StratumSize, final_shares
from sharding.seal import Sealed, read_manifest

# Steps, tokens, millions of parameters, GFLOP per token. For the stories models, shapes and rounded parameters are
# published; their FLOPs are computed.
SEEDS = {
    "autoresearch-v1": (12_500, 6_553_600_000, 268.44, 1.8119),
    "autoresearch-v2": (47_674, 24_994_906_112, 268.44, 1.8119),
    "arafusion-ar": (63_667, 14_082_121_728, 381.48, 2.4348),
    "nanochat-d20": (21_400, 11_219_763_200, 560.99, 3.491758),
    "tinystories-slm": (10_000, 1_310_720_000, 29.90, 0.1824),
    "tinystories-translated-slm": (10_000, 1_310_720_000, 22.98, 0.1410),
    "arastories-slm": (734, 3_006_464, 22.98, 0.1410),
    "arastories-slm-large": (765, 12_533_760, 335.60, 2.1595),
    "arabic-stories-slm": (188, 1_540_096, 91.54, 0.5757),
}


def first_run(name):
    """A recipe with its first run only, the base model."""
    recipe = load_recipe(packaged()[name])
    return recipe.model_copy(update={"runs": recipe.runs[:1]}) if recipe.runs else recipe


def _skip_without_translation(name):
    if name in TRANSLATED:
        pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install 'arcorp[translate]'")


def test_every_packaged_recipe_is_here():
    assert set(packaged()) == set(SEEDS) | set(NEEDS_NO_INPUT)
    assert set(SAMPLES) == set(SEEDS)


@pytest.mark.parametrize("name", SEEDS)
def test_a_recipes_steps_tokens_parameters_and_flops_are_the_seeds(name):
    steps, tokens, millions, gigaflops = SEEDS[name]
    budget = budget_of(first_run(name))
    assert (budget.steps, budget.tokens) == (steps, tokens)
    assert budget.parameters / 1e6 == pytest.approx(millions, abs=0.006)
    assert budget.flops / 1e9 == pytest.approx(gigaflops, abs=6e-5)


def test_phases_begin_where_the_seeds_phases_do():
    first = {name: [phase.first for phase in budget_of(first_run(name)).phases] for name in PHASES}
    assert first == {"autoresearch-v1": [0, 1_875], "autoresearch-v2": [0, 7_151, 19_069], "nanochat-d20": [0]}


def test_the_runs_after_the_base_are_those_of_the_seeds_report():
    recipe = load_recipe(packaged()["nanochat-d20"])
    assert [(run.name, run.init_from) for run in recipe.all_runs] == [("base", None), ("mid", "base"), ("sft", "mid")]
    steps = {phase.run: (phase.steps, phase.tokens) for phase in budget_of(recipe).phases}
    assert steps == {"base": (21_400, 11_219_763_200), "mid": (765, 401_080_320), "sft": (651, 10_665_984)}
    base, mid, sft = (run.train for run in recipe.all_runs)
    for rate in ("lr", "embedding_lr", "head_lr"):  # nanochat's chat_sft.py: init_lr_frac 0.02, falling from the start
        assert getattr(mid, rate) == getattr(base, rate)
        assert getattr(sft, rate) == pytest.approx(0.02 * getattr(base, rate), rel=0.01)
    assert (base.warmdown, mid.warmdown, sft.warmdown) == (0.2, 0.2, 1.0)


def test_epochs_over_the_seeds_own_tokens_are_as_recomputed():
    """V1: 2.39 of OpenITI, then 1.047 / .831 / .737 / .850; AraFusion: .2505 of all its rows."""
    recipe = load_recipe(packaged()["autoresearch-v1"])
    sizes = {"classical": 411e6, "arabic": 2.66e9, "english": 1.34e9, "math": 756e6, "code": 1.31e9}
    epochs = dict.fromkeys(sizes, 0.0)
    for phase, span in zip(recipe.all_phases, budget_of(recipe).phases, strict=True):
        for category, share in phase.mixture.shares.items():
            epochs[category] += share / 100 * span.tokens / sizes[category]
    expected = {"classical": 2.39, "arabic": 1.047, "english": 0.831, "math": 0.737, "code": 0.850}
    assert epochs == pytest.approx(expected, abs=2e-3)
    arafusion = load_recipe(packaged()["arafusion-ar"])
    rows = 109_782_285
    assert budget_of(arafusion).tokens / (rows * 512) == pytest.approx(0.2505, abs=5e-5)
    assert rows % arafusion.pack.shards == 0
    assert arafusion.pack.validation.rows == 10 * rows // arafusion.pack.shards


def test_arafusions_rule_gives_the_shares_that_it_publishes_rounded():
    rule = load_recipe(packaged()["arafusion-ar"]).mixture
    strata = [StratumSize(name, size, language=name) for name, size in {"arb": 980, "ars": 8, "arz": 12}.items()]
    shares = final_shares(strata, Mixture(rule.rule, rule.by, power=rule.power))
    assert {name: round(100 * share, 2) for name, share in shares.items()} == {"arb": 89.61, "ars": 4.55, "arz": 5.85}


@pytest.mark.parametrize("name", SEEDS)
def test_a_dry_run_shows_the_budget_and_what_it_could_not_count(name, samples, tmp_path, capsys):
    _skip_without_translation(name)
    sets = [word for setting in settings(name, samples, tmp_path / "made") for word in ("--set", setting)]
    assert cli.run(["build", name, "--dry-run", "--format", "json", *sets]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["missing"] == []
    assert plan["text_bytes"] > 0
    assert plan["steps"] == 3 * sum(PHASES.get(name, {"": 1}).values())
    assert sum(line["final"] for line in plan["shares"]) == pytest.approx(1)
    lost = ["--set", f"corpora.0.input={tmp_path / 'nowhere'}"]
    assert cli.run(["build", name, "--dry-run", "--format", "json", *sets, *lost]) == 3
    captured = capsys.readouterr()
    (sentence,) = json.loads(captured.out)["missing"]
    assert "nowhere: no such file or folder" in sentence
    assert "nowhere: no such file or folder" in captured.err


@pytest.mark.parametrize("name", SEEDS)
def test_a_recipe_builds_at_reduced_size(name, samples, tmp_path):
    """Up to a verified dataset; with ARCORP_RECIPES=train, up to a trained model and its report."""
    _skip_without_translation(name)
    until = "report" if os.environ.get("ARCORP_RECIPES") == "train" else "verify"
    sets = [word for setting in settings(name, samples, tmp_path / "made") for word in ("--set", setting)]
    out = tmp_path / "out"
    assert cli.run(["build", name, "--out", str(out), "--until", until, "--workers", "1", *sets]) == 0
    recipe = load_recipe(packaged()[name])
    dataset = Dataset(out / "dataset")
    assert dataset.row_tokens == recipe.pack.row_tokens
    assert dataset.train.rows > 0
    assert dataset.validation.rows > 0
    names = json.loads((out / "tokenizer/tokenizer.json").read_text())["added_tokens"]
    ids = {token["content"]: token["id"] for token in names}
    assert (dataset.layout.bos, dataset.layout.eos) == (ids["<|bos|>"], ids.get("<|eos|>"))
    assert dataset.layout.end == ids.get("<|eos|>", ids["<|bos|>"])  # a model of every recipe learns to end
    assert Sealed(out / "verified").manifest.counts["files"].out > 0
    assert not Sealed(out / "unique").manifest.counts["documents"].dropped.get("duplicate id")
    if name == "autoresearch-v2":  # the layout of its ids is the published one for any number of merges
        assert (ids["<|bos|>"], ids["<|think|>"], ids["<|eot|>"]) == (32_760, 32_756, 32_767)
        assert len([token for token in ids if token.startswith("<|reserved_")]) == 512
        assert read_manifest(out / "tokenizer").summary["vocab_size"] == 32_768
