"""Tokenize: encode documents into ids. Each part of documents gives one part of tokens.

The tokenizer is copied into the folder of tokens. The ids contain no special tokens: packing adds them. Conversations
have those of the tokenizer's chat layout, and beside their ids a `.mask`: which are trained on.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.run import Finish, Part, PartWriter, Stage, Work, check_if_sealed
from pipelines.stages.conversations import (
    Rendered,
    assemble,
    has_conversations,
    is_of_chat,
    layout_of,
    rendered,
    texts_of,
)
from pipelines.stages.documents import DocumentsPart, all_strata, digests, open_documents, parts_of
from sharding.seal import MANIFEST, Counts, Sealed

if TYPE_CHECKING:
    from tokenization.model import EncodedBatch, Encoder, Tokenizer

VERSION = 4
COLUMNS = ("id", "source", "language", "category", "license", "url")
LARGE = 32 << 20
"""Bytes of text of a row group. The memory of larger groups is returned to the system once they are Python strings."""


def tokenize_stage(
    folder: Path,
    docs: Sequence[Path],
    tokenizer: Path,
    *,
    allow_lossy: bool = False,
    untrained: Sequence[str] = (),
) -> Stage:
    """Encode folders of documents with the tokenizer of a sealed folder. Raises UsageError for another folder.

    allow_lossy: accept a tokenizer that changes texts before it encodes them, and count the changed documents.
    untrained: types of parts of answers (reasoning, tool_call, ...) that are not trained on.
    """
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
        chat = is_of_chat(all_strata(documents))
        encode = _Encode(pieces, trained, chat=chat, untrained=untrained)
        if chat:
            layout_of(encode.loaded, untrained)
        changes = encode.loaded.changes()
        if changes and not allow_lossy:
            raise InputError(
                f"{tokenizer}: its tokenizer.json changes texts before it encodes them ({', '.join(changes)}): give a "
                "tokenizer without these steps, or --allow-lossy to count the documents that change"
            )
        return Work(parts, [], encode, lambda finish: _finish(finish, encode))

    options: dict[str, Any] = {"allow_lossy": True} if allow_lossy else {}
    options |= {"untrained": sorted(untrained)} if untrained else {}
    return Stage("tokenize", VERSION, folder, options, {**digests(documents), "tokenizer": trained.digest}, work)


class _Encode:
    """Encodes one part: writes ids to `.bin`, and a line for each document to `.parquet`. chat: a part may have
    conversations; those of a part that has any are trained on by its `.mask`."""

    def __init__(
        self, parts: Sequence[DocumentsPart], tokenizer: Sealed, *, chat: bool = False, untrained: Sequence[str] = ()
    ) -> None:
        self.parts, self.tokenizer, self.chat, self.untrained = parts, tokenizer, chat, untrained

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
        names = ("parts", "tokenizer", "chat", "untrained")
        return {name: getattr(self, name) for name in names}

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

        from corpora.groups import groups_of
        from sharding.bits import BitWriter

        index: list[pa.Table] = []
        tokens: list[Any] = []
        sizes: list[Any] = []
        trained: list[Any] = []
        dropped: Counter[str] = Counter()
        dropped_bytes: Counter[str] = Counter()
        done = checked = disagreed = by_reference = changed = 0
        lossy = bool(self.loaded.changes())
        layout = layout_of(self.loaded, self.untrained) if self.chat and has_conversations(source) else None

        def encode(texts: list[str]) -> Iterator[EncodedBatch]:
            nonlocal done, checked, disagreed, by_reference, changed
            encoded = self.encoder.encode_part(texts, source.sha256, begin=done, reference=reference)
            if encoded.disagreed and not reference:
                raise _Differ
            done, checked, disagreed = done + len(texts), checked + encoded.checked, disagreed + encoded.disagreed
            by_reference += encoded.by_reference
            for batch in encoded.batches:
                if lossy:
                    changed += self._changed(batch)
                yield batch

        def encode_conversations(documents: list[Rendered]) -> None:
            batches = list(encode(texts_of(documents)))
            ids = np.concatenate([np.zeros(0, self.encoder.dtype), *(batch.ids for batch in batches)])
            lengths = np.concatenate([np.zeros(0, np.int64), *(batch.tokens for batch in batches)])
            whole = assemble(documents, self.loaded.specials, ids, lengths)
            file.write(whole.ids.data)
            mask_file.write(bits.add(whole.mask))
            tokens.append(whole.tokens)
            sums = np.diff(np.append(0, np.cumsum(whole.mask))[np.append(0, np.cumsum(whole.tokens))])
            trained.extend(int(n) if d.has_mask else None for n, d in zip(sums, documents, strict=True))

        with contextlib.ExitStack() as stack:
            file = stack.enter_context(writer.file(".bin"))
            if layout is not None:
                mask_file, bits = stack.enter_context(writer.file(".mask")), BitWriter()
            for group in source.row_groups([*COLUMNS, "text", "metadata"]):
                if layout is not None:
                    documents = list(rendered(group, layout))
                    for number, document in enumerate(documents):
                        if document.reason:
                            dropped[document.reason] += 1
                            dropped_bytes[document.reason] += len(group["text"][number].as_py().encode())
                    group = group.filter(pa.array([not document.reason for document in documents], pa.bool_()))
                    documents = [document for document in documents if not document.reason]
                index.append(group.select(COLUMNS).append_column("cluster", groups_of(group)))
                column = group["text"]
                sizes.append(np.stack([measure(column).to_numpy() for measure in (pc.binary_length, pc.utf8_length)]))
                if layout is not None:
                    encode_conversations(documents)
                    continue
                texts, large = column.to_pylist(), column.nbytes > LARGE
                del group, column
                if large:  # a text may have a hundred megabytes: memory should not hold it twice
                    pa.default_memory_pool().release_unused()
                for batch in encode(texts):
                    file.write(np.ascontiguousarray(batch.ids).data)
                    tokens.append(batch.tokens)
                del texts
            if layout is not None:
                mask_file.write(bits.end())
        written = sum(map(len, tokens))
        counts = np.zeros((3, written), np.int64)
        if written:  # a part may have no documents
            counts[0], counts[1:] = np.concatenate(tokens), np.concatenate(sizes, axis=1)
        schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, "cluster")])
        lines = pa.concat_tables([table.cast(schema) for table in index]) if index else schema.empty_table()
        offsets = np.cumsum(counts[0]) - counts[0]
        for name, column in zip(("offset", "tokens", "bytes", "chars"), (offsets, *counts), strict=True):
            lines = lines.append_column(name, pa.array(column, pa.int64()))
        if layout is not None:
            ends = [None if number is None else False for number in trained]
            lines = lines.append_column("trained", pa.array(trained, pa.int64()))
            lines = lines.append_column("ends", pa.array(ends, pa.bool_()))
        with writer.file(".parquet") as file:
            pq.write_table(lines, file, compression="zstd", write_page_checksum=True)
        encoded, bytes_, _ = (int(total) for total in counts.sum(axis=1))
        writer.counts = {
            "documents": Counts(input=written + dropped.total(), out=written, dropped=dict(dropped)),
            "tokens": Counts(added={"encoded": encoded}, out=encoded),
            "bytes": Counts(input=bytes_ + dropped_bytes.total(), out=bytes_, dropped=dict(dropped_bytes)),
        }
        fast = self.encoder.refused is None and not reference
        writer.summary = {
            "engine": "fastokens" if fast else "tokenizers",
            "checked": checked,
            "disagreed": disagreed,
            "by_reference": by_reference,
            "empty": int((counts[0] == 0).sum()),
            **({"changed": changed} if lossy else {}),
        }

    def _changed(self, batch: EncodedBatch) -> int:
        """Return how many documents of a batch their ids do not decode to."""
        ends = batch.tokens.cumsum()
        starts = ends - batch.tokens
        return sum(
            self.loaded.decode_bytes(batch.ids[start:end].tolist()) != text.encode()
            for text, start, end in zip(batch.texts, starts, ends, strict=True)
        )


class _Differ(Exception):
    """The engines give different ids for a document that both encoded."""


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
        "documents_by_reference": sum(summary["by_reference"] for summary in summaries),
        "empty": sum(summary["empty"] for summary in summaries),
    }
    if loaded.changes():
        finish.summary["changed"] = sum(summary["changed"] for summary in summaries)
