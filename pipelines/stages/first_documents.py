"""The first documents of a corpus, read, cleaned and filtered as `ingest` does it, for a dry run.

Every local file is opened and its first records are checked, up to MOST_FILES files, and some remote files. Documents
are read until some are kept. What `ingest` refuses there is refused here, in the same sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipelines.recipe import IngestOptions, source_of
from pipelines.stages.ingest import classifier_of, no_document, steps_after_reading

if TYPE_CHECKING:
    from corpora.reading import File

MOST_FILES, REMOTE_FILES = 1000, 4
"""Maximum number of files that are opened, and of remote files."""

ENOUGH, MOST = 64, 1000
"""Number of documents that are kept, and maximum number of records that are read, before reading stops."""


@dataclass
class FirstDocuments:
    """The first documents of a corpus.

    sizes     bytes of each file of the corpus by name
    opened    number of files whose first records were checked
    records   number of records that were read
    kept      number of documents that were kept
    dropped   reason -> number of records
    languages, licenses
              label -> number of documents
    doubts    sentences on labels that may be wrong, and on files that are left out
    """

    sizes: dict[str, int]
    opened: int = 0
    records: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    licenses: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the values for a plan, without the names of the files."""
        return {name: value for name, value in asdict(self).items() if name != "sizes"}


def first_documents(source: str, inputs: Sequence[str], options: IngestOptions) -> FirstDocuments:
    """Read the first documents of a corpus. Raises the errors of `ingest_stage` and of its work."""
    from corpora import label_counts
    from corpora.document_counts import DocumentCounter
    from corpora.errors import BadInput

    reader = replace(source_of(source, options.source_values()), limit=None)
    files = reader.files(list(inputs))
    chosen = _chosen(files)
    bad: list[BadInput] = []
    on_bad = bad.append if options.on_bad_file == "quarantine" else None
    units = reader.units_of(chosen, on_bad)
    result = FirstDocuments({file.name: file.size for file in files}, len(chosen))
    languages: Counter[str] = Counter()
    licenses: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    labels = []
    complete = len(chosen) == len(files)
    classifier, _ = classifier_of(options)
    for unit in units:
        if result.kept >= ENOUGH or result.records >= MOST:
            complete = False
            break
        counter = DocumentCounter()
        given: list[None] = []
        documents: Any = _noted(reader.documents(replace(unit, limit=ENOUGH), counter, on_bad), given)
        for step in steps_after_reading(reader, options, counter, classifier, None):
            documents = step.run(documents)
        for document in documents:
            result.kept += 1
            languages[document.metadata["language"]] += 1
            licenses[document.metadata["license"].partition("\n")[0]] += 1
        result.records += counter.input["documents"]
        dropped.update(counter.dropped["documents"])
        labels.append(counter.labels.to_json())
        complete = complete and len(given) < ENOUGH
    if complete and not result.kept:
        raise no_document(source, dropped)
    result.dropped, result.languages, result.licenses = dict(dropped), dict(languages), dict(licenses)
    result.doubts = [*label_counts.sentences(label_counts.merge(labels)), *map(str, bad)]
    return result


def _noted(documents: Iterable[Any], given: list[None]) -> Iterator[Any]:
    """Yield documents, and add an element to `given` for each."""
    for document in documents:
        given.append(None)
        yield document


def _chosen(files: Sequence[File]) -> list[File]:
    """Return the files to open: all, or some at equal distances."""
    from corpora.addresses import is_remote

    most = REMOTE_FILES if any(is_remote(file.path) for file in files) else MOST_FILES
    count = min(most, len(files))
    return [files[number * len(files) // count] for number in range(count)]
