"""Recipes: a whole dataset, and the model trained on it, in one YAML file.

Read strictly: an unknown key, a wrong type or a key given twice is refused with the file, the line and, where one is
near, the key that was meant. `include: other.yaml` is read first and overridden; `--set a.b=c` comes last.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from corpora.addresses import bare, has_secrets
from pipelines.errors import UsageError, as_failure
from pipelines.recipe.options import (
    CleanOptions,
    CorpusOptions,
    DedupOptions,
    EmbeddedOptions,
    Misfit,
    MixtureOptions,
    Name,
    Options,
    PackOptions,
    PhaseOptions,
    QualityOptions,
    SeedInt,
    SlurmOptions,
    TokenizerOptions,
    TrainOptions,
)
from pipelines.texts import unusable, yaml_text
from sharding.errors import OptionError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
Lines = dict[Location, str]
"""Where each key stands: ("pack", "row_tokens") -> "recipe.yaml:12"."""


MOST_TOKENS = 2**60
"""Of a whole run: positions are counted in 64 bits."""
PROMPT_TOKENS = 16
"""The trainer's own default (`training/config.py`)."""


class Recipe(Options):
    """A dataset from raw text to a trained model. Sections are the options of the stages."""

    name: Name = Field(description="name of the recipe, and of what it builds")
    description: str = Field("", description="one line on what it is for")
    seed: SeedInt = Field(42, description="seed of every choice: samples, validation, order, weights")
    embedded: EmbeddedOptions | None = Field(None, description="write the embedded corpus first")
    corpora: list[CorpusOptions] = Field(min_length=1, description="what goes in, the most trusted first")
    clean: CleanOptions = Field(CleanOptions(), description="normalisation of the text")
    quality: QualityOptions = Field(QualityOptions(), description="which documents are kept")
    dedup: DedupOptions = Field(DedupOptions(), description="deduplication across corpora")
    tokenizer: TokenizerOptions = Field(TokenizerOptions(), description="training of the tokenizer")
    pack: PackOptions = Field(PackOptions(), description="packing into rows")
    mixture: MixtureOptions = Field(MixtureOptions(), description="how much of what is trained on")
    phases: list[PhaseOptions] = Field(min_length=1, description="the schedule: phases in order")
    train: TrainOptions = Field(TrainOptions(), description="the model and its training")
    slurm: SlurmOptions = Field(SlurmOptions(), description="the jobs of `--executor slurm`")

    @model_validator(mode="after")
    def _names_are_single(self) -> Recipe:
        names = [phase.name for phase in self.phases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two phases are called '{twice}'")
        if self.embedded is None and any(is_embedded(path) for corpus in self.corpora for path in input_paths(corpus)):
            raise ValueError("an input is 'embedded:...', so the recipe needs a section 'embedded'")
        return self

    @model_validator(mode="after")
    def _keeps_no_secret(self) -> Recipe:
        given: list[Any] = [path for corpus in self.corpora for path in input_paths(corpus)]
        given += [value for corpus in self.corpora for value in (corpus.identify, *corpus.options.values())]
        for address in [*given, *self.dedup.decontaminate]:
            if isinstance(address, str) and has_secrets(address):
                raise ValueError(
                    f"{bare(address)} is given with a user, a password, a query or a fragment, and a recipe is kept "
                    "with what is built of it: log in by the environment (HF_TOKEN, AWS_*, the configuration of "
                    "fsspec), or fetch the file first"
                )
        return self

    def check(self) -> None:
        """What one section asks of another."""
        roles = self.tokenizer.layout().roles()
        for role in ("bos", "eos"):
            if getattr(self.pack, role) and role not in roles:
                raise Misfit(f"it is on, and tokenizer.specials has no <|{role}|>: add it there", "pack", role)
        row_tokens, train = self.pack.row_tokens, self.train
        steps = 0
        for number, phase in enumerate(self.phases):
            at: Location = ("phases", number, "steps" if phase.steps else "tokens")
            try:
                steps += phase.phase().whole_steps(train.batch_rows * row_tokens)
                at = ("phases", number, "mixture") if phase.mixture else ("mixture",)
                (phase.mixture or self.mixture).mixture().check_split(self.pack.strata)
            except OptionError as error:
                raise Misfit(str(error), *at) from None
        if steps * train.batch_rows * row_tokens > MOST_TOKENS:
            raise Misfit(f"{steps} steps are more than {MOST_TOKENS} tokens: take fewer", "phases")
        if train.context not in (None, row_tokens):
            raise Misfit(f"it is {train.context}, and pack.row_tokens {row_tokens}: leave it out", "train", "context")
        if train.steps is not None and train.steps > steps:
            raise Misfit(f"it is {train.steps}, and the phases have {steps}: leave it out", "train", "steps")
        prompt = train.generate.prompt_tokens or PROMPT_TOKENS
        if prompt >= row_tokens:
            at = ("train", "generate", "prompt_tokens")
            raise Misfit(f"it is {prompt}, and a row has {row_tokens} tokens: take fewer", *at)


def is_embedded(path: str) -> bool:
    return path.startswith("embedded:")


def input_paths(corpus: CorpusOptions) -> list[str]:
    """The inputs of a corpus, as a list."""
    return [corpus.input] if isinstance(corpus.input, str) else list(corpus.input)


def packaged() -> dict[str, Path]:
    """The recipes that come with arcorp, by name."""
    folder = Path(str(resources.files("pipelines").joinpath("recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """A recipe's file, from its path or its name. Raises UsageError."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise UsageError(f"{path}: there is no such recipe file")
    known = packaged()
    if name in known:
        return known[name]
    raise UsageError(f"no recipe is called '{name}'{did_you_mean(name, known)}; `arcorp recipes` lists them")


def load_recipe(path: Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe and set `a.b=c` settings over it. Inputs and evaluation sets become relative to the recipe's
    folder.

    Raises UsageError, with file and line.
    """
    data, lines = read_yaml(path)
    apply_settings(data, lines, settings)
    recipe = validate_options(Recipe, data, lines, str(path))
    if path not in packaged().values():
        recipe = _relative(recipe, path.parent)
    _refuse_missing(recipe, lines, str(path))
    return recipe


def _relative(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with its files relative to the folder it lies in."""
    corpora = [_corpus_relative_to(folder, corpus) for corpus in recipe.corpora]
    evaluation = [_relative_to(folder, one) for one in recipe.dedup.decontaminate]
    dedup = recipe.dedup.model_copy(update={"decontaminate": evaluation})
    return recipe.model_copy(update={"corpora": corpora, "dedup": dedup})


def _refuse_missing(recipe: Recipe, lines: Lines, what: str) -> None:
    """Refuse files that a stage after the first needs and that are not there. Raises UsageError."""
    for number, corpus in enumerate(recipe.corpora):
        if corpus.identify not in (None, "glotlid") and not Path(str(corpus.identify)).exists():
            at = _where(("corpora", number, "identify"), lines, what)
            raise UsageError(f"{at}: corpora.{number}.identify: there is no file {corpus.identify}; write its path")
    if recipe.dedup.decontaminate:
        from pipelines.recipe.evaluation_sets import evaluation_files

        try:
            evaluation_files(recipe.dedup)
        except Exception as error:
            raise _refused(error, ("dedup", "decontaminate"), lines, what) from None


def to_yaml(recipe: Recipe) -> str:
    """The recipe with every default written out; reads back to an equal recipe."""
    return yaml_text({key: value for key, value in recipe.canonical().items() if value is not None}, width=110)


def _corpus_relative_to(folder: Path, corpus: CorpusOptions) -> CorpusOptions:
    update: dict[str, Any] = {"input": [_relative_to(folder, one) for one in input_paths(corpus)]}
    if corpus.identify and corpus.identify != "glotlid":
        update["identify"] = _relative_to(folder, corpus.identify)
    return corpus.model_copy(update=update)


def _relative_to(folder: Path, path: str) -> str:
    return path if is_embedded(path) or "://" in path else str(folder / os.path.expanduser(path))  # noqa: PTH111 (Path's raises for a user that there is none of)


def validate_options(model: type[Model], data: Any, lines: Lines, what: str) -> Model:
    """`data` as a `model`, checked by the packages that will use it. Raises UsageError with one sentence on the first
    thing wrong.
    """
    try:
        options = model.model_validate(data)
        _check(options, (), lines, what)
        return options
    except ValidationError as error:
        # an unknown key is most likely the cause of what else is said to be missing
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        problem = problems[0]
        at = _without_tags(problem["loc"], data)
        where = _where(at, lines, what)
        name = ".".join(map(str, at))
        if problem["type"] == "extra_forbidden":
            parent = ".".join(map(str, at[:-1]))
            hint = did_you_mean(str(at[-1]), _fields(model, at[:-1]))
            raise UsageError(f"{where}: unknown key '{at[-1]}'{f' in {parent}' if parent else ''}{hint}") from None
        if problem["type"] == "missing":
            raise UsageError(f"{where}: '{name}' is missing") from None
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
        given = problem["input"] if isinstance(problem["input"], str | int | float | bool) else None
        if isinstance(given, int) and given.bit_length() > 64:  # Python may refuse to write it out
            given = f"a number of {given.bit_length()} bits"
        shown = f" (it is {given!r})" if given is not None else ""
        raise UsageError(f"{where}: {name + ': ' if name else ''}{message[0].lower() + message[1:]}{shown}") from None


def _check(options: Any, at: Location, lines: Lines, what: str) -> None:
    """Let each section, the innermost first, make what its package makes of it. Raises UsageError."""
    if isinstance(options, Mapping | BaseModel):
        for key, value in dict(options).items():
            _check(value, (*at, key), lines, what)
    elif isinstance(options, list):
        for index, value in enumerate(options):
            _check(value, (*at, index), lines, what)
    if isinstance(options, Options):
        try:
            options.check()
        except Exception as error:
            raise _refused(error, at, lines, what) from None


def _refused(error: Exception, at: Location, lines: Lines, what: str) -> Exception:
    """The UsageError on a section that a package refuses; `error` itself if that is a bug."""
    if as_failure(error) is None and not isinstance(error, ValueError):
        return error
    at = (*at, *getattr(error, "at", ()))
    name = ".".join(map(str, at))
    return UsageError(f"{_where(at, lines, what)}: {name + ': ' if name else ''}{error}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f": did you mean '{near[0]}'?" if near else ""


def _without_tags(location: Location, data: Any) -> Location:
    """A pydantic location less the names of union members, which are no keys of the data."""
    kept: list[str | int] = []
    for step in location:
        if isinstance(data, Mapping) and (step in data or step == location[-1]):
            kept.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            kept.append(step)
            data = data[step]
    return tuple(kept)


def _where(location: Location, lines: Lines, default: str) -> str:
    """File and line of a key, or of the nearest key around it."""
    for end in range(len(location), 0, -1):
        if location[:end] in lines:
            return lines[location[:end]]
    return default


def _fields(model: type[BaseModel], location: Location) -> list[str]:
    """Keys known at a location: follows the models down."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def models(node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            return models(definitions[node["$ref"].rsplit("/", 1)[1]])
        inner = [found for one in node.get("anyOf", []) + node.get("allOf", []) for found in models(one)]
        return [node, *inner]

    nodes = models(schema)
    for step in location:
        following: list[dict[str, Any]] = []
        for node in nodes:
            if isinstance(step, int) and "items" in node:
                following += models(node["items"])
            elif step in node.get("properties", {}):
                following += models(node["properties"][step])
            elif isinstance(node.get("additionalProperties"), dict):
                following += models(node["additionalProperties"])
        nodes = following
    return [name for node in nodes for name in node.get("properties", {})]


# -- YAML with line numbers -------------------------------------------------------------------------------

INDEX = re.compile("[0-9]{1,9}")
DEEPEST, MOST = 50, 100_000
"""Levels, and keys and items, of a recipe."""


def read_yaml(path: Path, within: tuple[Path, ...] = ()) -> tuple[dict[str, Any], Lines]:
    """A YAML mapping with its includes, and where each key stands. Raises UsageError."""
    if path.resolve() in within:
        raise UsageError(f"{path} includes itself, through {within[-1].name}")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UsageError(f"{path}{line}: not YAML: {problem}") from None
    lines: Lines = {}
    data = _plain(node, path, (), lines)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: a mapping of keys is wanted, and this is {'empty' if data is None else 'none'}")
    included = data.pop("include", [])
    if not isinstance(included, str | list):
        raise UsageError(f"{path}: 'include' is a path or a list of paths, not {included!r}")
    merged: dict[str, Any] = {}
    merged_lines: Lines = {}
    for name in [included] if isinstance(included, str) else included:
        below, below_lines = read_yaml(path.parent / str(name), (*within, path.resolve()))
        merge_mappings(merged, below)
        merged_lines |= below_lines
    merge_mappings(merged, data)
    return merged, merged_lines | lines


def _plain(node: Any, path: Path, at: Location, lines: Lines) -> Any:
    """A YAML node as plain data, noting lines; PyYAML alone would let the last of two equal keys win."""
    if node is None:
        return None
    if len(at) > DEEPEST or len(lines) > MOST:  # aliases can make either out of a few bytes
        raise UsageError(f"{path}:{node.start_mark.line + 1}: more than a recipe can be: look at its aliases")
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(f"{path}:{key_node.start_mark.line + 1}: a key is a word, not a list or a mapping")
            key = _scalar(key_node, path)
            if key in result:
                raise UsageError(f"{path}:{key_node.start_mark.line + 1}: key '{key}' is given twice")
            lines[(*at, key)] = f"{path}:{key_node.start_mark.line + 1}"
            result[key] = _plain(value_node, path, (*at, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = f"{path}:{item.start_mark.line + 1}"
        return [_plain(item, path, (*at, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node, path)


def _scalar(node: Any, path: Path) -> Any:
    if unfit := unusable(node.value):
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} can't be used: {unfit}")
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as error:  # a tag that isn't known, a date that there is none of
        why = getattr(error, "problem", None) or error
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} can't be read: {why}") from None


def merge_mappings(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay `above` over `below`, mappings into mappings; lists and values replace."""
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            merge_mappings(below[key], value)
        else:
            below[key] = value


def apply_settings(data: dict[str, Any], lines: Lines, settings: Iterable[str]) -> None:
    """Apply `a.b=c` settings; numbers address list items; values are YAML. Raises UsageError."""
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {setting}: it should be key=value, as in --set pack.row_tokens=512")
        if why := unusable(setting):
            raise UsageError(f"--set {setting}: {why}")
        try:
            value = _plain(yaml.compose(text, Loader=yaml.SafeLoader), Path(f"--set {setting}"), (), {})
        except (yaml.YAMLError, RecursionError):
            raise UsageError(f"--set {setting}: {text!r} is not a YAML value") from None
        steps: list[str | int] = [int(step) if INDEX.fullmatch(step) else step for step in name.split(".")]
        place: Any = data
        try:
            for step in steps[:-1]:
                place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
            place[steps[-1]] = value
        except (IndexError, TypeError, KeyError):
            raise UsageError(f"--set {setting}: there is nothing at '{name}'") from None
        lines[tuple(steps)] = f"--set {setting}"
