"""The chain of stock datatrove blocks: read, filter and deduplicate where asked, tokenize, merge and shuffle.

Documents are encoded by `tokenizers` with the same tokenizer.json, appended to one another with an end token, shuffled
when written and again when merged, as datatrove's examples have it. Nothing is normalised, hashed or verified.
"""

from __future__ import annotations

from pathlib import Path

from datatrove.pipeline.readers import JsonlReader, ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer, DocumentTokenizerMerger

from benchmarks.corpora import stock


def fineweb(folder: Path, out: Path, tokenizer: Path) -> int:
    """FineWeb-2's path. Returns the tokens written."""
    return _shards(ParquetReader(str(folder)), out, tokenizer)


def oscar(folder: Path, out: Path, tokenizer: Path) -> int:
    """OSCAR's path: FineWeb-2's filters, MinHash."""
    reader = JsonlReader(str(folder), text_key="content", glob_pattern="**/*.jsonl.zst")
    stock.run(reader, out)
    return _shards(ParquetReader(str(out / "unique")), out, tokenizer)


def _shards(reader: object, out: Path, tokenizer: Path) -> int:
    encode = DocumentTokenizer(
        str(out / "tokens"),
        local_working_dir=str(out / "scratch"),
        tokenizer_name_or_path=str(tokenizer / "tokenizer.json"),
        eos_token="<|eos|>",
        seed=42,
    )
    stock.run_stage(out, "tokens", 1, reader, encode)
    merge = DocumentTokenizerMerger(str(out / "tokens"), str(out / "dataset"), save_filename="train", seed=42)
    stock.run_stage(out, "merge", 1, merge)
    return sum(path.stat().st_size for path in (out / "dataset").glob("*.ds")) // 2
