"""The web path built from unmodified datatrove 0.10.1 blocks: read, FineWeb-2's three filters, MinHash, write.

datatrove has no normalisation of Arabic; that step runs only in arcorp. MinHash hashes with sha1, since datatrove's
xxhash function fails with xxhash 4. There is one task, since one core is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.hashing import HashConfig

from corpora.quality import fineweb_2

LANGUAGE = "arb_Arab"
CONFIG = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(64, "sha1"))


def filters(language: str = LANGUAGE) -> list[Any]:
    """Return FineWeb-2's filters with its thresholds for a variety of Arabic."""
    rules = fineweb_2()[language]
    tops, repeated = rules.max_top_n_grams or (), rules.max_repeated_n_grams or ()
    return [
        GopherRepetitionFilter(
            dup_line_frac=rules.max_repeated_lines,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            top_n_grams=list(enumerate(tops, 2)),
            dup_n_grams=list(enumerate(repeated, 5)),
            language=language,
        ),
        FineWebQualityFilter(
            line_punct_thr=rules.min_terminal_lines,
            short_line_thr=999,
            char_duplicates_ratio=rules.max_repeated_line_chars,
            new_line_ratio=rules.max_newlines,
            language=language,
        ),
        GopherQualityFilter(
            min_avg_word_length=rules.min_length,
            max_avg_word_length=rules.max_length,
            max_non_alpha_words_ratio=rules.min_letter_words,
            min_stop_words=rules.min_stop_words,
            stop_words=list(rules.stop_words),
            language=language,
        ),
    ]


def run_stage(out: Path, name: str, tasks: int, *steps: Any) -> None:
    """Run steps as one stage in this process."""
    LocalPipelineExecutor(list(steps), tasks=tasks, workers=1, logging_dir=str(out / "logs" / name)).run()


def run(reader: Any, out: Path) -> int:
    """Filter and deduplicate the documents of a reader into Parquet files in `out`/unique.

    Returns the number of documents that were written.
    """

    def step(name: str) -> str:
        return str(out / name)

    run_stage(out, "filter", 1, reader, *filters(), ParquetWriter(step("kept")))
    run_stage(out, "signature", 1, ParquetReader(step("kept")), MinhashDedupSignature(step("sigs"), CONFIG, LANGUAGE))
    run_stage(out, "buckets", CONFIG.num_buckets, MinhashDedupBuckets(step("sigs"), step("buckets"), config=CONFIG))
    run_stage(out, "cluster", 1, MinhashDedupCluster(step("buckets"), step("remove"), config=CONFIG))
    writer = ParquetWriter(step("unique"))
    run_stage(out, "write", 1, ParquetReader(step("kept")), MinhashDedupFilter(step("remove")), writer)
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in (out / "unique").glob("*.parquet"))
