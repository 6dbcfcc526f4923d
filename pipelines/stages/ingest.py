"""Ingest: the files of one source become documents.

A part is a unit of the source (slices of its files, about 32 MiB of text, or one compressed file), read, cleaned and
filtered by a datatrove pipeline. Input files are known by name and size, and hashed as they are read, so that a file
that was changed after it was ingested is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe.options import EmbeddedOptions, IngestOptions
from pipelines.recipe.source_options import source_of
from pipelines.run.parts import Part, PartWriter
from pipelines.run.stage import Finish, Stage, Work
from pipelines.stages.documents import ledgers, strata_of, write_census
from sharding import seal

if TYPE_CHECKING:
    pass

VERSION = 4


def embedded_stage(folder: Path, options: EmbeddedOptions) -> Stage:
    """The embedded corpus, in the native formats of its sources."""

    def write(finish: Finish) -> None:
        from corpora.demo.files import write_native

        with finish.gather() as temporary:
            write_native(temporary, bytes=options.bytes, seed=options.seed)

    return Stage("raw", VERSION, folder, options.canonical(), {}, lambda: Work(finish=write))


def ingest_stage(folder: Path, source: str, inputs: Sequence[str], options: IngestOptions) -> Stage:
    """Documents of one source. Raises what finding the files raises, and UsageError for options it doesn't have."""
    from corpora.reading.files import find as find_files
    from corpora.sources import find

    kind = find(source)
    reader = source_of(source, options.source_values())
    files = reader.select(find_files(list(inputs), kind.FILES))
    _refuse_changed(folder, {file.name: file.path for file in files})

    def work() -> Work:
        from corpora.cleaning.clean_step import Clean
        from corpora.cleaning.language_id import Identify
        from corpora.cleaning.normalise import Normalisation
        from corpora.cleaning.pii import Mask
        from corpora.document_counts import Tally
        from corpora.quality.filter import Filter, Limits, profiles_of
        from corpora.sources.pipeline_step import Reader

        bad: list[str] = []
        quarantine = options.on_bad_file == "quarantine"
        units = reader.units(list(inputs), (lambda error: bad.append(str(error))) if quarantine else None)
        tally = Tally()
        quality = options.quality
        profiles = profiles_of(reader, quality.profile)
        aside: list[Any] | None = [] if quality.keep_dropped else None
        steps = [
            Reader(reader, units, tally, quarantine=quarantine),
            *([Identify(reader, options.identify)] if options.identify else []),
            Clean(reader, Normalisation(options.clean.tashkeel), tally),
            *([Mask(reader, tally)] if options.clean.personal == "mask" else []),
            Filter(Limits(quality.min_chars, quality.max_chars), tally, profiles, aside),
        ]
        parts = [Part(f"part-{number:05d}", unit.to_json(), unit.bytes) for number, unit in enumerate(units)]
        return Work(parts, steps, _WriteDocuments(tally, units, aside), lambda finish: _finish(finish, source, bad))

    sizes = {file.name: f"{file.size:,} bytes" for file in files}
    said = {"source": source, **options.canonical()}
    if options.identify and Path(options.identify).is_file():  # where it lies is no matter
        said["identify"] = seal.hash_file(Path(options.identify)).sha256
    return Stage("ingest", VERSION, folder, said, sizes, work)


class _WriteDocuments:
    """Writes what flows in as one part of a documents folder, and what the filter put `aside` beside it."""

    def __init__(self, tally: Any, units: Sequence[Any], aside: list[Any] | None) -> None:
        self.tally, self.units, self.aside = tally, units, aside

    def __call__(self, documents: Iterable[Any], part: Part, writer: PartWriter) -> None:
        from corpora.document_counts import Tally
        from corpora.documents import write
        from corpora.reading.files import is_remote

        with writer.file(".parquet") as file:
            write(documents, file, self.tally)
        if self.aside is not None:
            with writer.file(".dropped") as file:
                write(self.aside, file, Tally())
        writer.counts = ledgers(self.tally.ledgers())
        counted = self.tally.to_json()
        unit = self.units[part.number]
        hashes = {}
        for piece in unit.slices:
            if piece.start == 0 and not is_remote(piece.file.path):
                hashes[piece.file.name] = seal.hash_file(Path(piece.file.path)).sha256
        writer.summary = {
            "strata": counted["strata"],
            "changed": counted["changed"],
            "bad": counted["bad"],
            "census": counted["census"],
            "inputs": hashes,
        }


def _finish(finish: Finish, source: str, bad: list[str]) -> None:
    """What the whole folder holds."""
    if finish.counts["documents"].out == 0:
        dropped = finish.counts["documents"].dropped
        why = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "the files hold none"
        raise InputError(f"source {source} gave no document ({why}): look at its input and at the quality options")
    write_census(finish)
    summaries = [sidecar.summary for sidecar in finish.sidecars]
    changed: dict[str, int] = {}
    for summary in summaries:
        for step, chars in summary["changed"].items():
            changed[step] = changed.get(step, 0) + chars
    finish.summary = {
        "strata": strata_of(summary["strata"] for summary in summaries),
        "changed": changed,
        "bad": bad + [sentence for summary in summaries for sentence in summary["bad"]],
        "inputs": {name: sha256 for summary in summaries for name, sha256 in summary["inputs"].items()},
    }


def _refuse_changed(folder: Path, paths: dict[str, str]) -> None:
    """A file that is younger than what was made of it, and other than it was, means the work is stale."""
    try:
        manifest = seal.read_manifest(folder)
    except seal.SealError:
        return
    sealed_at = (folder / seal.MANIFEST).stat().st_mtime_ns
    for name, sha256 in manifest.summary.get("inputs", {}).items():
        path = Path(paths.get(name, ""))
        younger = name in paths and path.is_file() and path.stat().st_mtime_ns > sealed_at
        if younger and seal.hash_file(path).sha256 != sha256:
            raise UsageError(f"{path} was changed after {folder} was made of it: --restart to read it again")
