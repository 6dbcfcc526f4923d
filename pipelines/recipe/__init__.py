"""Recipes: the model, its options, estimates, and recipes for a user's own files."""

from pipelines.recipe.base import STAGES, Options, StageName
from pipelines.recipe.budget import Budget, budget_of
from pipelines.recipe.corpus_options import DedupOptions, EmbeddedOptions, IngestOptions, QualityOptions
from pipelines.recipe.dataset_options import PackOptions, PhaseOptions, ScheduleOptions
from pipelines.recipe.estimates import estimate, show_estimate
from pipelines.recipe.evaluation_sets import evaluation_files
from pipelines.recipe.init import write_recipe
from pipelines.recipe.mixtures import sample_quotas, stratum_name
from pipelines.recipe.model import Recipe, find_recipe, input_paths, is_embedded, load_recipe, packaged, to_yaml
from pipelines.recipe.slurm_options import SlurmOptions
from pipelines.recipe.source_options import source_of
from pipelines.recipe.tokenizer_options import SampleOptions, TokenizerOptions
from pipelines.recipe.train_options import TrainOptions
from pipelines.recipe.validation import did_you_mean, validate_options
from pipelines.recipe.yaml_lines import Lines, apply_settings, merge_mappings, read_yaml

__all__ = [
    "STAGES",
    "Budget",
    "DedupOptions",
    "EmbeddedOptions",
    "IngestOptions",
    "Lines",
    "Options",
    "PackOptions",
    "PhaseOptions",
    "QualityOptions",
    "Recipe",
    "SampleOptions",
    "ScheduleOptions",
    "SlurmOptions",
    "StageName",
    "TokenizerOptions",
    "TrainOptions",
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
    "show_estimate",
    "source_of",
    "stratum_name",
    "to_yaml",
    "validate_options",
    "write_recipe",
]
