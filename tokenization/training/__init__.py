"""The training of a tokenizer: the choice of a sample, the counts of its pre-tokens, and the merges.

Used by the tokenizer stage and by the vocabulary curve of the fertility report. The import needs numba.
"""

from tokenization.training.bpe import train_merges
from tokenization.training.counts import (
    PretokenCounts,
    count_in_runs,
    count_pretokens,
    load_counts,
    merge_counts,
    save_counts,
)
from tokenization.training.morpheme_boundaries import boundary_flags, split_clitics, word_counts
from tokenization.training.sample import (
    ENTRY,
    DuplicateId,
    Entries,
    Sample,
    available_chars,
    choose_sample,
    sample_entries,
    sampled_text,
)

__all__ = [
    "ENTRY",
    "DuplicateId",
    "Entries",
    "PretokenCounts",
    "Sample",
    "available_chars",
    "boundary_flags",
    "choose_sample",
    "count_in_runs",
    "count_pretokens",
    "load_counts",
    "merge_counts",
    "sample_entries",
    "sampled_text",
    "save_counts",
    "split_clitics",
    "train_merges",
    "word_counts",
]
