"""Texts of recipes, flags and documents stay texts: no path, no command, no markup, no terminal control.

The tests draw a sample of the hostile texts, the same in every run. ARCORP_EXAMPLES sets its size.
"""

import itertools
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from faults.hostile import RAW, Place, place, put, strings, texts
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from examples import EXAMPLES
from pipelines import cli
from pipelines import texts as ours
from pipelines.cli import docs_pages as pages
from pipelines.recipe import Recipe
from sharding.seal import Sealed

__all__ = ["place"]

RECIPE: dict[str, Any] = {
    "name": "small",
    "corpora": [{"source": "jsonl", "input": "text.jsonl", "language": "arb_Arab"}],
    "tokenizer": {"vocab_size": 280, "sample": {"chars": 2000}},
    "pack": {"row_tokens": 64, "rows_per_shard": 100, "validation": {"share": 0.2}},
    "phases": [{"name": "all", "steps": 2}],
    "train": {"batch_rows": 4},
}
FORMS = ("human", "json", "quiet")
KEYS = list(strings(Recipe.model_json_schema()))
RUNS_CODE = ("slurm", "environment")
"""The one key that runs code (SECURITY.md)."""


def write(folder: Path, recipe: dict[str, Any]) -> Path:
    dice = random.Random(5)
    words = ["".join(dice.choices("ابتجدرسعفقلمنهوي", k=5)) for _ in range(60)]
    lines = [{"id": str(number), "text": " ".join(dice.choices(words, k=120))} for number in range(40)]
    (folder / "text.jsonl").write_text("\n".join(map(json.dumps, lines)))
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def chosen(tries: list[Any], number: int) -> list[Any]:
    """Return a sample of `number` tries, the same in every run; all of them if there are no more."""
    return tries if number >= len(tries) else random.Random(number).sample(tries, number)


def test_the_walk_over_the_schema_finds_strings_at_every_depth() -> None:
    expected: list[tuple[str | int, ...]] = [("name",), ("corpora", 0, "language"), ("phases", 0, "name")]
    expected += [("corpora", 0, "options", "KEY"), ("mixture", "within", "any", "by"), ("slurm", "train", "partition")]
    expected += [("tokenizer", "specials", 0), ("tokenizer", "specials", 0, "name"), ("dedup", "decontaminate", 0)]
    assert set(expected) <= set(KEYS)


@pytest.mark.fault(34)
def test_a_hostile_text_in_any_key_of_a_recipe_harms_nothing(
    place: Place, record_property: Callable[[str, int], None]
) -> None:
    place.planted.with_name("here").joinpath("x").write_text("mine")
    tries = chosen(list(itertools.product(KEYS, texts(place.planted))), EXAMPLES)
    record_property("times", len(tries))
    for number, (key, text) in enumerate(tries):
        recipe = write(place.folder, put(RECIPE, key, text))
        what = ["--until", "ingest", "--workers", "1"] if number % 2 else ["--dry-run"]
        out = place.out / str(number)
        place.run("build", recipe, "--out", out, "--format", FORMS[number % 3], *what)


@pytest.mark.fault(34)
def test_a_hostile_text_in_any_key_of_a_recipe_runs_no_command_on_slurm(
    place: Place, record_property: Callable[[str, int], None]
) -> None:
    keys = [key for key in KEYS if key != RUNS_CODE]
    tries = chosen(list(itertools.product(keys, texts(place.planted))), EXAMPLES // 2)
    accepted = [(("corpora", 0, "license"), text) for text in texts(place.planted)]  # a licence is any text
    tries += chosen(accepted, EXAMPLES // 10)
    record_property("times", len(tries))
    for number, (key, text) in enumerate(tries):
        recipe = write(place.folder, put(RECIPE, key, text))
        out = place.out / str(number)
        place.run("build", recipe, "--out", out, "--until", "ingest", "--executor", "slurm")


@pytest.mark.fault(34)
def test_jobs_on_slurm_are_those_of_the_recipe_in_a_folder_of_an_odd_but_legal_name(place: Place) -> None:
    """The stand-in runs a whole build with an array, and the one key that may run code does."""
    recipe = {**RECIPE, "slurm": {"environment": f"touch {place.planted}\nexport X=1", "time": "1-00:00:00"}}
    out = place.out / "نص,a+b@c=1"
    code = place.run(
        *("build", write(place.folder, recipe), "--out", out, "--until", "pack", "--executor", "slurm"),
        allowed=(place.planted,),
    )
    assert code == 0
    assert place.planted.exists()
    assert Sealed(out / "dataset").manifest.stage == "pack"
    assert (out / "dataset" / ".arcorp" / "slurm" / "array.json").is_file()


@pytest.mark.fault(34)
def test_an_out_that_sbatch_would_misread_is_refused(place: Place) -> None:
    recipe = write(place.folder, RECIPE)
    for text in texts(place.planted):
        out = f"{place.out}/a{text.replace('/', '_')}"
        if re.search(r"[^\w/.-]", out):
            assert place.run("build", recipe, "--out", out, "--executor", "slurm") == 2, ascii(text)
            assert not os.path.lexists(out)


def test_a_recipe_without_out_is_built_below_out(place: Place) -> None:
    for text in texts(place.planted):
        place.run("build", write(place.folder, {**RECIPE, "name": text}), "--until", "ingest")


# -- flags ------------------------------------------------------------------------------------------------

BASES: dict[str, list[str]] = {
    "demo": ["--out", "OUT", "--dry-run"],
    "init": ["TEXT", "--out", "OUT/recipe.yaml"],
    "build": ["RECIPE", "--out", "OUT", "--until", "ingest", "--workers", "1"],
    "status": ["BUILT"],
    "report": ["BUILT"],
    "push": ["DATASET", "me/mine", "--dry-run"],
    "ingest": ["jsonl", "TEXT", "--out", "OUT", "--workers", "1"],
    "translate": ["DOCS", "--model", "DOCS", "--source", "ar", "--target", "en", "--out", "OUT", "--workers", "1"],
    "dedup": ["DOCS", "--out", "OUT", "--workers", "1"],
    "tokenize": ["DOCS", "--tokenizer", "TOKENIZER", "--out", "OUT", "--workers", "1"],
    "pack": ["TOKENS", "--row-tokens", "128", "--out", "OUT", "--workers", "1"],
    "export": ["DATASET", "--to", "nanogpt", "--out", "OUT"],
    "health": ["BUILT/run", "--data", "DATASET", "--out", "OUT"],
    "evaluate": ["BUILT/run", "--data", "DATASET", "--tasks", "minimal-pairs", "--out", "OUT"],
    "chat": ["BUILT/run", "--data", "DATASET"],
    "mix": ["DATASET", "--out", "DATASET/other.json", "--set", "phases=[{name: a, steps: 2}]"],
    "verify": ["DATASET", "--level", "quick"],
    "inspect": ["DATASET", "--row", "0"],
    "fertility": ["TOKENIZER", "--docs", "DOCS", "--out", "OUT"],
    "sources": [],
    "recipes": [],
    "schema": [],
    "doctor": [],
    "tokenizer segment": ["TEXT", "--segmenter", "rules"],
    "tokenizer show": ["TOKENIZER", "نص"],
    "tokenizer train": ["DOCS", "--out", "OUT", "--vocab-size", "300", "--workers", "1"],
    "tokenizer import": ["TOKENIZER", "--out", "OUT", "--workers", "1"],
    "tokenizer export": ["TOKENIZER", "--to", "hf", "--out", "OUT", "--workers", "1"],
}


def test_every_command_has_a_base_to_try_its_flags_on() -> None:
    assert set(BASES) == {name for name, _ in pages.commands()}


def hostile_words(command: Any, base: list[str], text: str) -> list[list[str]]:
    """Return the command with the text as the value of each flag, and in place of each argument."""
    tried = [
        [*base, parameter.opts[0], text]
        for parameter in command.params
        if parameter.opts[0].startswith("--") and not parameter.is_flag
    ]
    arguments = sum(parameter.param_type_name == "argument" for parameter in command.params)
    return tried + [[*base[:index], text, *base[index + 1 :]] for index in range(min(arguments, len(base)))]


@pytest.mark.fault(34)
def test_a_hostile_text_in_any_flag_or_argument_of_any_command_harms_nothing(
    place: Place, copy: Path, record_property: Callable[[str, int], None]
) -> None:
    recipe = write(place.folder, RECIPE)
    given = {"RECIPE": recipe, "TEXT": place.folder / "text.jsonl", "BUILT": copy, "DATASET": copy / "dataset"}
    given |= {"DOCS": copy / "unique", "TOKENS": copy / "tokens", "TOKENIZER": copy / "tokenizer"}
    given = {**given, "OUT": place.out}
    commands = dict(pages.commands())
    tries = []
    for name, base in BASES.items():
        for text in texts(place.planted):
            tries += [(name, words) for words in hostile_words(commands[name], base, text)]
    tries = chosen(tries, EXAMPLES)
    record_property("times", len(tries))
    root = Sealed(copy / "dataset").digest
    for number, (name, words) in enumerate(tries):
        out = place.out / str(number)
        below = copy / "dataset" if name == "mix" else out
        filled = []
        for before, word in zip(["", *words], words, strict=False):
            for key, value in given.items():
                word = re.sub(rf"^{key}\b", str(out if key == "OUT" else value).replace("\\", r"\\"), word)
            if before == "--out" and not word.startswith(str(below)):
                word = f"{below}/{word.replace('/', '_')}"
            filled.append(word)
        place.run(*name.split(), *filled)
        assert Sealed(copy / "dataset").digest == root


def test_a_schedule_takes_no_name_that_is_the_datasets_own_or_is_hostile(copy: Path) -> None:
    dataset = copy / "dataset"
    manifest = (dataset / "manifest.json").read_bytes()
    base = ["mix", str(dataset), "--set", "phases=[{name: a, steps: 2}]"]
    for name in ("manifest.json", "plan.json", "shards/x.json", "a\n.json", "\x1b.json", ".json", "x.txt"):
        assert cli.run([*base, "--out", f"{dataset}/{name}"]) == 2
    assert (dataset / "manifest.json").read_bytes() == manifest
    assert cli.run([*base, "--out", f"{dataset}/second.json"]) == 0


# -- documents --------------------------------------------------------------------------------------------

EVIL = "\x1b[2J\x1b]0;T\x07 \u202egnirts |`<img src=x onerror=alert(1)>` [l](http://evil.example) ![t](http://e/t.png)"
EVIL += (
    " </style></script><script>alert(1)</script> \\| <b>b</b> http://evil.example www.evil.example\n\n# heading\n---\n"
)


@pytest.mark.fault(35)
@pytest.mark.parametrize("hostile", ["ours", "samples"])
def test_texts_of_documents_are_inert_in_cards_reports_and_on_the_terminal(
    hostile: str, place: Place, samples: Path
) -> None:
    """Ids, licences, languages, URLs and the text itself."""
    data = place.folder / "data.jsonl"
    if hostile == "samples":
        data.write_bytes((samples / "cases" / "reliability" / "hostile.jsonl").read_bytes())
    else:
        lines = [
            {"doc": f"{n}{EVIL}", "text": f"{EVIL} كلمة {n} " * 20, "language": EVIL, "license": EVIL, "url": EVIL}
            for n in range(60)
        ]
        data.write_text("\n".join(map(json.dumps, lines)))
    corpus = {"source": "jsonl", "input": "data.jsonl", "id_field": "doc"}
    recipe = place.folder / "evil.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "corpora": [corpus], "train": {**RECIPE["train"], "layers": 1}}))
    out = place.out / "b"
    assert place.run("build", recipe, "--out", out, "--until", "pack", "--workers", "1") == 0
    first = Sealed(out / "unique").names(prefix="part-", suffix=".parquet")[0]
    name = pq.read_table(out / "unique" / first)["id"][0].as_py()
    for form in FORMS[: 3 if hostile == "ours" else 1]:
        assert place.run("inspect", out / "dataset", "--row", "0", "--format", form) == 0
        assert place.run("inspect", out / "dataset", "--document", name, "--format", form) == 0
        assert place.run("inspect", out / "dataset", "--document", f"no{EVIL}", "--format", form) in (2, 3)
        assert place.run("status", out, "--format", form) == 0
    assert place.run("report", out) == 0
    assert place.run("verify", out / "dataset", "--level", "deep") == 0
    assert place.run("pack", out / "tokens", "--row-tokens", "64", "--out", out / "again", "--dry-run") == 0
    card = (out / "dataset" / "README.md").read_text("utf-8")
    assert inert(card)
    page = (out / "report.html").read_text("utf-8")
    for markup in ("<img src", "<b>b", "alert(1)</script>", "<script>alert"):
        assert markup not in page


def inert(card: str) -> bool:
    """Return True if the Markdown of a card has only the card's own markup."""
    _, head, body = card.split("---\n", 2)
    assert set(yaml.safe_load(head)) >= {"pretty_name", "license"}
    rendered = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").parse(body)
    kinds = {child.type for token in rendered for child in [token, *(token.children or [])]}
    assert not kinds & {"image", "link_open", "html_inline"}, kinds
    blocks = [token.content for token in rendered if token.type == "html_block"]
    assert len(blocks) == 1, blocks
    assert blocks[0].startswith("<!-- card ")
    headings = re.findall(r"^# .*$", body, re.MULTILINE)
    assert len(headings) == 1
    plain = "".join(child.content for token in rendered for child in token.children or [] if child.type == "text")
    assert "evil" not in plain
    assert "://" not in plain
    return not RAW.search(card.replace("\n", ""))


@given(st.text(st.characters(codec=None), max_size=40) | st.text("`|\\<>[]()!&#*_-:/. \nw@~", max_size=30))
def test_markdown_of_any_text_is_that_text_and_nothing_else(text: str) -> None:
    made = ours.markdown(text)
    table = f"| a | b |\n|---|---|\n| {made} | end |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2, table
    assert cells[1].content == "end"
    assert {child.type for child in cells[0].children or []} <= {"text", "code_inline", "em_open", "em_close"} | {
        "strong_open",
        "strong_close",
    }


@given(st.text(st.characters(codec=None)))
def test_text_for_a_terminal_holds_nothing_raw_and_json_is_the_same_data(text: str) -> None:
    assert not RAW.search(ours.line(text))
    assert not RAW.search(ours.block(text))
    assert "\n" not in ours.line(text)
    written = ours.json_text({text: [text]}, indent=1)
    assert not RAW.search(written)
    assert json.loads(written) == {text: [text]}
    if ours.unusable(text) is None:
        assert yaml.safe_load(ours.yaml_text({"a": text})) == {"a": text}


@given(st.text(max_size=12) | st.text("ab/.\\-_+ \n'\"$`;#", max_size=12))
def test_what_passes_for_a_label_a_name_or_a_word_is_harmless(text: str) -> None:
    for check, seps in ((ours.label, "/"), (ours.name, "/"), (ours.word, "")):
        try:
            assert check(text) == text
        except ValueError:
            continue
        assert text
        assert not re.search(r"[\s'\"$`;#\\<>|&*?~(){}\[\]!%]", text)
        assert not any(sep in text for sep in seps)
        assert check is ours.word or (".." not in text and text[0] not in "-.")
