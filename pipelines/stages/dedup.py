"""Dedup: documents of all corpora, each text once. Parts come out as they went in, one for one, in order.

Which copy stays is decided over all parts at once, from 32 bytes a document (and 8 a band for near-duplicates), before
any part is written; so the answer does not depend on who writes which part when.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.documents import DocumentsPart, ledgers, open_documents, parts_of, roots, strata_of
from pipelines.errors import InputError, UsageError
from pipelines.options import DedupOptions
from pipelines.parts import Part, PartWriter
from pipelines.runner import Finish, Stage, Work

VERSION = 1


def dedup_stage(folder: Path, docs: Sequence[Path], options: DedupOptions) -> Stage:
    """Drop duplicates across folders of documents, keeping the copy that comes first."""
    if options.method == "none":
        raise UsageError("method 'none' drops nothing: use the folders of documents as they are")
    documents = open_documents(docs)

    def work() -> Work:
        from corpora.dedup import decide, fingerprints
        from corpora.minhash import SETTINGS, band_keys

        pieces = parts_of(documents)
        setting = SETTINGS.get(options.method)
        exact, near = [], []
        for piece in pieces:
            table = piece.read(["id", "text"])
            exact.append(fingerprints(table))
            if setting is not None:
                near.append(band_keys(table["text"].to_pylist(), setting))
        verdicts = decide(exact, None if setting is None else near)
        parts = [Part(f"part-{number:05d}", piece.sha256) for number, piece in enumerate(pieces)]
        return Work(parts, [], _Apply(pieces, verdicts), _finish)

    return Stage("dedup", VERSION, folder, options.canonical(), roots(documents), work)


class _Apply:
    """Writes one part, less what the verdict drops."""

    def __init__(self, parts: Sequence[DocumentsPart], verdicts: Sequence[Any]) -> None:
        self.parts, self.verdicts = parts, verdicts

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from corpora.dedup import apply
        from corpora.documents import write_table
        from corpora.tally import Tally

        number = int(part.name.rpartition("-")[2])
        tally = Tally()
        table = apply(self.parts[number].read(), self.verdicts[number], tally)
        with writer.file(".parquet") as file:
            write_table(table, file)
        writer.counts = ledgers(tally.ledgers())
        writer.summary = {"strata": tally.to_json()["strata"]}


def _finish(finish: Finish) -> None:
    if finish.counts["documents"].out == 0:
        raise InputError("deduplication left no document: the folders given hold none")
    finish.summary = {"strata": strata_of(sidecar.summary["strata"] for sidecar in finish.sidecars)}
