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
from pipelines.recipe.base import STAGES, Misfit, Name, Options, SeedInt
from pipelines.recipe.chat_specials import check_specials
from pipelines.recipe.corpus_options import (
    CleanOptions,
    CorpusOptions,
    DedupOptions,
    EmbeddedOptions,
    IngestOptions,
    QualityOptions,
)
from pipelines.recipe.dataset_options import ChatOptions, PackOptions, PhaseOptions, ScheduleOptions
from pipelines.recipe.evaluate_options import EvaluateOptions
from pipelines.recipe.run_options import RunOptions, check_order, with_defaults
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
    chat: ChatOptions = Field(ChatOptions(), description="what of conversations is trained on")
    pack: PackOptions = Field(PackOptions(), description="packing into rows")
    mixture: Mixture = Field(Mixture(), description="mixture of the training data")
    phases: list[PhaseOptions] | None = Field(
        None, min_length=1, description="phases of training, in order; needed from the stage pack on, except with runs"
    )
    train: TrainOptions = Field(TrainOptions(), description="model and its training; with runs, their defaults")
    runs: list[RunOptions] | None = Field(
        None, min_length=1, description="runs that follow each other, in place of phases: base, mid, sft"
    )
    evaluate: EvaluateOptions = Field(EvaluateOptions(), description="scores of each trained model on tasks")
    slurm: SlurmOptions = Field(SlurmOptions(), description="jobs of `--executor slurm`")

    @model_validator(mode="before")
    @classmethod
    def _complete_runs(cls, values: Any) -> Any:
        """Complete each run's `train` by the values of the recipe's."""
        if not isinstance(values, dict) or not isinstance(values.get("runs"), list):
            return values
        given = values.get("train")
        defaults = {k: v for k, v in given.items() if k != "init_from"} if isinstance(given, dict) else {}
        runs = [
            {**run, "train": with_defaults(run.get("train", {}), defaults)} if isinstance(run, dict) else run
            for run in values["runs"]
        ]
        return {**values, "runs": runs}

    @model_validator(mode="after")
    def _check_names(self) -> Recipe:
        for run in self.all_runs:
            names = [phase.name for phase in run.phases or ()]
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

    def ingest_options(self, corpus: CorpusOptions) -> IngestOptions:
        """Return the options of the stage that reads a corpus."""
        values = {name: getattr(corpus, name) for name in IngestOptions.model_fields if hasattr(corpus, name)}
        quality = self.quality.model_copy(update={"profile": corpus.profile or self.quality.profile})
        return IngestOptions(**values, clean=self.clean, quality=quality)

    @property
    def all_runs(self) -> tuple[RunOptions, ...]:
        """The runs in order: those of `runs`, or the one of `phases` and `train`."""
        if self.runs is not None:
            return tuple(self.runs)
        return (RunOptions.model_construct(name="run", phases=self.phases, train=self.train),)

    @property
    def all_phases(self) -> list[PhaseOptions]:
        """The phases of all runs, in order. A run with a schedule of its own has none here."""
        return [phase for run in self.all_runs for phase in run.phases or ()]

    def schedule_options(self, run: RunOptions) -> ScheduleOptions:
        """Return the options of a run's schedule. It has phases."""
        return ScheduleOptions(batch_rows=run.train.batch_rows, mixture=self.mixture, phases=run.phases or [])

    def check_phases(self, until: str | None) -> None:
        """Raise UsageError if the recipe has no phases, and `until`, the last stage of a build, needs some."""
        needed = STAGES.index("pack")
        if self.phases is None and self.runs is None and (until is None or STAGES.index(until) >= needed):
            raise UsageError(
                f"recipe '{self.name}' has no phases: add them, such as phases: [{{name: all, steps: 1000}}], or add "
                f"runs with phases, or stop earlier with --until {STAGES[needed - 1]}"
            )

    def check(self) -> None:
        """Raise Misfit for sections that contradict each other."""
        check_specials([corpus.source for corpus in self.corpora], self.tokenizer)
        try:
            self.pack.for_roles(self.tokenizer.layout().roles())
        except Misfit as error:
            raise Misfit(str(error), "pack", *error.location) from None
        if self.runs is None:
            self._check_run(self.all_runs[0], ())
            return
        if self.phases is not None:
            raise Misfit("the recipe has runs, which have phases of their own: remove phases, or runs", "phases")
        if self.train.init_from is not None:
            raise Misfit("the recipe has runs: give it to the run that starts there", "train", "init_from")
        try:
            check_order(self.runs)
        except Misfit as error:
            raise Misfit(str(error), "runs", *error.location) from None
        for number, run in enumerate(self.runs):
            self._check_run(run, ("runs", number))

    def _check_run(self, run: RunOptions, place: Location) -> None:
        """Raise Misfit for a run that does not fit the dataset. place: of its section, () for the recipe itself."""
        row_tokens, train = self.pack.row_tokens, run.train
        steps = 0
        for number, phase in enumerate(run.phases or ()):
            location: Location = (*place, "phases", number, "steps" if phase.steps else "tokens")
            try:
                steps += phase.whole_steps(train.batch_rows * row_tokens)
                location = (*place, "phases", number, "mixture") if phase.mixture else ("mixture",)
                (phase.mixture or self.mixture).check_split(self.pack.strata)
            except OptionError as error:
                raise Misfit(str(error), *location) from None
        if steps * train.batch_rows * row_tokens > MAX_TOKENS:
            raise Misfit(f"{steps} steps have more than {MAX_TOKENS} tokens: lower them", *place, "phases")
        if run.phases is not None and train.steps is not None and train.steps > steps:
            message = f"it is {train.steps}, and the phases have {steps} steps: remove it"
            raise Misfit(message, *place, "train", "steps")
        prompt = train.generate.prompt_tokens or PROMPT_TOKENS
        if prompt >= row_tokens:
            message = f"it is {prompt}, and a row has {row_tokens} tokens: lower it"
            raise Misfit(message, *place, "train", "generate", "prompt_tokens")


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
    quality = recipe.quality
    if quality.classifier:
        model = _relative_to(folder, quality.classifier.model)
        quality = quality.model_copy(update={"classifier": quality.classifier.model_copy(update={"model": model})})
    return recipe.model_copy(update={"corpora": corpora, "quality": quality, "dedup": dedup})


def _refuse_missing(recipe: Recipe, lines: Lines, what: str) -> None:
    """Raise UsageError for a missing file that is first read by a later stage."""
    for number, corpus in enumerate(recipe.corpora):
        if corpus.identify not in (None, "glotlid") and not Path(str(corpus.identify)).exists():
            missing = UsageError(f"there is no file {corpus.identify}: correct the path")
            raise refused(missing, ("corpora", number, "identify"), lines, what)
    classifier = recipe.quality.classifier
    if classifier and "://" not in classifier.model and not Path(classifier.model).exists():
        missing = UsageError(f"there is no file {classifier.model}: correct the path")
        raise refused(missing, ("quality", "classifier", "model"), lines, what)
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
    if corpus.translate:
        update["translate"] = corpus.translate.relative_to(folder)
    return corpus.model_copy(update=update)


def _relative_to(folder: Path, path: str) -> str:
    return path if is_embedded(path) or "://" in path else str(folder / os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for an unknown user)
