"""Recipes: a dataset, and the model trained on it, in one YAML file.

An unknown key, a wrong type or a repeated key is refused with the file and the line. The values of
`include: other.yaml` are overridden by the file, and those by `--set a.b=c`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from corpora.addresses import bare, has_secrets
from pipelines.errors import UsageError
from pipelines.recipe.base import Misfit, Name, Options, SeedInt
from pipelines.recipe.corpus_options import CleanOptions, CorpusOptions, DedupOptions, EmbeddedOptions, QualityOptions
from pipelines.recipe.dataset_options import PackOptions, PhaseOptions
from pipelines.recipe.slurm_options import SlurmOptions
from pipelines.recipe.tokenizer_options import TokenizerOptions
from pipelines.recipe.train_options import TrainOptions
from pipelines.recipe.validation import did_you_mean, refused, validate_options
from pipelines.recipe.yaml_lines import Lines, Location, apply_settings, read_yaml
from pipelines.texts import yaml_text
from sharding.errors import OptionError
from sharding.scheduling import Mixture

MAX_TOKENS = 2**60
"""Maximum number of tokens of a run, whose positions are 64-bit integers."""
PROMPT_TOKENS = 16
"""Default of the trainer (`training/config.py`)."""


class Recipe(Options):
    """A dataset from raw text to a trained model. The sections are the options of the stages."""

    name: Name = Field(description="name of the recipe, the dataset and the model")
    description: str = Field("", description="purpose of the recipe, in one line")
    seed: SeedInt = Field(
        42, description="seed of all random choices: samples, validation split, order of rows, weights"
    )
    embedded: EmbeddedOptions | None = Field(None, description="generate the embedded corpus")
    corpora: list[CorpusOptions] = Field(
        min_length=1, description="corpora, in decreasing order of trust: of duplicates, the first is kept"
    )
    clean: CleanOptions = Field(CleanOptions(), description="normalisation of the text")
    quality: QualityOptions = Field(QualityOptions(), description="selection of documents by quality")
    dedup: DedupOptions = Field(DedupOptions(), description="deduplication over all corpora")
    tokenizer: TokenizerOptions = Field(TokenizerOptions(), description="training of the tokenizer")
    pack: PackOptions = Field(PackOptions(), description="packing into rows")
    mixture: Mixture = Field(Mixture(), description="mixture of the training data")
    phases: list[PhaseOptions] = Field(min_length=1, description="phases of training, in order")
    train: TrainOptions = Field(TrainOptions(), description="model and its training")
    slurm: SlurmOptions = Field(SlurmOptions(), description="jobs of `--executor slurm`")

    @model_validator(mode="after")
    def _check_names(self) -> Recipe:
        names = [phase.name for phase in self.phases]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            raise ValueError(f"two phases have the name '{repeated}': rename one")
        if self.embedded is None and any(is_embedded(path) for corpus in self.corpora for path in input_paths(corpus)):
            raise ValueError("an input is 'embedded:...', so the recipe needs a section 'embedded'")
        return self

    @model_validator(mode="after")
    def _refuse_secrets(self) -> Recipe:
        given: list[Any] = [path for corpus in self.corpora for path in input_paths(corpus)]
        given += [value for corpus in self.corpora for value in (corpus.identify, *corpus.options.values())]
        for address in [*given, *self.dedup.decontaminate]:
            if isinstance(address, str) and has_secrets(address):
                raise ValueError(
                    f"{bare(address)} contains a user, a password, a query or a fragment, and the recipe is "
                    "stored with its outputs: set credentials in the environment (HF_TOKEN, AWS_*, the configuration "
                    "of fsspec), or download the file first"
                )
        return self

    def check(self) -> None:
        """Raise Misfit for sections that contradict each other."""
        roles = self.tokenizer.layout().roles()
        for role in ("bos", "eos"):
            if getattr(self.pack, role) and role not in roles:
                raise Misfit(f"it is true, and tokenizer.specials has no <|{role}|>: add the token", "pack", role)
        row_tokens, train = self.pack.row_tokens, self.train
        steps = 0
        for number, phase in enumerate(self.phases):
            location: Location = ("phases", number, "steps" if phase.steps else "tokens")
            try:
                steps += phase.whole_steps(train.batch_rows * row_tokens)
                location = ("phases", number, "mixture") if phase.mixture else ("mixture",)
                (phase.mixture or self.mixture).check_split(self.pack.strata)
            except OptionError as error:
                raise Misfit(str(error), *location) from None
        if steps * train.batch_rows * row_tokens > MAX_TOKENS:
            raise Misfit(f"{steps} steps have more than {MAX_TOKENS} tokens: lower them", "phases")
        if train.context not in (None, row_tokens):
            raise Misfit(f"it is {train.context}, and pack.row_tokens is {row_tokens}: remove it", "train", "context")
        if train.steps is not None and train.steps > steps:
            raise Misfit(f"it is {train.steps}, and the phases have {steps} steps: remove it", "train", "steps")
        prompt = train.generate.prompt_tokens or PROMPT_TOKENS
        if prompt >= row_tokens:
            location = ("train", "generate", "prompt_tokens")
            raise Misfit(f"it is {prompt}, and a row has {row_tokens} tokens: lower it", *location)


def is_embedded(path: str) -> bool:
    """Return True for a path in the embedded corpus."""
    return path.startswith("embedded:")


def input_paths(corpus: CorpusOptions) -> list[str]:
    """Return the inputs of a corpus as a list."""
    return [corpus.input] if isinstance(corpus.input, str) else list(corpus.input)


def packaged() -> dict[str, Path]:
    """Return the packaged recipes by name."""
    folder = Path(str(resources.files("pipelines").joinpath("recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """Return the file of a recipe, given its path or its name. Raises UsageError."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise UsageError(f"{path}: no such recipe file")
    recipes = packaged()
    if name in recipes:
        return recipes[name]
    raise UsageError(f"no recipe has the name '{name}'{did_you_mean(name, recipes)}; `arcorp recipes` lists them")


def load_recipe(path: Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and override values by `a.b=c` settings.

    Paths of inputs and evaluation sets are resolved against the recipe's folder. Raises UsageError with file and line.
    """
    data, lines = read_yaml(path)
    apply_settings(data, lines, settings)
    recipe = validate_options(Recipe, data, lines, str(path))
    if path not in packaged().values():
        recipe = _relative(recipe, path.parent)
    _refuse_missing(recipe, lines, str(path))
    return recipe


def _relative(recipe: Recipe, folder: Path) -> Recipe:
    """Return the recipe with its paths resolved against its folder."""
    corpora = [_corpus_relative_to(folder, corpus) for corpus in recipe.corpora]
    evaluation = [_relative_to(folder, path) for path in recipe.dedup.decontaminate]
    dedup = recipe.dedup.model_copy(update={"decontaminate": evaluation})
    return recipe.model_copy(update={"corpora": corpora, "dedup": dedup})


def _refuse_missing(recipe: Recipe, lines: Lines, what: str) -> None:
    """Raise UsageError for a missing file that is first read by a later stage."""
    for number, corpus in enumerate(recipe.corpora):
        if corpus.identify not in (None, "glotlid") and not Path(str(corpus.identify)).exists():
            missing = UsageError(f"there is no file {corpus.identify}: correct the path")
            raise refused(missing, ("corpora", number, "identify"), lines, what)
    if recipe.dedup.decontaminate:
        from pipelines.recipe.evaluation_sets import evaluation_files

        try:
            evaluation_files(recipe.dedup)
        except Exception as error:
            raise refused(error, ("dedup", "decontaminate"), lines, what) from None


def to_yaml(recipe: Recipe) -> str:
    """Return the recipe as YAML with all defaults. `load_recipe` reads it back to an equal recipe."""
    return yaml_text({key: value for key, value in recipe.canonical().items() if value is not None}, width=110)


def _corpus_relative_to(folder: Path, corpus: CorpusOptions) -> CorpusOptions:
    update: dict[str, Any] = {"input": [_relative_to(folder, path) for path in input_paths(corpus)]}
    if corpus.identify and corpus.identify != "glotlid":
        update["identify"] = _relative_to(folder, corpus.identify)
    return corpus.model_copy(update=update)


def _relative_to(folder: Path, path: str) -> str:
    return path if is_embedded(path) or "://" in path else str(folder / os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for an unknown user)
