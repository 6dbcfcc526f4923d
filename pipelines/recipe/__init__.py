"""Recipes: the model, its options, estimates, and recipes for a user's own files."""

from pipelines.recipe.budget import Budget, budget_of
from pipelines.recipe.estimates import estimate, show_estimate
from pipelines.recipe.evaluation_sets import evaluation_files
from pipelines.recipe.init import write_recipe
from pipelines.recipe.mixtures import sample_quotas, stratum_name
from pipelines.recipe.model import (
    Lines,
    Recipe,
    apply_settings,
    find_recipe,
    input_paths,
    is_embedded,
    load_recipe,
    merge_mappings,
    packaged,
    read_yaml,
    to_yaml,
    validate_options,
)
from pipelines.recipe.options import (
    DedupOptions,
    EmbeddedOptions,
    IngestOptions,
    MixtureOptions,
    Options,
    PackOptions,
    QualityOptions,
    SampleOptions,
    ScheduleOptions,
    SlurmOptions,
    Special,
    TokenizerOptions,
    TrainOptions,
)
from pipelines.recipe.source_options import source_of

__all__ = [
    "Budget",
    "DedupOptions",
    "EmbeddedOptions",
    "IngestOptions",
    "Lines",
    "MixtureOptions",
    "Options",
    "PackOptions",
    "QualityOptions",
    "Recipe",
    "SampleOptions",
    "ScheduleOptions",
    "SlurmOptions",
    "Special",
    "TokenizerOptions",
    "TrainOptions",
    "apply_settings",
    "budget_of",
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
