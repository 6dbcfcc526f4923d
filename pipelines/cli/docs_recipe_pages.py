"""docs/recipes: a page for each packaged recipe: figures of the published model, of the recipe, and of a small build.

The recipe's figures are those of its `budget`. The figures of builds are the newest under benchmarks/results. The
published figures, their errors and the differences are in docs/recipes/seeds.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.recipe import Budget, Recipe, TrainOptions, budget_of, load_recipe, packaged
from sharding.scheduling import Mixture
from tokenization.options import Special


def recipe_pages(root: Path) -> dict[Path, str]:
    """Return the pages by path: an index, and one page for each recipe of a published model."""
    folder = root / "docs" / "recipes"
    seeds = yaml.safe_load((folder / "seeds.yaml").read_text("utf-8"))
    results = root / "benchmarks" / "results"
    yields, whole = _newest(results, "recipes"), _newest(results, "whole")
    pages = {folder / "index.md": _index(seeds)}
    for name, seed in seeds.items():
        pages[folder / f"{name}.md"] = _page(name, seed, yields, whole if whole.get("recipe") == name else None)
    return pages


def _newest(results: Path, kind: str) -> dict[str, Any]:
    files = sorted(results.glob(f"{kind}-*.json"))
    builds: dict[str, Any] = json.loads(files[-1].read_text("utf-8")) if files else {"builds": {}}
    return builds


def _index(seeds: Mapping[str, Any]) -> str:
    lines = [
        "# Recipes",
        "",
        "Each recipe has a name for `arcorp build`; start with `arcorp build NAME --dry-run`. `--set` changes sizes "
        "and inputs: `--set corpora.0.input=my-texts/ --set phases.0.steps=100`.",
        "",
        "| recipe | description | model | steps | tokens | FLOPs |",
        "|---|---|---|--:|--:|--:|",
    ]
    for name, path in packaged().items():
        recipe = load_recipe(path)
        budget = budget_of(recipe)
        link = f"[{name}]({name}.md)" if name in seeds else f"`{name}`"
        model = seeds[name]["model"] if name in seeds else "text that arcorp generates"
        lines.append(
            f"| {link} | {recipe.description} | {model} | {budget.steps:,} | {budget.tokens:,} "
            f"| {budget.total_flops:.3g} |"
        )
    return "\n".join(lines) + "\n"


def _page(name: str, seed: Mapping[str, Any], yields: Mapping[str, Any], whole: Mapping[str, Any] | None) -> str:
    path = packaged()[name]
    recipe = load_recipe(path)
    budget = budget_of(recipe)
    lines = [f"# {name}", "", f"{_sentence(recipe.description)} After {seed['model']}: <{seed['source']}>.", ""]
    lines += [f"| | the seed publishes | `arcorp build {name}` plans |", "|---|---|---|"]
    for figure in seed["figures"]:
        planned = _planned(figure["plan"], recipe) if "plan" in figure else "-"
        lines.append(f"| {figure['what']} | {figure['published']} | {planned} |")
    if "tokens" in seed:
        lines += ["", *_epochs(seed["tokens"], recipe, budget)]
    if whole:
        lines += ["", *_trained(seed, whole)]
    built = yields["builds"].get(name)
    if built:
        lines += ["", *_yielded(name, built, yields)]
    lines += ["", "## Errors in the published description", "", *(f"- {error}" for error in seed["slips"])]
    lines += ["", "## What differs", "", *(f"- {difference}" for difference in seed["differs"])]
    lines += ["", "## The recipe", "", "```yaml", path.read_text("utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _planned(name: str, recipe: Recipe) -> str:
    """Return a figure of PLANNED, of one run if its name is RUN.FIGURE."""
    run, _, figure = name.rpartition(".")
    if run:
        recipe = recipe.model_copy(update={"runs": [each for each in recipe.all_runs if each.name == run]})
    return PLANNED[figure](recipe, budget_of(recipe))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _epochs(tokens: Mapping[str, int], recipe: Recipe, budget: Budget) -> list[str]:
    """Return lines on the epochs of the published tokens under the recipe's schedule."""
    if set(tokens) == {"all"}:
        return [f"Of the seed's {tokens['all']:,} tokens that is {budget.tokens / tokens['all']:.4f} epochs."]
    lines = ["| the seed's tokens | | drawn | epochs |", "|---|--:|--:|--:|"]
    for name, size in tokens.items():
        drawn = 0.0
        for phase, span in zip(recipe.all_phases, budget.phases, strict=True):
            shares = (phase.mixture or recipe.mixture).shares or {}
            drawn += shares.get(name, 0.0) / (sum(shares.values()) or 1) * span.tokens
        lines.append(f"| {name} | {size:,} | {drawn:,.0f} | {drawn / size:.3f} |")
    return lines


def _yielded(name: str, built: Mapping[str, Any], yields: Mapping[str, Any]) -> list[str]:
    sizes = yields["sizes"]
    baselines = ", ".join(f"{name} {bits:.2f}" for name, bits in sorted(built["baselines"].items()))
    return [
        "## Built at reduced size",
        "",
        f"On sample corpora, {built['steps']} steps of {sizes['step_tokens']:,} tokens, {sizes['layers']} layers of "
        f"width {sizes['width']}, with `--set` of inputs, sizes and the machine ({yields['date']}, "
        f"`python -m benchmarks.recipes {name}`). It shows that the recipe runs and learns, not the quality of its "
        "model.",
        "",
        "| documents | text | tokens in rows | bytes a token | rows | padding | bits per byte, before and after |",
        "|--:|--:|--:|--:|--:|--:|--:|",
        f"| {built['documents']:,} | {built['bytes'] / 1e6:.2f} MB | {built['tokens']:,} "
        f"| {built['bytes_per_token']:.2f} | {built['rows']['train']:,} + {built['rows']['validation']:,} "
        f"| {built['padding']} | {built['before']:.3f} to {built['after']:.3f} |",
        "",
        f"Bits per byte of the same validation text without a neural network: {baselines}. The n-gram has the same "
        "tokens, and all of the training rows; the model has read as many rows as its steps hold.",
    ]


def _trained(seed: Mapping[str, Any], whole: Mapping[str, Any]) -> list[str]:
    """Return lines on runs of all steps on all text, beside the published result and baselines."""
    runs = whole["runs"]
    first, published = runs[0], seed["validation"]
    varieties = list(first["by_language"])
    lines = [
        "## Trained whole",
        "",
        f"All {first['steps']:,} steps on all text, validated on all {first['rows']:,} held-out rows "
        f"({whole['date']}, `python -m benchmarks.recipes.whole`, on {whole['threads']} threads of a CPU). Nats a "
        "token and perplexity are by each model's own tokens; bits per byte can be compared between tokenizers.",
        "",
        f"| | nats a token | perplexity | bits per byte | {' | '.join(varieties)} | minutes |",
        f"|---|--:|--:|--:|{'--:|' * len(varieties)}--:|",
        f"| the seed publishes | {published['loss']:.4f} | {published['perplexity']:.2f} | |{' |' * len(varieties)} |",
    ]
    for run in runs:
        parts = " | ".join(f"{run['by_language'][name]['bits_per_byte']:.4f}" for name in varieties)
        lines.append(
            f"| seed {run['seed']} | {run['loss']:.4f} | {run['perplexity']:.2f} | {run['bits_per_byte']:.4f} "
            f"| {parts} | {run['seconds'] / 60:.0f} |"
        )
    baselines = ", ".join(f"{name} {bits:.2f}" for name, bits in sorted(first["baselines"].items()))
    curve = ", ".join(f"{point['loss']:.2f} at {point['step']}" for point in first["curve"][9::10])
    lines += [
        "",
        f"Bits per byte of the same text without a neural network: {baselines} (the n-gram has the same tokens).",
        "",
        f"Training loss of seed {first['seed']}, nats a token by step: {curve}.",
    ]
    for name in varieties:
        sample = next((each for each in first["samples"] if each["language"] == name), None)
        if sample is not None:
            text = "\n".join(line.strip() for line in (sample["prompt"] + sample["text"]).splitlines() if line.strip())
            lines += ["", f"What it writes in {name}; the first {len(sample['prompt'])} characters are given:"]
            lines += ["", "```text", text, "```"]
    return lines


def _mixture(options: Mixture) -> str:
    """Return the shares in percent, or the formula of the rule."""
    if options.shares:
        shares = [f"{name} {share:g}" for name, share in options.shares.items() if share]
        inner = [f", of {name}: {_mixture(mixture)}" for name, mixture in options.within.items()]
        return f"{', '.join(shares)} %{''.join(inner)}"
    return f"`{options.formula}`"


def _shares(recipe: Recipe, _: Budget) -> str:
    mixtures = [phase.mixture or recipe.mixture for phase in recipe.all_phases]
    names = [phase.name for phase in recipe.all_phases]
    if len(mixtures) == 1:
        return _mixture(mixtures[0])
    return "; ".join(f"{name}: {_mixture(mixture)}" for name, mixture in zip(names, mixtures, strict=True))


def _bos(recipe: Recipe, _: Budget) -> str:
    tokens = [token for token in recipe.tokenizer.specials if isinstance(token, Special) and token.name == "<|bos|>"]
    return f"{tokens[0].id:,}" if tokens and tokens[0].id is not None else "at the end"


def _validation(recipe: Recipe, _: Budget) -> str:
    size = recipe.pack.validation
    return f"{size.rows:,} rows" if size.rows else f"{100 * (size.share or 0):g} % of the tokens, by whole stories"


def _sample(recipe: Recipe, _: Budget) -> str:
    sample = recipe.tokenizer.sample
    return f"{_mixture(sample)} of {sample.chars:,} characters, at most {sample.document_cap:,} from a document"


def _rates(train: TrainOptions) -> str:
    rates = {"matrices": train.lr, "embedding": train.embedding_lr, "head": train.head_lr}
    shown = ", ".join(f"{name} {rate:g}" for name, rate in rates.items() if rate)
    return f"{shown}; {100 * (train.warmdown or 0):g} % of the steps decrease"


PLANNED: dict[str, Callable[[Recipe, Budget], str]] = {
    "vocab_size": lambda recipe, _: f"{recipe.tokenizer.vocab_size:,}",
    "bos": _bos,
    "sample": _sample,
    "shares": _shares,
    "row_tokens": lambda recipe, _: f"{recipe.pack.row_tokens:,}",
    "batch_rows": lambda recipe, _: f"{recipe.all_runs[0].train.batch_rows:,}",
    "rates": lambda recipe, _: _rates(recipe.all_runs[0].train),
    "step_tokens": lambda _, budget: f"{budget.step_tokens:,}",
    "shards": lambda recipe, _: f"{recipe.pack.shards:,}" if recipe.pack.shards else "by rows",
    "validation": _validation,
    "id_bytes": lambda recipe, _: "2" if recipe.tokenizer.vocab_size <= 65_536 else "4",
    "phases": lambda _, budget: ", ".join(f"{p.name} {p.steps:,} from step {p.first:,}" for p in budget.phases),
    "steps": lambda _, budget: f"{budget.steps:,}",
    "tokens": lambda _, budget: f"{budget.tokens:,}",
    "parameters": lambda _, budget: f"{budget.parameters:,}",
    "tokens_per_parameter": lambda _, budget: f"{budget.tokens / budget.parameters:.2f}",
    "flops_per_token": lambda _, budget: f"{budget.flops / 1e9:.6g} G",
    "flops": lambda _, budget: f"{budget.total_flops:.3e}",
}
"""Figures of a recipe by their names in seeds.yaml."""
