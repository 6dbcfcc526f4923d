"""Deduplication over all parts of all sources, exact or near; repeated spans; decontamination from evaluation sets.

The result does not depend on the number of workers. Of equal texts and near-duplicates the first document is kept, in
the order of the corpora in the recipe, then of parts, then of rows; a recipe lists the most trusted corpus first. A
document that repeats an id with another text is dropped too, because ids are unique in a dataset. A document that
contains a passage of an evaluation set is dropped for that reason; its keys must be zeros, so that it connects no
other documents. Spans that occur elsewhere may be cut out of the documents that are kept.

Steps: `fingerprints` of each part (with `sketches` and `Evaluation.find`), sorted by key; `equal_pairs` of each
kind and range of keys; one `decide` for all parts; `apply_decisions` and `dropped_documents` of each part. All but
`decide` run in parallel.
"""

from corpora.dedup.applying import DedupRules, apply_decisions
from corpora.dedup.clusters import CLUSTERS, DROPPED, dropped_documents
from corpora.dedup.decisions import DECISION, KEPT, Documents, Proof, Rules
from corpora.dedup.decontaminate import read_evaluation
from corpora.dedup.evaluation_files import evaluation_inputs, evaluation_name
from corpora.dedup.exact import FINGERPRINT, fingerprints, name_keys
from corpora.dedup.gathering import decide
from corpora.dedup.keys import (
    NARROW,
    WIDE,
    Keys,
    bounds_of,
    equal_pairs,
    narrow_keys,
    ranges_of,
    wide_keys,
)
from corpora.dedup.minhash import BLOCKS, SETTINGS, band_keys, sketches
from corpora.dedup.records import PAIR, blocks_of
from corpora.dedup.spans import CUT, SPAN, Spans, cut_spans, repeated_spans, span_hashes

__all__ = [
    "BLOCKS",
    "CLUSTERS",
    "CUT",
    "DECISION",
    "DROPPED",
    "FINGERPRINT",
    "KEPT",
    "NARROW",
    "PAIR",
    "SETTINGS",
    "SPAN",
    "WIDE",
    "DedupRules",
    "Documents",
    "Keys",
    "Proof",
    "Rules",
    "Spans",
    "apply_decisions",
    "band_keys",
    "blocks_of",
    "bounds_of",
    "cut_spans",
    "decide",
    "dropped_documents",
    "equal_pairs",
    "evaluation_inputs",
    "evaluation_name",
    "fingerprints",
    "name_keys",
    "narrow_keys",
    "ranges_of",
    "read_evaluation",
    "repeated_spans",
    "sketches",
    "span_hashes",
    "wide_keys",
]
