"""Options out of bounds are refused with the line when a recipe is loaded, as the packages refuse them."""

import itertools
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.recipe import Misfit, PackOptions, TrainOptions, load_recipe, validate_options
from pipelines.recipe.model import PROMPT_TOKENS
from sharding.options import MAX_COUNT
from training.config import RANGES, Config
from training.config_file import read_config
from training.errors import ConfigError

RECIPE = """\
name: small
corpora:
  - source: jsonl
    input: text.jsonl
tokenizer:
  vocab_size: 512
pack:
  row_tokens: 64
  strata: [language]
  validation: {share: 0.1}
phases:
  - name: all
    steps: 4
train:
  batch_rows: 4
mixture:
  by: language
dedup:
  method: exact
slurm:
  cpus: 1
"""

OUT_OF_BOUNDS = [
    ("  validation: {share: 0.1}", "  validation: {share: 0.6}"),
    ("  validation: {share: 0.1}", "  validation: {share: 0.1, rows: 3}"),
    ("  validation: {share: 0.1}", "  validation: {}"),
    ("  validation: {share: 0.1}", "  validation: {share: .nan}"),
    ("  row_tokens: 64", "  row_tokens: 70000"),
    ("  row_tokens: 64", "  row_tokens: 1"),
    ("  strata: [language]", "  strata: [language, language]"),
    ("  by: language", "  by: category\n  rule: temperature\n  temperature: 2"),
    ("  by: language", "  within:\n    a: {by: source, rule: temperature, temperature: 2}"),
    ("    steps: 4", "    steps: 4\n    mixture: {by: source, rule: unimax, max_epochs: 2}"),
    ("  vocab_size: 512", "  specials: ['<|pad|>']"),
    ("  by: language", "  rule: inverse-frequency\n  power: 2"),
    ("  by: language", "  rule: inverse-frequency\n  power: -1"),
    ("  by: language", "  rule: inverse-frequency"),
    ("  by: language", "  rule: proportional\n  shares: {a: 0.5, b: 0.6}"),
    ("  by: language", "  rule: proportional\n  shares: {a: -50, b: 150}"),
    ("  by: language", "  rule: proportional\n  shares: {}"),
    ("  by: language", "  rule: natural\n  shares: {a: 1}"),
    ("  by: language", "  rule: unimax"),
    ("  by: language", "  rule: temperature\n  temperature: 0"),
    ("  by: language", "  max_epochs: .inf"),
    ("  by: language", "  within:\n    a:\n      within:\n        b: {rule: inverse-frequency, power: 2}"),
    ("  vocab_size: 512", "  vocab_size: 512\n  reserved: 300"),
    ("  vocab_size: 512", "  vocab_size: 512\n  merged: 511"),
    ("  vocab_size: 512", "  vocab_size: 100000000"),
    ("  vocab_size: 512", "  specials: [{name: '<|bos|>', id: 9}]"),
    ("  vocab_size: 512", "  specials: [{name: '<|bos|>', id: 40000000}]"),
    ("  vocab_size: 512", "  specials: [{name: '<|bos|>', id: 400}, {name: '<|x|>', id: 400}]"),
    ("  vocab_size: 512", "  specials: ['<|bos|>', '<|bos|>']"),
    ("  vocab_size: 512", "  specials: ['<|bos|>', 'ب']"),
    ("  vocab_size: 512", "  specials: ['<|bos|>', '<|reserved_1|>']"),
    ("  vocab_size: 512", "  max_token_bytes: 1"),
    ("  vocab_size: 512", "  digits: 4"),
    ("  vocab_size: 512", "  morphology: {mode: soft, share: 1.5}"),
    ("  vocab_size: 512", "  sample: {by: language, rule: inverse-frequency, power: 1.1}"),
    ("    steps: 4", "    tokens: 100"),
    ("    steps: 4", "    steps: 4\n    tokens: 1000"),
    ("    steps: 4", "    steps: 9007199254740992"),
    ("    steps: 4", "    steps: 4\n    mixture: {by: category, rule: temperature, temperature: -1}"),
    ("  batch_rows: 4", "  heads: 3"),
    ("  batch_rows: 4", "  kv_heads: 3"),
    ("  batch_rows: 4", "  ranks: 3"),
    ("  batch_rows: 4", "  accumulation: 64"),
    ("  batch_rows: 4", "  steps: 5"),
    ("  batch_rows: 4", "  generate: {prompt_tokens: 64}"),
    ("  batch_rows: 4", "  preset: gpt2\n  value_embeddings: true"),
    ("  batch_rows: 4", "  width: 12"),
    ("  batch_rows: 4", "  betas: [0.9, 1.0]"),
    ("  batch_rows: 4", "  lr: .inf"),
    ("  batch_rows: 4", "  seed: 9223372036854775808"),
    ("  method: exact", "  decontaminate: [nowhere.jsonl]"),
    ("  method: exact", "  decontaminate: ['hf://datasets/a/b/test.jsonl']"),
    ("    input: text.jsonl", "    input: text.jsonl\n    language: ../x"),
    ("    input: text.jsonl", "    input: text.jsonl\n    identify: nowhere.bin"),
    ("    input: text.jsonl", "    input: text.jsonl\n    options: {died_before: 3}"),
    ("    input: text.jsonl", "    input: 'embedded:../../x'\nembedded: {bytes: 9}"),
    ("  - source: jsonl", "  - source: jsonlines"),
    ("  cpus: 1", "  time: '1:00:00\n\n    #SBATCH x'"),
]


def test_the_recipe_that_is_changed_is_sound(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert load_recipe(tmp_path / "recipe.yaml").name == "small"


@pytest.mark.parametrize(
    ("options", "roles", "decided"),
    [
        ({}, {"bos", "eos", "pad"}, (True, True)),
        ({}, {"bos"}, (True, False)),
        ({}, {"eos"}, (False, True)),
        ({"eos": False}, {"bos", "eos"}, (True, False)),
        ({"bos": False, "eos": False}, {"pad"}, (False, False)),
        ({}, {"pad"}, None),
        ({"bos": False}, set(), None),
        ({"eos": True}, {"bos"}, None),
    ],
)
def test_documents_begin_and_end_with_the_tokens_that_the_tokenizer_has(options, roles, decided):
    options = PackOptions(**options)
    if decided is None:
        with pytest.raises(Misfit, match=r"no(r an)? EOS"):
            options.for_roles(roles)
    else:
        chosen = options.for_roles(roles)
        assert (chosen.bos, chosen.eos) == decided


@pytest.mark.fault(36)
@pytest.mark.parametrize(("line", "other"), OUT_OF_BOUNDS, ids=[other.strip() for _, other in OUT_OF_BOUNDS])
def test_what_a_later_stage_would_refuse_is_refused_when_the_recipe_is_loaded(line, other, tmp_path, capsys):
    assert RECIPE.count(f"{line}\n") == 1
    text = RECIPE.replace(line, other)
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert cli.run(["build", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"arcorp: {path}:")
    assert err.count("\n") == 1
    number = int(err.removeprefix(f"arcorp: {path}:").partition(":")[0])
    keys = [match[1] for match in re.finditer(r"([a-z_]+):", text.splitlines()[number - 1])]
    assert any(re.search(rf"\b{key}\b", err.partition(f":{number}: ")[2]) for key in [*keys, "give either"]), err
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("pack", "validation.share=0.6"),
        ("pack", "strata=[source,source]"),
        ("mix", "mixture={rule: inverse-frequency, power: 2}"),
        ("mix", "phases=[{name: 'a/b', steps: 1}]"),
        ("tokenizer train", "reserved=40000"),
        ("ingest", "language=../x"),
    ],
)
def test_a_stages_own_command_refuses_them_before_it_makes_a_folder(command, setting, copy, tmp_path, capsys):
    given = {"pack": [copy / "tokens"], "mix": [copy / "dataset"], "tokenizer train": [copy / "unique"]}
    given["ingest"] = ["jsonl", tmp_path / "x.jsonl"]
    out = [] if command == "mix" else ["--out", tmp_path / "out"]
    phases = [] if "phases" in setting or command != "mix" else ["--set", "phases=[{name: a, steps: 1}]"]
    words = [*command.split(), *given[command], *out, *phases, "--set", setting]
    assert cli.run([str(word) for word in words]) == 2
    assert setting.partition("=")[0].partition(".")[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


sizes = st.sampled_from([None, 1, 2, 3, 4, 6, 8, 12, 16, 96, 128, 130])


@given(
    st.fixed_dictionaries(
        {
            "width": sizes,
            "heads": sizes,
            "kv_heads": sizes,
            "preset": st.sampled_from([None, "nanochat", "gpt2", "llama"]),
            "value_embeddings": st.sampled_from([None, True, False]),
            "betas": st.sampled_from([None, (0.9, 0.95), (0.0, 1.0), (-0.1, 0.5)]),
        }
    )
)
def test_relations_of_the_train_section_are_the_trainers(values):
    section = {key: list(value) if key == "betas" else value for key, value in values.items() if value is not None}
    assert accepted(section) == accepted_by_the_trainer(section), section


def test_bounds_of_the_train_section_are_the_trainers():
    tried = 0
    for (least, greatest), names in RANGES.items():
        for name, value in itertools.product(names.split(), (least, greatest, least - 1, greatest + 1)):
            if not math.isfinite(value) or (abs(value) > MAX_COUNT and name != "seed"):
                continue
            head, dot, tail = name.partition(".")
            section = {head: {tail: value} if dot else value}
            fine = accepted({**section, "batch_rows": 4})
            if fine:  # the trainer accepts what the recipe accepts; the recipe can have narrower bounds
                assert accepted_by_the_trainer(section), name
            elif least < value < greatest:
                assert not accepted_by_the_trainer(section), name
            tried += 1
    assert tried > 50
    assert Config().generate.prompt_tokens == PROMPT_TOKENS


def accepted(section):
    try:
        validate_options(TrainOptions, section, {}, "train")
    except UsageError:
        return False
    return True


def accepted_by_the_trainer(section):
    given = {key: value for key, value in section.items() if key != "batch_rows"}
    try:
        read_config(None, [f"{key}={json.dumps(value)}" for key, value in given.items()])
    except ConfigError:
        return False
    return True
