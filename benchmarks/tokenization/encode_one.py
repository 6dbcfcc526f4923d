"""One encoding in one process: `python -m benchmarks.tokenization.encode_one ENGINE TOKENIZER OUT FOLDER...`.

    stage       Parquet to sealed token files, as `arcorp tokenize`, with one worker for each available core
    fastokens, tiktoken, tokenizers
                strings in memory to an array of 16-bit ids
    datatrove   Parquet to its token files, by DocumentTokenizer

Prints seconds, bytes of text, peak memory, and a digest of all ids in order, by which engines are compared. Imports,
compilation and the start of workers are not measured.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import start_workers
from benchmarks.tokenization import corpus
from benchmarks.tokenization.timed import Timer, peak_bytes
from pipelines.run import Context, run_stage
from pipelines.stages.tokenize import tokenize_stage

BATCH_CHARS = 4_000_000


def stage(tokenizer: Path, out: Path, folders: list[Path]) -> tuple[Timer, list[bytes]]:
    run_stage(tokenize_stage(out.with_name(f"{out.name}-warm"), folders[-1:], tokenizer), Context(1))
    workers = len(os.sched_getaffinity(0))
    start_workers(workers)
    with Timer() as timer:
        run_stage(tokenize_stage(out, folders, tokenizer), Context(workers))
    return timer, [path.read_bytes() for path in sorted(out.glob("part-*.bin"))]


def fastokens(tokenizer: Path, _: Path, folders: list[Path]) -> tuple[Timer, list[bytes]]:
    import fastokens

    engine = fastokens.Tokenizer.from_json_str((tokenizer / "tokenizer.json").read_text())
    texts = corpus.texts(folders)
    encoded = []
    with Timer() as timer:
        for batch in _batches(texts):
            ids, _ = engine.encode_batch_flat(batch, False, True)
            encoded.append(np.frombuffer(ids, "<u4").astype("<u2").tobytes())
    return timer, encoded


def tiktoken(tokenizer: Path, _: Path, folders: list[Path]) -> tuple[Timer, list[bytes]]:
    import tiktoken

    meta = json.loads((tokenizer / "tokenizer_meta.json").read_bytes())
    lines = [line.split() for line in (tokenizer / "tokenizer.tiktoken").read_bytes().splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    engine = tiktoken.Encoding("ours", pat_str=meta["pattern"], mergeable_ranks=ranks, special_tokens={})
    texts = corpus.texts(folders)
    with Timer() as timer:
        encoded = [np.array(engine.encode_ordinary(text), "<u2").tobytes() for text in texts]
    return timer, encoded


def tokenizers(tokenizer: Path, _: Path, folders: list[Path]) -> tuple[Timer, list[bytes]]:
    from tokenizers import Tokenizer

    engine = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    texts = corpus.texts(folders)
    with Timer() as timer:
        encoded = [
            np.array(encoding.ids, "<u2").tobytes()
            for batch in _batches(texts)
            for encoding in engine.encode_batch_fast(batch, add_special_tokens=False)
        ]
    return timer, encoded


def datatrove(tokenizer: Path, out: Path, folders: list[Path]) -> tuple[Timer, list[bytes]]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    source = str(tokenizer / "tokenizer.json")
    steps = [
        [
            ParquetReader(str(folder), glob_pattern="part-*.parquet"),
            DocumentTokenizer(str(out / folder.name), source, shuffle_documents=False),
        ]
        for folder in folders
    ]
    with Timer() as timer:
        for number, pipeline in enumerate(steps):
            LocalPipelineExecutor(pipeline, logging_dir=str(out / f"logs-{number}")).run()
    return timer, [path.read_bytes() for folder in folders for path in sorted((out / folder.name).glob("*.ds"))]


def _batches(texts: list[str]) -> list[list[str]]:
    batches, chars = [[""]], 0
    for text in texts:
        chars += len(text)
        if chars > BATCH_CHARS:
            batches.append([])
            chars = len(text)
        batches[-1].append(text)
    return batches


ENGINES: dict[str, Callable[[Path, Path, list[Path]], tuple[Timer, list[bytes]]]] = {
    each.__name__: each for each in (stage, fastokens, tiktoken, tokenizers, datatrove)
}


def main() -> None:
    engine, tokenizer, out, *names = sys.argv[1:]
    folders = [Path(name) for name in names]
    timer, ids = ENGINES[engine](Path(tokenizer), Path(out), folders)
    result: dict[str, Any] = {**timer.seconds(), "bytes": corpus.size_of(folders), "peak_bytes": peak_bytes()}
    print(json.dumps({**result, "digest": hashlib.sha256(b"".join(ids)).hexdigest()}))


if __name__ == "__main__":
    main()
