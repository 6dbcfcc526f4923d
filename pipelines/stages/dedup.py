"""Dedup: drop duplicates over all corpora, and documents of evaluation sets. Each input part gives one output part.

A stage before it, in the folder's state, decides which documents are dropped: its parts are the fingerprints of the
documents, made by all workers; its last step compares all of them. So the result does not depend on the order in which
parts are read or written. Its folder is removed once the documents are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe import DedupOptions, evaluation_files
from pipelines.run import Finish, Part, PartWriter, Stage, Work, remove_stage_folder, state_files
from pipelines.stages.documents import (
    DocumentsPart,
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

VERSION = 2


def dedup_stage(folder: Path, docs: Sequence[Path], options: DedupOptions) -> Stage:
    """Drop duplicates across folders of documents, keeping the first copy, and documents of evaluation sets.

    Raises UsageError for options that drop nothing, and the errors of opening the folders and the evaluation files.
    """
    if options.method == "none" and not options.decontaminate:
        raise UsageError("method 'none' without decontaminate drops nothing: skip dedup, or choose another method")
    documents = open_documents(docs)
    files = evaluation_files(options)
    inputs = digests(documents) | {f"evaluation {name}": size_and_sha256(file)[1] for name, file in files}
    # The paths of evaluation files are not sealed: their hashes are inputs.
    sealed_options = {name: value for name, value in options.canonical().items() if name != "decontaminate"}
    decisions_folder = folder / state_files.DECISIONS
    decide_stage = Stage(
        "judge", VERSION, decisions_folder, sealed_options, inputs, lambda: _plan_decisions(documents, files, options)
    )

    def work() -> Work:
        from corpora.dedup import DedupRules

        pieces = parts_of(documents)
        decisions = Sealed(decisions_folder, decide_stage.name)
        evaluation = decisions.manifest.summary["evaluation"]
        rules = DedupRules(options.near, tuple(line["name"] for line in evaluation))
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

        def finish(finish: Finish) -> None:
            _finish(finish, evaluation)
            remove_stage_folder(decisions_folder)

        return Work(parts, [], _ApplyDecisions(pieces, decisions, rules), finish)

    return Stage("dedup", VERSION, folder, sealed_options, inputs, work, before=decide_stage)


# -- deciding ---------------------------------------------------------------------------------------------


def _plan_decisions(documents: Sequence[Sealed], files: Sequence[tuple[str, Any]], options: DedupOptions) -> Work:
    from corpora.dedup import SETTINGS, read_evaluation
    from corpora.reading import check_unchanged

    pieces = parts_of(documents)
    setting = SETTINGS.get(options.method)
    evaluation = read_evaluation([file for _, file in files], options.ngram) if files else None
    for _, file in files:
        check_unchanged(file)  # its hash is an input of the stage
    parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

    def finish(finish: Finish) -> None:
        _decide(finish, options)
        finish.summary = {"evaluation": [entry.to_json() for entry in evaluation.sets] if evaluation else []}

    return Work(parts, [], _Fingerprint(pieces, setting, evaluation), finish)


class _Fingerprint:
    """Writes the fingerprints and the band keys of the documents of one part."""

    def __init__(self, parts: Sequence[DocumentsPart], setting: Any, evaluation: Any) -> None:
        self.parts, self.setting, self.evaluation = parts, setting, evaluation

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from corpora.dedup import band_keys, fingerprints

        table = self.parts[part.number].read(["id", "text"])
        prints = fingerprints(table)
        if self.evaluation is not None:
            prints["evaluation"] = self.evaluation.find(table["text"])
        with writer.file(".fingerprints") as file:
            file.write(prints)
        if self.setting is not None:
            keys = band_keys(table["text"], self.setting)
            keys[:, prints["evaluation"] > 0] = 0
            with writer.file(".bands") as file:
                file.write(keys)
        writer.counts = {"documents": Counts(table.num_rows, {}, table.num_rows, {})}


def _decide(finish: Finish, options: DedupOptions) -> None:
    """Decide which documents of all parts are dropped. Files are hashed first; band keys are memory-mapped."""
    import numpy as np

    from corpora.dedup import FINGERPRINT, SETTINGS, decide

    setting = SETTINGS.get(options.method)
    prints, keys = [], []
    for sidecar in finish.sidecars:
        for name, record in sidecar.files.items():
            if seal.hash_file(finish.folder / name) != record:
                raise seal.Damaged(f"{finish.folder / name} changed since it was written: use --restart")
            if name.endswith(".fingerprints"):
                prints.append(np.fromfile(finish.folder / name, FINGERPRINT))
            elif record.bytes and setting is not None:
                keys.append(np.memmap(finish.folder / name, np.uint64, "r").reshape(setting.bands, -1))
    decisions = decide(prints, None if setting is None else keys, exact=options.method != "none")
    for number, part_decisions in enumerate(decisions):
        finish.write(_decisions_file(number), part_decisions.tobytes())


def _decisions_file(number: int) -> str:
    return f"verdict-{number:05d}"


# -- applying ---------------------------------------------------------------------------------------------


class _ApplyDecisions:
    """Writes one part without the documents that are dropped."""

    def __init__(self, parts: Sequence[DocumentsPart], decisions: Sealed, rules: Any) -> None:
        self.parts, self.decisions, self.rules = parts, decisions, rules

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np

        from corpora.dedup import DECISION, apply_decisions
        from corpora.document_counts import DocumentCounter
        from corpora.documents import write_table

        decisions = np.frombuffer(self.decisions.read(_decisions_file(part.number)), DECISION)
        counter = DocumentCounter()
        table = apply_decisions(self.parts[part.number].read(), decisions, counter, self.rules)
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
