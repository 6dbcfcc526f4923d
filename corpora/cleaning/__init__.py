"""Normalisation, masking of personal data, and language identification, as steps of a pipeline."""

from corpora.cleaning.clean_step import Clean
from corpora.cleaning.language_id import Identify
from corpora.cleaning.normalisation import Normalisation, normalise
from corpora.cleaning.pii import MaskPersonalData

__all__ = ["Clean", "Identify", "MaskPersonalData", "Normalisation", "normalise"]
