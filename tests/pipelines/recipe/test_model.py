"""Recipes: an invalid one is refused in one sentence with the place and the key that was meant."""

import dataclasses
import typing

import pytest
import yaml

import tokenization.options
from pipelines.errors import UsageError
from pipelines.recipe import Recipe, TrainOptions, find_recipe, load_recipe, packaged, read_yaml, source_of, to_yaml
from sharding.options import Validation
from sharding.scheduling import Mixture
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
    f"{key}: &{key} [{', '.join(9 * [f'*{before}'])}]\n" for before, key in zip("abcdef", "bcdefg", strict=True)
)
"""A few lines that expand to nine to the seventh values."""


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
        (
            GOOD.replace("source: jsonl,", "source: csv, delimiter: ';',"),
            3,
            r"'delimiter' is an option of source csv: write it in options, as options: \{delimiter: ';'\}",
        ),
        (GOOD.replace("source: jsonl,", "split: lines, source: text,"), 3, r"as options: \{split: 'lines'\}"),
        (GOOD.replace("source: jsonl,", "source: jsonl, delimiter: ';',"), 3, "option of source csv, not of jsonl"),
        (
            GOOD.replace("input:", "options: {profile: web}, input:"),
            3,
            "'profile' is a key of the corpus: write",
        ),
        (
            GOOD.replace("input:", "options: {delimiter: ';'}, input:"),
            3,
            r"source jsonl has no option 'delimiter' \(csv has it\); it has .*: see `arcorp sources jsonl`",
        ),
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
        (GOOD + "[]: 1\n", 7, "a key must be a word, not a list or a mapping"),
        (GOOD + "description: 2026-99-99\n", 7, "'2026-99-99' cannot be read: month must be in 1..12"),
        (GOOD + "description: !!python/name:os.system\n", 7, "cannot be read: could not determine a constructor"),
        (GOOD + "description: &a [*a]\n", 7, "too large or nested too deeply: check its aliases"),
        (GOOD + LAUGHS, 7, "too large or nested too deeply: check its aliases"),
    ],
)
def test_an_error_names_the_file_the_line_and_the_key_that_was_meant(tmp_path, text, line, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        recipe(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'recipe.yaml'}:{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold a mapping of keys"),
        ("- a\n- b\n", "must hold a mapping of keys"),
        ("[" * 5000, "nested too deeply"),
        (GOOD + "include: 3\n", "'include' must be a path or a list of paths, not 3"),
        (GOOD.replace("name: small\n", ""), "'name' is missing"),
        (GOOD.replace("text.jsonl", "'embedded:oscar'"), "needs a section 'embedded'"),
    ],
)
def test_an_incomplete_recipe_is_refused_with_what_is_missing(tmp_path, text, sentence):
    with pytest.raises(UsageError, match=sentence):
        recipe(tmp_path, text)


def test_settings_override_and_wrong_ones_are_named(tmp_path):
    assert recipe(tmp_path, GOOD, "tokenizer.vocab_size=512", "corpora.0.limit=3").tokenizer.vocab_size == 512
    for setting, sentence in {
        "tokenizer.vocab=5": "--set tokenizer.vocab=5: unknown key 'vocab' in tokenizer: did you mean 'vocab_size'",
        "corpora.7.limit=3": "--set corpora.7.limit=3: there is no key 'corpora.7.limit'",
        "seed": "--set seed: write key=value",
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
    with pytest.raises(UsageError, match="no recipe has the name 'demmo': did you mean 'demo'"):
        find_recipe("demmo")
    with pytest.raises(UsageError, match="no such recipe file"):
        find_recipe(str(tmp_path / "none.yaml"))


def test_the_train_section_has_the_trainers_own_keys():
    def keys(cls):
        hints = typing.get_type_hints(cls)
        by_name = {}
        for field in dataclasses.fields(cls):
            kind = hints[field.name]
            by_name[field.name] = keys(kind) if dataclasses.is_dataclass(kind) else None
        return by_name

    def options(model):
        by_name = {}
        for name, field in model.model_fields.items():
            inner = getattr(field.annotation, "model_fields", None)
            by_name[name] = options(field.annotation) if inner else None
        return by_name

    assert {key: value for key, value in options(TrainOptions).items() if key != "ranks"} == keys(Config)


def test_an_unknown_key_of_a_packages_own_options_is_refused_with_its_line(tmp_path):
    text = GOOD.replace("vocab_size: 4096", "morphology:\n    mode: soft\n    penaltie: 3")
    with pytest.raises(UsageError, match=r"unknown key 'penaltie' in tokenizer\.morphology: did you mean 'penalty'"):
        recipe(tmp_path, text)
    with pytest.raises(UsageError, match=r"recipe\.yaml:7: tokenizer\.morphology\.share: should be less than"):
        recipe(tmp_path, text.replace("penaltie", "share"))
    with pytest.raises(UsageError, match=r"unknown key 'ids' in tokenizer\.specials\.0: did you mean 'id'"):
        recipe(tmp_path, GOOD, "tokenizer.specials=[{name: a, ids: 400}]")
    with pytest.raises(UsageError, match=r"tokenizer\.specials\.0\.id: should be greater than or equal to 1"):
        recipe(tmp_path, GOOD, "tokenizer.specials=[{name: a, id: 0}]")
    with pytest.raises(UsageError, match=r"corpora\.0\.input: should be a valid string \(it is 3\)"):
        recipe(tmp_path, GOOD, "corpora.0.input=3")


def test_descriptions_and_bounds_in_the_schema_are_those_of_the_packages():
    definitions = Recipe.model_json_schema()["$defs"]
    for name, kinds in {
        "TokenizerOptions": [tokenization.options.TokenizerOptions],
        "MorphologyOptions": [tokenization.options.MorphologyOptions],
        "SampleOptions": [tokenization.options.SampleOptions, Mixture],
        "Mixture": [Mixture],
        "Validation": [Validation],
    }.items():
        for option in (option for kind in kinds for option in dataclasses.fields(kind)):
            shown = definitions[name]["properties"][option.name]
            assert shown["description"] == option.metadata["description"]
            numbers = [shown, *shown.get("anyOf", [])]
            for key, keyword in {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}.items():
                if key in option.metadata:
                    assert [n[keyword] for n in numbers if keyword in n] == [option.metadata[key]], option.name


def test_a_recipe_of_release_0_1_0_with_fill_loads_and_has_the_same_sealed_form(tmp_path):
    plain = recipe(tmp_path)
    assert recipe(tmp_path, GOOD + "pack: {fill: exact}\n").canonical() == plain.canonical()
    assert plain.pack.canonical()["fill"] == "exact"
    with pytest.raises(UsageError, match="unknown key 'fill' in pack"):
        recipe(tmp_path, GOOD + "pack: {fill: pad}\n")


def test_the_sealed_form_of_sections_keeps_its_keys(tmp_path):
    mixture = {"by", "rule", "shares", "power", "temperature", "max_epochs", "within"}
    loaded = recipe(tmp_path, GOOD + "mixture: {within: {a: {rule: unimax, max_epochs: 2}}}\n").canonical()
    assert loaded["mixture"].keys() == mixture
    assert loaded["mixture"]["by"] == "language"
    assert loaded["mixture"]["shares"] is None
    assert loaded["mixture"]["within"]["a"].keys() == mixture
    assert loaded["tokenizer"]["sample"].keys() == {*mixture, "chars", "document_cap"}
    assert loaded["tokenizer"]["morphology"].keys() == {"mode", "penalty", "share", "segmenter"}
    assert loaded["pack"]["validation"] == {"rows": None, "share": 0.01}
    assert loaded["phases"][0] == {"name": "all", "steps": 10, "tokens": None, "mixture": None}


def test_the_fields_of_own_records_are_keys_of_a_corpus_and_change_no_older_sealed_form(tmp_path):
    names = (
        "url_field: meta.url, date_field: ts, language_field: l, license_field: r, metadata_fields: [book, meta.genre]"
    )
    plain = recipe(tmp_path).corpora[0]
    (corpus,) = recipe(tmp_path, GOOD.replace("input: text.jsonl", f"input: text.jsonl, {names}")).corpora
    source = source_of(corpus.source, corpus.source_values())
    assert source.url_field == "meta.url"
    assert source.metadata_fields == ("book", "meta.genre")
    assert corpus.canonical().keys() - plain.canonical().keys() == yaml.safe_load(f"{{{names}}}").keys()
    with pytest.raises(UsageError, match="source oscar has no option 'url_field'"):
        recipe(tmp_path, GOOD.replace("jsonl, input: text.jsonl", "oscar, input: x, url_field: u"))


RUNS = """\
name: small
corpora: [{source: jsonl, input: text.jsonl}]
train: {layers: 2, lr: 0.01, eval: {every: 7, rows: 9}}
runs:
  - {name: base, phases: [{name: all, steps: 10}]}
  - name: sft
    init_from: base
    phases: [{name: all, steps: 4}]
    train: {lr: 0.5, eval: {every: 3}}
"""


def test_the_values_of_train_are_defaults_of_each_run(tmp_path):
    base, sft = (run.train for run in recipe(tmp_path, RUNS).all_runs)
    assert (base.layers, base.lr, base.eval.every, base.eval.rows) == (2, 0.01, 7, 9)
    assert (sft.layers, sft.lr, sft.eval.every, sft.eval.rows) == (2, 0.5, 3, 9)
    assert recipe(tmp_path, RUNS, "train.layers=3").all_runs[1].train.layers == 3
    assert recipe(tmp_path, RUNS, "runs.1.phases.0.steps=2").all_phases[1].steps == 2


def test_a_recipe_with_runs_is_written_with_all_defaults_and_read_back(tmp_path):
    loaded = recipe(tmp_path, RUNS)
    assert recipe(tmp_path, to_yaml(loaded)) == loaded
    assert Recipe.model_validate(loaded.canonical()) == loaded


@pytest.mark.parametrize(
    ("before", "after", "line", "sentence"),
    [
        ("name: sft", "name: base", 6, "runs.1.name: two runs have the name 'base'"),
        ("init_from: base", "init_from: bose", 7, "'bose' is no run: did you mean 'base'"),
        ("init_from: base", "init_from: sft", 7, "'sft' is no earlier run"),
        ("{name: base,", "{name: base, init_from: sft,", 5, "'sft' is no earlier run: remove it"),
        ("train: {lr", "train: {layers: 3, lr", 9, "runs.1.train.layers: it is 3, and run 'base'.* has 2"),
        ("train: {lr", "train: {width: 64, lr", 9, "runs.1.train.width: it is 64, and run 'base'"),
        ("train: {lr", "train: {init_from: x, lr", 9, "runs.1.train.init_from: run 'sft' starts from run 'base'"),
        ("train: {lr", "train: {steps: 5, lr", 9, "runs.1.train.steps: it is 5, and the phases have 4"),
        ("train: {lr", "train: {rate: 5, lr", 9, "unknown key 'rate' in runs.1.train"),
        ("train: {layers", "train: {init_from: x, layers", 3, "train.init_from: the recipe has runs"),
        ("train: {layers", "train: {heads: 3, layers", 3, "train.heads: width 128 is not a multiple of 3 heads"),
        ("    phases: [{name: all, steps: 4}]\n", "", 6, "runs.1: run 'sft' needs either phases or a schedule"),
        ("phases: [{name: all, steps: 10}]", "schedule: a.json", 5, "runs.0.schedule: .* give it phases"),
        ("steps: 4", "tokens: 4", 8, "runs.1.phases.0.tokens: .* shorter than a step"),
        (
            "steps: 4",
            "steps: 4, mixture: {by: category, rule: proportional, shares: {arabic: 50}}",
            8,
            "shares sum to 50",
        ),
        (
            "runs:",
            "pack: {strata: [source]}\nruns:",
            9,
            "runs.1.phases.0.mixture: .*not split by language",
        ),
        ("runs:", "phases: [{name: all, steps: 1}]\nruns:", 4, "phases: the recipe has runs"),
        (RUNS[RUNS.index("runs:") :], "runs: []\n", 4, "runs: "),
    ],
)
def test_runs_that_cannot_follow_each_other_are_refused_where_they_stand(tmp_path, before, after, line, sentence):
    text = RUNS.replace(before, after, 1)
    if "not split" in sentence:
        mixture = "{by: language, rule: proportional, shares: {arb_Arab: 100}}"
        text = text.replace("steps: 4", f"steps: 4, mixture: {mixture}")
    assert text != RUNS
    with pytest.raises(UsageError, match=sentence) as caught:
        recipe(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'recipe.yaml'}{f':{line}' if line else ''}: ")
