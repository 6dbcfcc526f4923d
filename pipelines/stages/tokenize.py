"""Tokenize: documents become ids. One part of tokens for each part of documents.

The tokenizer is copied into the folder, so that tokens are never without it. No special tokens stand in the ids:
packing puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.documents import DocumentsPart, open_documents, parts_of, roots
from pipelines.errors import UsageError
from pipelines.parts import Part, PartWriter
from pipelines.runner import Finish, Stage, Work
from sharding.seal import MANIFEST, Ledger, Sealed

if TYPE_CHECKING:
    from tokenization.encode import Encoder

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
        encode = _Encode(pieces, trained)
        return Work(parts, [], encode, lambda finish: _finish(finish, encode))

    return Stage("tokenize", VERSION, folder, {}, {**roots(documents), "tokenizer": trained.root}, work)


class _Encode:
    """Encodes one part: ids to `.bin`, a line for each document to `.parquet`."""

    def __init__(self, parts: Sequence[DocumentsPart], tokenizer: Sealed) -> None:
        self.parts, self.tokenizer = parts, tokenizer

    @cached_property
    def encoder(self) -> Encoder:
        from tokenization.encode import Encoder
        from tokenization.tokenizer import Tokenizer

        return Encoder(Tokenizer.load(self.tokenizer.path))

    def __getstate__(self) -> dict[str, Any]:
        # each worker process loads its own, once
        return {name: value for name, value in self.__dict__.items() if name != "encoder"}

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        source = self.parts[int(part.name.rpartition("-")[2])]
        table = source.read([*COLUMNS, "text", "metadata"])
        encoded = self.encoder.encode_part(table["text"].to_pylist(), source.sha256)
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


def _finish(finish: Finish, encode: _Encode) -> None:
    loaded = encode.encoder.tokenizer
    loaded.check_golden()
    for name in encode.tokenizer.names():
        finish.write(f"tokenizer/{name}", encode.tokenizer.read(name))
    summaries = [sidecar.summary for sidecar in finish.sidecars]
    finish.summary = {
        "tokenizer": loaded.sha256,
        "vocab_size": loaded.vocab_size,
        "dtype": encode.encoder.dtype.str,
        "checked": sum(summary["checked"] for summary in summaries),
        "parts_by_reference": sum(summary["engine"] == "tokenizers" for summary in summaries),
        "empty": sum(summary["empty"] for summary in summaries),
    }
