"""Quality filters: statistics of a text, thresholds of each profile, and rules for source code."""

from corpora.quality.classifier import Classifier, local_model
from corpora.quality.filter import Filter, Limits, Profiles
from corpora.quality.statistics import Meter
from corpora.quality.text_rules import failed_rule, fineweb_2

__all__ = ["Classifier", "Filter", "Limits", "Meter", "Profiles", "failed_rule", "fineweb_2", "local_model"]
