"""Tokenize: encode documents into ids. Each part of documents gives one part of tokens.

The tokenizer is copied into the folder of tokens. The ids contain no special tokens: packing adds them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError
from pipelines.run import Finish, Part, PartWriter, Stage, Work, check_if_sealed
from pipelines.stages.documents import DocumentsPart, digests, open_documents, parts_of
from sharding.seal import MANIFEST, Counts, Sealed

if TYPE_CHECKING:
    from tokenization.model import Encoder, Tokenizer

VERSION = 2
COLUMNS = ("id", "source", "language", "category", "license", "url")
LARGE = 32 << 20
"""Bytes of text of a row group. The memory of larger groups is returned to the system once they are Python strings."""


def tokenize_stage(folder: Path, docs: Sequence[Path], tokenizer: Path) -> Stage:
    """Encode folders of documents with the tokenizer of a sealed folder. Raises UsageError for another folder."""
    documents = open_documents(docs)
    if not (tokenizer / MANIFEST).exists() and (tokenizer.suffix or (tokenizer / "tokenizer.json").exists()):
        raise UsageError(f"{tokenizer} is not sealed: run arcorp tokenizer import {tokenizer} --out DIR, and give DIR")
    trained = Sealed(tokenizer)
    if "tokenizer.json" not in trained.manifest.files:
        raise UsageError(
            f"{tokenizer} is a folder of stage '{trained.manifest.stage}': give --tokenizer the folder of a tokenizer"
        )

    def work() -> Work:
        pieces = parts_of(documents)
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]
        encode = _Encode(pieces, trained)
        return Work(parts, [], encode, lambda finish: _finish(finish, encode))

    return Stage("tokenize", VERSION, folder, {}, {**digests(documents), "tokenizer": trained.digest}, work)


class _Encode:
    """Encodes one part: writes ids to `.bin`, and a line for each document to `.parquet`."""

    def __init__(self, parts: Sequence[DocumentsPart], tokenizer: Sealed) -> None:
        self.parts, self.tokenizer = parts, tokenizer

    @cached_property
    def loaded(self) -> Tokenizer:
        from tokenization.model import Tokenizer

        check_if_sealed(self.tokenizer.path)
        return Tokenizer.load(self.tokenizer.path)

    @cached_property
    def encoder(self) -> Encoder:
        from tokenization.model import Encoder

        return Encoder(self.loaded)

    def __getstate__(self) -> dict[str, Any]:
        # each worker process loads its own, once
        return {"parts": self.parts, "tokenizer": self.tokenizer}

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        source = self.parts[part.number]
        try:
            self._write(source, writer, reference=False)
        except _Differ:
            self._write(source, writer, reference=True)

    def _write(self, source: DocumentsPart, writer: PartWriter, *, reference: bool) -> None:
        """Encode a row group at a time, so that memory does not depend on the size of the part.

        reference: use the reference engine alone. Raises _Differ if the engines give different ids.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        index: list[pa.Table] = []
        tokens: list[Any] = []
        sizes: list[Any] = []
        done = checked = disagreed = 0

        def encode(texts: list[str]) -> None:
            nonlocal done, checked, disagreed
            encoded = self.encoder.encode_part(texts, source.sha256, begin=done, reference=reference)
            if encoded.disagreed and not reference:
                raise _Differ
            done, checked, disagreed = done + len(texts), checked + encoded.checked, disagreed + encoded.disagreed
            for batch in encoded.batches:
                file.write(np.ascontiguousarray(batch.ids).data)
                tokens.append(batch.tokens)

        with writer.file(".bin") as file:
            for group in source.row_groups([*COLUMNS, "text", "metadata"]):
                index.append(group.select(COLUMNS).append_column("cluster", _clusters(group)))
                column = group["text"]
                sizes.append(np.stack([measure(column).to_numpy() for measure in (pc.binary_length, pc.utf8_length)]))
                texts, large = column.to_pylist(), column.nbytes > LARGE
                del group, column
                if large:  # a text may have a hundred megabytes: memory should not hold it twice
                    pa.default_memory_pool().release_unused()
                encode(texts)
                del texts
        counts = np.zeros((3, done), np.int64)
        if done:  # a part may have no documents
            counts[0], counts[1:] = np.concatenate(tokens), np.concatenate(sizes, axis=1)
        schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, "cluster")])
        lines = pa.concat_tables([table.cast(schema) for table in index]) if index else schema.empty_table()
        offsets = np.cumsum(counts[0]) - counts[0]
        for name, column in zip(("offset", "tokens", "bytes", "chars"), (offsets, *counts), strict=True):
            lines = lines.append_column(name, pa.array(column, pa.int64()))
        with writer.file(".parquet") as file:
            pq.write_table(lines, file, compression="zstd", write_page_checksum=True)
        encoded, bytes_, _ = (int(total) for total in counts.sum(axis=1))
        writer.counts = {
            "documents": Counts(input=done, out=done),
            "tokens": Counts(added={"encoded": encoded}, out=encoded),
            "bytes": Counts(input=bytes_, out=bytes_),
        }
        fast = self.encoder.refused is None and not reference
        writer.summary = {
            "engine": "fastokens" if fast else "tokenizers",
            "checked": checked,
            "disagreed": disagreed,
            "empty": int((counts[0] == 0).sum()),
        }


class _Differ(Exception):
    """The engines give different ids for a document that both encoded."""


def _clusters(table: Any) -> Any:
    """Return of each document the group that is not split between training and validation: its book or its cluster of
    duplicates, else the document itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table["metadata"]
    if not pc.any(pc.match_substring_regex(column, '"(book|cluster)"')).as_py():  # most tables have neither
        return table["id"]
    clusters = []
    for name, text in zip(table["id"].to_pylist(), column.to_pylist(), strict=True):
        metadata = json.loads(text)
        clusters.append(str(metadata.get("book") or metadata.get("cluster") or name))
    return pa.array(clusters, pa.string())


def _finish(finish: Finish, encode: _Encode) -> None:
    from tokenization.model import id_dtype

    loaded = encode.loaded
    loaded.check_golden()
    for name in encode.tokenizer.names():
        finish.write(f"tokenizer/{name}", encode.tokenizer.read(name))
    summaries = [sidecar.summary for sidecar in finish.sidecars]
    finish.summary = {
        "tokenizer": loaded.sha256,
        "vocab_size": loaded.vocab_size,
        "dtype": id_dtype(loaded.vocab_size).str,
        "checked": sum(summary["checked"] for summary in summaries),
        "parts_by_reference": sum(summary["engine"] == "tokenizers" for summary in summaries),
        "empty": sum(summary["empty"] for summary in summaries),
    }
