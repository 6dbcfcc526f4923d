"""Recipes: the model, its options, estimates, and recipes for a user's own files."""

from pipelines.recipe.base import STAGES, Misfit, Options, StageName
from pipelines.recipe.budget import Budget, budget_of
from pipelines.recipe.corpus_options import (
    CorpusOptions,
    DedupOptions,
    EmbeddedOptions,
    IngestOptions,
    QualityOptions,
)
from pipelines.recipe.dataset_options import PackOptions, PhaseOptions, ScheduleOptions, Untrained
from pipelines.recipe.estimates import estimate, show_estimate
from pipelines.recipe.evaluate_options import EvaluateOptions
from pipelines.recipe.evaluation_sets import evaluation_files
from pipelines.recipe.init import Written, sentences_on_left_out, size_of, write_recipe
from pipelines.recipe.mixtures import sample_quotas, stratum_name
from pipelines.recipe.model import Recipe, find_recipe, input_paths, is_embedded, load_recipe, packaged, to_yaml
from pipelines.recipe.run_options import RunOptions, schedule_names
from pipelines.recipe.slurm_options import SlurmOptions
from pipelines.recipe.source_options import source_of
from pipelines.recipe.tokenizer_options import SampleOptions, TokenizerOptions
from pipelines.recipe.train_options import TrainOptions
from pipelines.recipe.translate_options import TranslateOptions
from pipelines.recipe.validation import did_you_mean, validate_options
from pipelines.recipe.yaml_lines import Lines, apply_settings, merge_mappings, read_yaml

__all__ = [
    "STAGES",
    "Budget",
    "CorpusOptions",
    "DedupOptions",
    "EmbeddedOptions",
    "EvaluateOptions",
    "IngestOptions",
    "Lines",
    "Misfit",
    "Options",
    "PackOptions",
    "PhaseOptions",
    "QualityOptions",
    "Recipe",
    "RunOptions",
    "SampleOptions",
    "ScheduleOptions",
    "SlurmOptions",
    "StageName",
    "TokenizerOptions",
    "TrainOptions",
    "TranslateOptions",
    "Untrained",
    "Written",
    "apply_settings",
    "budget_of",
    "did_you_mean",
    "estimate",
    "evaluation_files",
    "find_recipe",
    "input_paths",
    "is_embedded",
    "load_recipe",
    "merge_mappings",
    "packaged",
    "read_yaml",
    "sample_quotas",
    "schedule_names",
    "sentences_on_left_out",
    "show_estimate",
    "size_of",
    "source_of",
    "stratum_name",
    "to_yaml",
    "validate_options",
    "write_recipe",
]
