"""Exact deduplication, near-duplicates (MinHash), and decontamination from evaluation sets."""

from corpora.dedup.decontaminate import evaluation_inputs, evaluation_name, read_evaluation
from corpora.dedup.exact import DECISION, FINGERPRINT, DedupRules, apply_decisions, decide, fingerprints
from corpora.dedup.minhash import BLOCKS, SETTINGS, band_keys

__all__ = [
    "BLOCKS",
    "DECISION",
    "FINGERPRINT",
    "SETTINGS",
    "DedupRules",
    "apply_decisions",
    "band_keys",
    "decide",
    "evaluation_inputs",
    "evaluation_name",
    "fingerprints",
    "read_evaluation",
]
