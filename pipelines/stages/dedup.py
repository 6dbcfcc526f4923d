"""Dedup: documents of all corpora, each text once, none of an evaluation set. Parts come out as they went in, one for
one, in order.

A stage of its own, in the folder's state, judges first: it takes the fingerprints of each part, on all workers, and
then decides over all of them at once which copy stays. So the answer does not depend on who reads or writes which part
when. What it found is not kept once the documents are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe import DedupOptions, evaluation_files
from pipelines.run import STATE, Finish, Part, PartWriter, Stage, Work, remove_stage_folder
from pipelines.stages.documents import (
    DocumentsPart,
    digests,
    ledgers,
    open_documents,
    parts_of,
    strata_of,
    write_census,
)
from pipelines.stages.inputs import whole
from sharding import seal
from sharding.seal import Counts, Sealed

VERSION = 2


def dedup_stage(folder: Path, docs: Sequence[Path], options: DedupOptions) -> Stage:
    """Drop duplicates across folders of documents, keeping the copy that comes first, and what is evaluated on.

    Raises what opening the folders and finding the evaluation files raises.
    """
    if options.method == "none" and not options.decontaminate:
        raise UsageError("method 'none' drops nothing: use the folders of documents as they are")
    documents = open_documents(docs)
    files = evaluation_files(options)
    inputs = digests(documents) | {f"evaluation {name}": whole(file)[1] for name, file in files}
    judged = folder / STATE / "judged"
    said = {
        name: value for name, value in options.canonical().items() if name != "decontaminate"
    }  # paths are no matter
    judge = Stage("judge", VERSION, judged, said, inputs, lambda: _judge(documents, files, options))

    def work() -> Work:
        from corpora.dedup import DedupRules

        pieces = parts_of(documents)
        verdicts = Sealed(judged, "judge")
        evaluation = verdicts.manifest.summary["evaluation"]
        rules = DedupRules(options.near, tuple(one["name"] for one in evaluation))
        parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

        def finish(finish: Finish) -> None:
            _finish(finish, evaluation)
            remove_stage_folder(judged)

        return Work(parts, [], _Apply(pieces, verdicts, rules), finish)

    return Stage("dedup", VERSION, folder, said, inputs, work, before=judge)


# -- judging ----------------------------------------------------------------------------------------------


def _judge(documents: Sequence[Sealed], files: Sequence[tuple[str, Any]], options: DedupOptions) -> Work:
    from corpora.dedup import SETTINGS, read_evaluation
    from corpora.reading import check_unchanged

    pieces = parts_of(documents)
    setting = SETTINGS.get(options.method)
    evaluation = read_evaluation([file for _, file in files], options.ngram) if files else None
    for _, file in files:
        check_unchanged(file)  # it is the file whose hash is an input of the stage
    parts = [Part(f"part-{number:05d}", piece.sha256, piece.bytes) for number, piece in enumerate(pieces)]

    def finish(finish: Finish) -> None:
        _decide(finish, options)
        finish.summary = {"evaluation": [one.to_json() for one in evaluation.sets] if evaluation else []}

    return Work(parts, [], _Fingerprint(pieces, setting, evaluation), finish)


class _Fingerprint:
    """Writes what is to be known of the documents of one part."""

    def __init__(self, parts: Sequence[DocumentsPart], setting: Any, evaluation: Any) -> None:
        self.parts, self.setting, self.evaluation = parts, setting, evaluation

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from corpora.dedup import band_keys, fingerprints

        table = self.parts[part.number].read(["id", "text"])
        found = fingerprints(table)
        if self.evaluation is not None:
            found["evaluation"] = self.evaluation.find(table["text"])
        with writer.file(".fingerprints") as file:
            file.write(found)
        if self.setting is not None:
            keys = band_keys(table["text"], self.setting)
            keys[:, found["evaluation"] > 0] = 0
            with writer.file(".bands") as file:
                file.write(keys)
        writer.counts = {"documents": Counts(table.num_rows, {}, table.num_rows, {})}


def _decide(finish: Finish, options: DedupOptions) -> None:
    """Decide over all parts, from files that are proven first and then read as they are needed."""
    import numpy as np

    from corpora.dedup import FINGERPRINT, SETTINGS, decide

    setting = SETTINGS.get(options.method)
    found, keys = [], []
    for sidecar in finish.sidecars:
        for name, record in sidecar.files.items():
            if seal.hash_file(finish.folder / name) != record:
                raise seal.Damaged(f"{finish.folder / name} changed since it was written: --restart")
            if name.endswith(".fingerprints"):
                found.append(np.fromfile(finish.folder / name, FINGERPRINT))
            elif record.bytes and setting is not None:
                keys.append(np.memmap(finish.folder / name, np.uint64, "r").reshape(setting.bands, -1))
    verdicts = decide(found, None if setting is None else keys, exact=options.method != "none")
    for number, verdict in enumerate(verdicts):
        finish.write(f"verdict-{number:05d}", verdict.tobytes())


# -- applying ---------------------------------------------------------------------------------------------


class _Apply:
    """Writes one part, less what its verdicts drop."""

    def __init__(self, parts: Sequence[DocumentsPart], verdicts: Sealed, rules: Any) -> None:
        self.parts, self.verdicts, self.rules = parts, verdicts, rules

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        import numpy as np

        from corpora.dedup import DECISION, apply_decisions
        from corpora.document_counts import DocumentCounter
        from corpora.documents import write_table

        number = part.name.rpartition("-")[2]
        verdicts = np.frombuffer(self.verdicts.read(f"verdict-{number}"), DECISION)
        counter = DocumentCounter()
        table = apply_decisions(self.parts[int(number)].read(), verdicts, counter, self.rules)
        with writer.file(".parquet") as file:
            write_table(table, file)
        writer.counts = ledgers(counter.counts())
        counted = counter.to_json()
        writer.summary = {"strata": counted["strata"], "census": counted["census"]}


def _finish(finish: Finish, evaluation: list[dict[str, Any]]) -> None:
    documents = finish.counts["documents"]
    if documents.out == 0:
        why = ", ".join(f"{count} {reason}" for reason, count in documents.dropped.items()) or "the folders hold none"
        raise InputError(f"deduplication left no document: {why}")
    finish.summary = {"strata": strata_of(sidecar.summary["strata"] for sidecar in finish.sidecars)}
    write_census(finish)
    if evaluation:
        finish.summary["evaluation"] = evaluation
