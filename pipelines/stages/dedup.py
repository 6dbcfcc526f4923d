"""Dedup: drop duplicates over all corpora, cut out repeated spans, and drop documents of evaluation sets. Each input
part gives one output part.

Three stages before it, in the folder's state, decide which documents are dropped: the first takes the fingerprints of
each part; the parts of the second are kinds and ranges of keys, of which each gives the pairs of documents with equal
keys; the third has no parts and reads all pairs. So the result does not depend on the order in which parts are read or
written, and but for the third all work is done by ranks, each in bounded memory. Their folders are removed once the
documents are written.

Beside the documents of a part, a file `.duplicates` (Parquet) lists those that were dropped as duplicates, if any: the
id of the document that stays for each, the part that holds it, and their similarity (`corpora.dedup.DROPPED`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe import DedupOptions, evaluation_files
from pipelines.run import Finish, Part, PartWriter, Stage, Work, remove_stage_folder, state_files
from pipelines.stages.build_folder import DUPLICATES
from pipelines.stages.documents import (
    DocumentsPart,
    all_strata,
    counts_by_unit,
    digests,
    open_documents,
    parts_of,
    strata_of,
    write_statistics,
)
from pipelines.stages.inputs import size_and_sha256
from sharding import seal
from sharding.seal import Counts, Sealed

VERSION = 5

RANGE = 1 << 24
"""Number of keys that a rank holds at once, at most: 60 bytes each, 1 GB."""

LABELS, BANDS, GROUPS, PAIRS = ".labels", ".bands", ".groups", ".pairs"
LABEL_BYTES = 8
WIDE_FILES = {"text": ".texts", "id": ".names", "group": GROUPS}
"""Suffixes of files of fingerprints and pairs. Labels: evaluation set and source of each document, 4 bytes each.
Groups: keys of the names of groups, of a part in which one is not that of a single document."""


def dedup_stage(folder: Path, docs: Sequence[Path], options: DedupOptions) -> Stage:
    """Drop duplicates across folders of documents, keeping the first copy, and documents of evaluation sets.

    Raises UsageError for options that drop nothing, and the errors of opening the folders and the evaluation files.
    """
    if options.idle:
        raise UsageError(
            "method 'none' without spans and decontaminate drops nothing: skip dedup, or choose another method"
        )
    documents = open_documents(docs)
    files = evaluation_files(options)
    inputs = digests(documents) | {f"evaluation {name}": size_and_sha256(file)[1] for name, file in files}
    # The paths of evaluation files are not sealed: their hashes are inputs.
    sealed_options = {name: value for name, value in options.canonical().items() if name != "decontaminate"}
    prints, pairs, decided = (folder / name for name in (state_files.PRINTS, state_files.PAIRS, state_files.DECISIONS))

    def stage(name: str, folder: Path, work: Callable[[], Work], before: Stage | None) -> Stage:
        return Stage(name, VERSION, folder, sealed_options, inputs, work, before=before)

    first = stage("fingerprint", prints, lambda: _plan_fingerprints(documents, files, options), None)
    second = stage("pair", pairs, lambda: _plan_pairs(prints, options), first)
    third = stage("judge", decided, lambda: _plan_decisions(documents, prints, pairs, options), second)

    def work() -> Work:
        from corpora.dedup import DedupRules

        pieces = parts_of(documents)
        decisions = Sealed(decided, third.name)
        evaluation = decisions.manifest.summary["evaluation"]
        rules = DedupRules(options.near, tuple(line["name"] for line in evaluation))
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

        def finish(finish: Finish) -> None:
            _finish(finish, evaluation)
            for each in (decided, pairs, prints):
                remove_stage_folder(each)

        return Work(parts, [], _ApplyDecisions(pieces, decisions, rules, _spans(options)), finish)

    return stage("dedup", folder, work, third)


# -- fingerprints -----------------------------------------------------------------------------------------


def _plan_fingerprints(documents: Sequence[Sealed], files: Sequence[tuple[str, Any]], options: DedupOptions) -> Work:
    from corpora.dedup import read_evaluation
    from corpora.reading import check_unchanged

    pieces = parts_of(documents)
    evaluation = None
    if files:
        evaluation = read_evaluation([file for _, file in files], options.ngram, options.decontaminate_fields)
    for _, file in files:
        check_unchanged(file)  # its hash is an input of the stage
    parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

    def finish(finish: Finish) -> None:
        finish.summary = {"evaluation": [entry.to_json() for entry in evaluation.sets] if evaluation else []}

    return Work(parts, [], _Fingerprint(pieces, options, _sources(documents), evaluation), finish)


def _sources(documents: Sequence[Sealed]) -> list[str]:
    """Return the names of the sources of all documents, sorted."""
    return sorted({line["source"] for line in all_strata(documents)})


def _spans(options: DedupOptions) -> Any:
    """Return the options of the deduplication of spans; None if they are kept."""
    from corpora.dedup import Spans

    return None if options.spans == "keep" else Spans(options.spans, options.span_length)


class _Fingerprint:
    """Writes the keys, ids, groups, labels, signatures and spans of the documents of one part."""

    def __init__(
        self, parts: Sequence[DocumentsPart], options: DedupOptions, sources: Sequence[str], evaluation: Any
    ) -> None:
        self.parts, self.options, self.sources, self.evaluation = parts, options, sources, evaluation

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        from corpora.dedup import SETTINGS, fingerprints, name_keys, narrow_keys, sketches, span_hashes, wide_keys
        from corpora.groups import groups_of

        setting, spans = SETTINGS.get(self.options.method), _spans(self.options)
        more = (["metadata"] if setting else []) + (["category", "language"] if spans else [])
        table = self.parts[part.number].read(["id", "text", "source", *more])
        prints = fingerprints(table)
        if self.evaluation is not None:
            prints["evaluation"] = self.evaluation.find(table["text"])
        prints["source"] = pc.index_in(table["source"], pa.array(self.sources, pa.string())).to_numpy()
        with writer.file(LABELS) as file:
            file.write(np.stack([prints["evaluation"], prints["source"]], axis=1).astype("<u4"))
        names = table.select(["id"])
        if setting is not None and (groups := groups_of(table)) != table["id"]:
            names = names.append_column("group", groups)
            with writer.file(GROUPS) as file:
                file.write(wide_keys(name_keys(groups)))
        with writer.file(".ids") as file:
            pq.write_table(names, file, compression="zstd", use_dictionary=False)
        for kind in ("text", "id"):
            with writer.file(WIDE_FILES[kind]) as file:
                file.write(wide_keys(prints[kind]))
        if setting is not None:
            keys, signatures = sketches(table["text"], setting)
            keys[:, prints["evaluation"] > 0] = 0
            with writer.file(BANDS) as file:
                file.write(narrow_keys(keys))
            if self.options.proven:
                with writer.file(".signatures") as file:
                    file.write(np.ascontiguousarray(signatures))
        if spans is not None:
            from corpora.sources import SOURCES

            verbatim = frozenset(name for name, source in SOURCES.items() if source.cleaning == "verbatim")
            with writer.file(".spans") as file:
                file.write(span_hashes(table, spans, verbatim))
        writer.counts = {"documents": Counts(table.num_rows, {}, table.num_rows, {})}


# -- pairs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prints:
    """The fingerprints of one part.

    path: of its labels. first: number of its first document. grouped: it has GROUPS.
    """

    path: Path
    first: int
    documents: int
    grouped: bool

    def file(self, suffix: str) -> Path:
        return self.path.with_suffix(suffix)

    def keys(self, suffix: str, band: int = 0) -> Any:
        """Return the keys of a kind. Without GROUPS, each document is a group with the name of its id."""
        from corpora.dedup import NARROW, WIDE, Keys

        if suffix == GROUPS and not self.grouped:
            suffix = WIDE_FILES["id"]
        kind = NARROW if suffix == BANDS else WIDE
        read = partial(_records, self.file(suffix), kind, band * self.documents)
        return Keys(self.first, self.documents, read)


def _records(path: Path, kind: Any, first: int, start: int, stop: int) -> Any:
    """Return records start ... stop - 1 of a table of keys. first: its first record in the file."""
    import numpy as np

    return np.fromfile(path, kind, stop - start, offset=(first + start) * kind.itemsize)


def _prints(folder: Path) -> list[_Prints]:
    """Return the fingerprints of all parts. Each file is hashed. Raises Damaged."""
    sealed = Sealed(folder, "fingerprint")
    prints, first = [], 0
    for name, record in sealed.manifest.files.items():
        if not name.endswith(".json") and seal.hash_file(folder / name) != record:
            raise seal.Damaged(f"{folder / name} changed since it was written: use --restart")
    for name in sealed.names(suffix=LABELS):
        grouped = str(Path(name).with_suffix(GROUPS)) in sealed.manifest.files
        prints.append(_Prints(folder / name, first, sealed.manifest.files[name].bytes // LABEL_BYTES, grouped))
        first += prints[-1].documents
    return prints


def _plan_pairs(folder: Path, options: DedupOptions) -> Work:
    """Plan the pairs of all kinds and ranges of keys: a part for each."""
    from corpora.dedup import SETTINGS, ranges_of

    prints = _prints(folder)
    ranges = ranges_of(sum(part.documents for part in prints), RANGE)
    setting = SETTINGS.get(options.method)
    kinds = ["id"] + ["text"] * (options.method != "none") + ["group"] * any(part.grouped for part in prints)
    kinds += [f"band-{band:02d}" for band in range(setting.bands if setting else 0)]
    parts = [Part(f"{kind}-{number:05d}", ranges) for kind in kinds for number in range(ranges)]
    return Work(parts, [], _FindPairs(prints, ranges))


class _FindPairs:
    """Writes the pairs of documents with equal keys of one kind and range."""

    def __init__(self, prints: Sequence[_Prints], ranges: int) -> None:
        self.prints, self.ranges = prints, ranges

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from corpora.dedup import NARROW, WIDE, bounds_of, equal_pairs

        kind, *band, _number = part.name.split("-")
        suffix = WIDE_FILES.get(kind, BANDS)
        low, high = bounds_of(part.number, self.ranges, NARROW if band else WIDE)
        keys = [prints.keys(suffix, int(band[0]) if band else 0) for prints in self.prints]
        with writer.file(PAIRS) as file:
            for pairs in equal_pairs(keys, low, high, RANGE):
                file.write(pairs)


# -- deciding ---------------------------------------------------------------------------------------------


def _plan_decisions(documents: Sequence[Sealed], prints: Path, pairs: Path, options: DedupOptions) -> Work:
    def finish(finish: Finish) -> None:
        sealed = Sealed(pairs, "pair")
        for name, record in sealed.manifest.files.items():
            if name.endswith(PAIRS) and seal.hash_file(pairs / name) != record:
                raise seal.Damaged(f"{pairs / name} changed since it was written: use --restart")
        _decide(finish, _prints(prints), sealed, options, _sources(documents))
        finish.summary = Sealed(prints, "fingerprint").manifest.summary

    return Work(finish=finish)


def _decide(
    finish: Finish, prints: Sequence[_Prints], pairs: Sealed, options: DedupOptions, sources: Sequence[str]
) -> None:
    """Decide which documents of all parts are dropped, and which spans are cut out of the others.

    One file is open at a time.
    """
    import numpy as np
    import pyarrow.parquet as pq

    from corpora.dedup import DECISION, KEPT, SETTINGS, Documents, Proof, Rules, decide, repeated_spans
    from sharding.tables import read_table

    def label(part: int, column: int) -> Any:
        return np.fromfile(prints[part].path, "<u4").reshape(-1, 2)[:, column]

    def names(part: int, column: str) -> Any:
        return read_table(prints[part].file(".ids"), [column])[column].combine_chunks()

    def groups(part: int) -> Any:
        return names(part, "group" if prints[part].grouped else "id")

    setting = SETTINGS.get(options.method)
    proof = None
    if setting is not None and options.proven:
        functions = setting.functions

        def signatures(part: int) -> Any:
            return np.fromfile(prints[part].file(".signatures"), np.uint8).reshape(-1, functions)

        proof = Proof(setting, options.similarity, signatures)
    bounds = np.cumsum([0, *(part.documents for part in prints)])
    evaluation, source, ids = partial(label, column=0), partial(label, column=1), partial(names, column="id")
    documents = Documents(bounds, evaluation, source, sources, ids, groups)
    rules = Rules(options.method != "none", setting is not None, proof, options.least_sources)
    folder = finish.folder / f"{seal.TEMPORARY}{os.getpid()}-deciding"
    decided = decide(documents, partial(_read_pairs, pairs), rules, folder)
    for number, (decisions, clusters) in enumerate(decided):
        finish.write(_decisions_file(number), decisions.tobytes())
        with finish.file(_clusters_file(number)) as file:
            pq.write_table(clusters, file, compression="zstd")
    if options.spans != "keep":

        def kept(part: int) -> Any:
            return np.fromfile(finish.folder / _decisions_file(part), DECISION)["reason"] == KEPT

        folder.mkdir()
        try:
            files = [part.file(".spans") for part in prints]
            for number, cuts in enumerate(repeated_spans(files, kept, folder)):
                finish.write(_cuts_file(number), cuts.tobytes())
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _read_pairs(pairs: Sealed, kind: str) -> Iterator[Iterator[Any]]:
    """Yield the pairs of a kind: those of one range after another, each in blocks."""
    from corpora.dedup import PAIR, blocks_of

    for name in pairs.names(prefix=f"{kind}-", suffix=PAIRS):
        yield blocks_of(pairs.path / name, PAIR)


def _decisions_file(number: int) -> str:
    return f"verdict-{number:05d}"


def _clusters_file(number: int) -> str:
    return f"clusters-{number:05d}"


def _cuts_file(number: int) -> str:
    return f"cuts-{number:05d}"


# -- applying ---------------------------------------------------------------------------------------------


class _ApplyDecisions:
    """Writes one part without the documents that are dropped, and without repeated spans."""

    def __init__(self, parts: Sequence[DocumentsPart], decisions: Sealed, rules: Any, spans: Any) -> None:
        self.parts, self.decisions, self.rules, self.spans = parts, decisions, rules, spans

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np
        import pyarrow.parquet as pq

        from corpora.dedup import CLUSTERS, CUT, DECISION, apply_decisions, cut_spans, dropped_documents
        from corpora.document_counts import DocumentCounter
        from corpora.documents import write_table
        from sharding.tables import read_table

        decisions = np.frombuffer(self.decisions.read(_decisions_file(part.number)), DECISION)
        counter = DocumentCounter()
        table = self.parts[part.number].read()
        texts: Mapping[int, str] = {}
        if self.spans is not None:
            texts = cut_spans(table, np.frombuffer(self.decisions.read(_cuts_file(part.number)), CUT), self.spans)
        clusters = read_table(self.decisions.read(_clusters_file(part.number)), CLUSTERS.names)
        dropped = dropped_documents(table, decisions, clusters)
        if dropped.num_rows:
            with writer.file(DUPLICATES) as file:
                pq.write_table(dropped, file, compression="zstd", write_page_checksum=True)
        table = apply_decisions(table, decisions, counter, self.rules, texts, clusters)
        with writer.file(".parquet") as file:
            write_table(table, file)
        writer.counts = counts_by_unit(counter.counts())
        values = counter.to_json()
        writer.summary = {"strata": values["strata"], "census": values["census"]}


def _finish(finish: Finish, evaluation: list[dict[str, Any]]) -> None:
    documents = finish.counts["documents"]
    if documents.out == 0:
        reasons = ", ".join(f"{count} {reason}" for reason, count in documents.dropped.items())
        raise InputError(f"no document remains after deduplication: {reasons or 'the folders hold none'}")
    finish.summary = {"strata": strata_of(sidecar.summary["strata"] for sidecar in finish.sidecars)}
    write_statistics(finish)
    if evaluation:
        finish.summary["evaluation"] = evaluation
