"""Translate: documents of one language become documents of another. Each row group of a part gives one part.

A row group has about four million characters, so that a killed run loses minutes of work and not hours. The folder's
identity holds the digest of the model, its name, the languages and the options of the search. The bytes do not depend
on workers or jobs (`corpora/translation/engine.py` states on what they do). A worker loads the model once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InputError, UsageError
from pipelines.recipe import TranslateOptions
from pipelines.run import Finish, Part, PartWriter, Stage, Work
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
from sharding.seal import Counts, Sealed

if TYPE_CHECKING:
    from corpora.translation import Engine, TranslationModel

VERSION = 1
PACKAGES = ("ctranslate2", "sentencepiece", "sentencex")


def translate_stage(folder: Path, docs: Sequence[Path], options: TranslateOptions) -> Stage:
    """Translate folders of documents.

    Raises UsageError for documents of other languages or categories, and the errors of `open_model`.
    """
    documents = open_documents(docs)
    _refuse_others(documents, options)
    model = open_model(options)

    def work() -> Work:
        groups = [(piece, group) for piece in parts_of(documents) for group in range(piece.number_of_row_groups())]
        parts = [
            Part(f"part-{number:05d}", {"part": piece.sha256, "row_group": group}, piece.bytes)
            for number, (piece, group) in enumerate(groups)
        ]
        return Work(parts, [], _Translate(groups, model, options), _finish)

    identity = {**options.canonical(), "model": options.name}
    return Stage("translate", VERSION, folder, identity, {**digests(documents), "model": model.digest}, work)


def open_model(options: TranslateOptions) -> TranslationModel:
    """Return the model of the options. A model of transformers is converted first.

    Raises UsageError without the packages of the extra or for languages that the model has not, InputError for what is
    no translation model.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"translation needs {', '.join(missing)}: pip install 'arcorp[translate]'")
    from corpora.translation import TranslationModel, local_model

    return TranslationModel(local_model(options.model), options.source, options.target)


def _refuse_others(documents: Sequence[Sealed], options: TranslateOptions) -> None:
    """Raise UsageError for documents that are not prose in the source language."""
    from corpora.translation import CATEGORIES

    for line in all_strata(documents):
        what = f"{line['documents']:,} documents of {line['source']}"
        if line["category"] not in CATEGORIES:
            raise UsageError(f"{what} have category {line['category']}, which is not translated: leave them out")
        if line["language"] != options.source:
            raise UsageError(
                f"{what} are in {line['language']}, not in the source language {options.source}: correct source, or "
                "leave them out"
            )


class _Translate:
    """Writes the translation of one row group."""

    def __init__(
        self, groups: Sequence[tuple[DocumentsPart, int]], model: TranslationModel, options: TranslateOptions
    ) -> None:
        self.groups, self.options = groups, options
        self.folder, self.digest = model.folder, model.digest

    @cached_property
    def engine(self) -> Engine:
        from corpora.translation import Engine, TranslationModel

        model = TranslationModel(self.folder, self.options.source, self.options.target)
        if model.digest != self.digest:
            raise InputError(f"{model.folder} was changed since the stage was planned: use --restart")
        return Engine(model, self.options.beam)

    def __getstate__(self) -> dict[str, Any]:
        # each worker process loads its own, once
        return {name: value for name, value in self.__dict__.items() if name != "engine"}

    def __call__(self, _: Any, part: Part, writer: PartWriter) -> None:
        from corpora.document_counts import DocumentCounter
        from corpora.documents import write_table
        from corpora.translation import translate_documents

        piece, group = self.groups[part.number]
        table = next(itertools.islice(piece.row_groups(), group, None))
        counter = DocumentCounter()
        options = self.options
        table, sentences = translate_documents(table, self.engine, options.name, options.max_missing, counter)
        with writer.file(".parquet") as file:
            write_table(table, file)
        counts = Counts(input=sentences.input, dropped=dict(sorted(sentences.dropped.items())), out=sentences.out)
        writer.counts = {**counts_by_unit(counter.counts()), "sentences": counts}
        values = counter.to_json()
        writer.summary = {"strata": values["strata"], "census": values["census"]}


def _finish(finish: Finish) -> None:
    documents = finish.counts.get("documents", Counts())
    if documents.out == 0:
        reasons = ", ".join(f"{count} {reason}" for reason, count in documents.dropped.items())
        raise InputError(
            f"no document remains after translation ({reasons or 'the folders hold none'}): check the model, and "
            "max_missing"
        )
    finish.summary = {"strata": strata_of(sidecar.summary["strata"] for sidecar in finish.sidecars)}
    write_statistics(finish)
