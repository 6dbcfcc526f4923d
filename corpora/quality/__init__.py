"""Quality filters: statistics of a text, thresholds of each profile, and rules for source code."""

from corpora.quality.filter import Filter, Limits, profiles_of
from corpora.quality.statistics import Meter
from corpora.quality.text_rules import failed_rule, fineweb_2

__all__ = ["Filter", "Limits", "Meter", "failed_rule", "fineweb_2", "profiles_of"]
