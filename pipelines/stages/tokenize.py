"""Tokenize: documents become ids. One part of tokens for each part of documents.

The tokenizer is copied into the folder, so that tokens are never without it. No special tokens stand in the ids:
packing puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.documents import DocumentsPart, open_documents, parts_of, roots
from pipelines.errors import UsageError
from pipelines.parts import Part, PartWriter
from pipelines.runner import Finish, Stage, Work
from sharding.seal import MANIFEST, Ledger, Sealed

VERSION = 2
COLUMNS = ("id", "source", "language", "category", "license", "url")


def tokenize_stage(folder: Path, docs: Sequence[Path], tokenizer: Path) -> Stage:
    """Encode folders of documents with a sealed tokenizer folder."""
    documents = open_documents(docs)
    if not (tokenizer / MANIFEST).exists() and (tokenizer.suffix or (tokenizer / "tokenizer.json").exists()):
        raise UsageError(
            f"{tokenizer} was made elsewhere: arcorp tokenizer import {tokenizer} --out DIR, then name DIR"
        )
    trained = Sealed(tokenizer)
    if "tokenizer.json" not in trained.manifest.files:
        raise UsageError(f"{tokenizer} is a '{trained.manifest.stage}' folder; --tokenizer wants a tokenizer")

    def work() -> Work:
        pieces = parts_of(documents)
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]
        return Work(parts, [], _Encode(pieces, trained), lambda finish: _finish(finish, trained))

    return Stage("tokenize", VERSION, folder, {}, {**roots(documents), "tokenizer": trained.root}, work)


class _Encode:
    """Encodes one part: ids to `.bin`, a line for each document to `.parquet`."""

    def __init__(self, parts: Sequence[DocumentsPart], tokenizer: Sealed) -> None:
        self.parts, self.tokenizer = parts, tokenizer
        self._encoder: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_encoder": None}  # each worker process loads its own, once

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._encoder is None:
            from tokenization.encode import Encoder
            from tokenization.tokenizer import Tokenizer

            self._encoder = Encoder(Tokenizer.load(self.tokenizer.path))
        source = self.parts[int(part.name.rpartition("-")[2])]
        table = source.read([*COLUMNS, "text", "metadata"])
        encoded = self._encoder.encode_part(table["text"].to_pylist(), source.sha256)
        lengths: dict[str, list[Any]] = {"tokens": [], "bytes": [], "chars": []}
        with writer.file(".bin") as file:
            for batch in encoded.batches:
                file.write(np.ascontiguousarray(batch.ids).data)
                for name, values in lengths.items():
                    values.append(getattr(batch, name))
        none = np.zeros(0, np.int64)  # a part may have lost all its documents to deduplication
        counts = {name: np.concatenate([none, *values]) for name, values in lengths.items()}
        index = table.select(COLUMNS).cast(pa.schema([(name, pa.string()) for name in COLUMNS]))
        index = index.append_column("cluster", pa.array(_clusters(table), pa.string()))
        index = index.append_column("offset", pa.array(np.cumsum(counts["tokens"]) - counts["tokens"], pa.int64()))
        for name, column in counts.items():
            index = index.append_column(name, pa.array(column, pa.int64()))
        with writer.file(".parquet") as file:
            pq.write_table(index, file, compression="zstd", write_page_checksum=True)
        documents, tokens = len(index), int(counts["tokens"].sum())
        empty = int((counts["tokens"] == 0).sum())
        writer.counts = {
            "documents": Ledger(came=documents, out=documents),
            "tokens": Ledger(added={"encoded": tokens}, out=tokens),
            "bytes": Ledger(came=int(counts["bytes"].sum()), out=int(counts["bytes"].sum())),
        }
        writer.summary = {
            "engine": encoded.engine,
            "checked": encoded.checked,
            "disagreed": encoded.disagreed,
            "empty": empty,
        }


def _clusters(table: Any) -> list[str]:
    """What must not be split between training and validation: the book or the duplicate cluster, else the document."""
    clusters = []
    for name, text in zip(table["id"].to_pylist(), table["metadata"].to_pylist(), strict=True):
        metadata = json.loads(text) if '"book"' in text or '"cluster"' in text else {}  # few have either
        clusters.append(str(metadata.get("book") or metadata.get("cluster") or name))
    return clusters


def _finish(finish: Finish, tokenizer: Sealed) -> None:
    from tokenization.encode import dtype
    from tokenization.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer.path)
    loaded.check_golden()
    for name in tokenizer.names():
        finish.write(f"tokenizer/{name}", tokenizer.read(name))
    summaries = [sidecar.summary for sidecar in finish.sidecars]
    finish.summary = {
        "tokenizer": loaded.sha256,
        "vocab_size": loaded.vocab_size,
        "dtype": dtype(loaded.vocab_size).str,
        "checked": sum(summary["checked"] for summary in summaries),
        "parts_by_reference": sum(summary["engine"] == "tokenizers" for summary in summaries),
        "empty": sum(summary["empty"] for summary in summaries),
    }
