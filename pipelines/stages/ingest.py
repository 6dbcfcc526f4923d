"""Ingest: read the files of one source into documents.

A part is a unit of the source (slices of its files, about 32 MiB of text, or one compressed file). A datatrove
pipeline reads, cleans and filters it. The stage's identity holds names and sizes of the input files. A part's sidecar
holds the byte ranges that were read and their sha256, computed while they are read. `corpora.reading.files` refuses a
file that changes while it is read, `pipelines.stages.inputs` one that changed between runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe import EmbeddedOptions, IngestOptions, source_of
from pipelines.run import Finish, Part, PartWriter, Stage, Work
from pipelines.stages.documents import counts_by_unit, strata_of, write_statistics
from pipelines.stages.inputs import digests, refuse_changed, size_and_sha256
from sharding import seal

if TYPE_CHECKING:
    from corpora.document_counts import DocumentCounter
    from corpora.errors import BadInput
    from corpora.reading import File
    from corpora.sources.base import Source

VERSION = 6
RAW_VERSION = 6
"""Of the embedded corpus, which has conversations since this version."""


def embedded_stage(folder: Path, options: EmbeddedOptions) -> Stage:
    """Write the embedded corpus, in the native formats of its sources."""

    def write(finish: Finish) -> None:
        from corpora.demo.files import write_native

        with finish.gather() as temporary:
            write_native(temporary, bytes=options.bytes, seed=options.seed)

    return Stage("raw", RAW_VERSION, folder, options.canonical(), {}, lambda: Work(finish=write))


def ingest_stage(folder: Path, source: str, inputs: Sequence[str], options: IngestOptions) -> Stage:
    """Read documents of one source.

    Raises UsageError for an option that the source does not have, and the errors of finding the files.
    """
    _refuse_secrets(options)
    classifier, model_sha256 = classifier_of(options)
    reader = source_of(source, options.source_values())
    files = reader.files(list(inputs))

    def work() -> Work:
        from corpora.cleaning import Identify
        from corpora.document_counts import DocumentCounter
        from corpora.sources.pipeline_step import Reader

        bad: list[BadInput] = []
        quarantine = options.on_bad_file == "quarantine"
        units = reader.units_of(files, bad.append if quarantine else None)
        counter = DocumentCounter()
        aside: list[Any] | None = [] if options.quality.keep_dropped else None
        steps = [
            Reader(reader, units, counter, quarantine=quarantine),
            *([Identify(reader, options.identify)] if options.identify else []),
            *steps_after_reading(reader, options, counter, classifier, aside),
        ]
        parts = [Part(f"part-{number:05d}", unit.to_json(), unit.bytes) for number, unit in enumerate(units)]
        return Work(parts, steps, _WriteDocuments(counter, aside), lambda finish: _finish(finish, source, bad, files))

    sizes = {file.name: f"{file.size:,} bytes" for file in files}
    identity = {"source": source, **options.canonical()}
    if options.identify and Path(options.identify).is_file():  # its content is sealed, not its path
        identity["identify"] = seal.hash_file(Path(options.identify)).sha256
    if model_sha256:
        identity["quality"]["classifier"]["model"] = model_sha256
    return Stage("ingest", VERSION, folder, identity, sizes, work, check=partial(refuse_changed, folder, files))


def steps_after_reading(
    reader: Source, options: IngestOptions, counter: DocumentCounter, classifier: Any, aside: list[Any] | None
) -> list[Any]:
    """Return the steps that clean and filter the documents of a source.

    counter     counts what they change and drop
    classifier  of `classifier_of`
    aside       receives the dropped documents, if they are kept
    """
    from corpora.cleaning import Clean, MaskPersonalData, Normalisation
    from corpora.quality import Filter, Limits, Profiles

    quality = options.quality
    return [
        Clean(reader, Normalisation(options.clean.tashkeel), counter),
        *([MaskPersonalData(reader, counter)] if options.clean.personal == "mask" else []),
        Filter(
            Limits(quality.min_chars, quality.max_chars), counter, Profiles(reader, quality.profile), aside, classifier
        ),
    ]


def classifier_of(options: IngestOptions) -> tuple[Any, str]:
    """Return the classifier and the sha256 of its model, or (None, "")."""
    chosen = options.quality.classifier
    if chosen is None:
        return None, ""
    from corpora.quality import Classifier, local_model

    path = local_model(chosen.model)
    return Classifier(str(path), chosen.keep, chosen.remove), seal.hash_file(path).sha256


def _refuse_secrets(options: IngestOptions) -> None:
    """Raise UsageError if an option is an address with secrets, since options are sealed."""
    from corpora.addresses import bare, has_secrets

    model = options.quality.classifier.model if options.quality.classifier else None
    for name, value in {"identify": options.identify, "model": model, **options.options}.items():
        if isinstance(value, str) and has_secrets(value):
            raise UsageError(
                f"option '{name}': {bare(value)} was given with a user, a password, a query or a fragment, and "
                "options are sealed with the documents: remove them, and set the login in the environment"
            )


class _WriteDocuments:
    """Writes documents as one part of a documents folder, and beside it those that the filter dropped (`aside`)."""

    def __init__(self, counter: Any, aside: list[Any] | None) -> None:
        self.counter, self.aside = counter, aside

    def __call__(self, documents: Iterable[Any], part: Part, writer: PartWriter) -> None:
        from corpora.document_counts import DocumentCounter
        from corpora.documents import write_documents

        with writer.file(".parquet") as file:
            write_documents(documents, file, self.counter)
        if self.aside is not None:
            with writer.file(".dropped") as file:
                write_documents(self.aside, file, DocumentCounter())
        writer.counts = counts_by_unit(self.counter.counts())
        values = self.counter.to_json()
        writer.summary = {key: values[key] for key in ("strata", "changed", "bad", "census", "inputs", "labels")}


def no_document(source: str, dropped: Mapping[str, int]) -> InputError:
    """Return the error for a corpus without documents. `dropped`: reason -> number of records."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "the files hold none"
    return InputError(f"source {source} gave no document ({reasons}): check its input and the quality options")


def _finish(finish: Finish, source: str, bad: Sequence[BadInput], files: Sequence[File]) -> None:
    """Write the folder's statistics and summary. Raises InputError if no document remains."""
    from corpora import label_counts

    if finish.counts["documents"].out == 0:
        raise no_document(source, finish.counts["documents"].dropped)
    write_statistics(finish)
    summaries = [sidecar.summary for sidecar in finish.sidecars]
    changed: dict[str, int] = {}
    for summary in summaries:
        for step, chars in summary["changed"].items():
            changed[step] = changed.get(step, 0) + chars
    finish.summary = {
        "strata": strata_of(summary["strata"] for summary in summaries),
        "changed": changed,
        "bad": [str(error) for error in bad] + [message for summary in summaries for message in summary["bad"]],
        "inputs": digests([piece for summary in summaries for piece in summary["inputs"]]),
        "labels": label_counts.merge(summary["labels"] for summary in summaries),
    }
    if bad:
        from corpora.addresses import bare

        aside = {error.file for error in bad}
        finish.summary["set_aside"] = {file.name: size_and_sha256(file) for file in files if bare(file.path) in aside}
