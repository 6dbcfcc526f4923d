"""Options of the corpora: the embedded corpus, reading, cleaning, quality and deduplication."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from corpora.labels import Category, Quality
from pipelines.recipe.base import Label, Misfit, Options, PositiveInt, SeedInt

QualityProfile = Literal[Quality, "source"]


class EmbeddedOptions(Options):
    """The embedded corpus: text that arcorp generates, in the native formats of its sources."""

    bytes: PositiveInt = Field(3_000_000, description="approximate size of the text in bytes of UTF-8")
    seed: SeedInt = Field(0, description="seed of the documents")


class ReadOptions(Options):
    """Reading of a source."""

    language: Label | None = Field(
        None, description="language label of documents whose source gives none (arb_Arab, ...)"
    )
    category: Category | None = Field(None, description="category, instead of the source's own")
    identify: str | None = Field(
        None,
        description="language identification of documents whose source gives no language: path of GlotLID's model, "
        "or glotlid to download it (1.6 GB, and as much memory in every worker)",
    )
    license: str | None = Field(None, description="licence of documents whose source gives none")
    limit: PositiveInt | None = Field(None, description="maximum number of documents to read")
    text_field: str | None = Field(None, description="field of the text (jsonl, csv, parquet)")
    id_field: str | None = Field(None, description="field of the id (jsonl, csv, parquet)")
    options: dict[str, bool | int | float | str | list[str]] = Field(
        {}, description="options of this source only, listed in docs/sources.md: {died_before: 1200}"
    )
    on_bad_file: Literal["stop", "quarantine"] = Field(
        "stop", description="stop at a file that cannot be read, or skip and count it (quarantine)"
    )

    def source_values(self) -> dict[str, Any]:
        """Return the given values of the source's own options, which are fields of its class."""
        named = ("language", "category", "license", "limit", "text_field", "id_field")
        values = {name: getattr(self, name) for name in named}
        return {**self.options, **{name: value for name, value in values.items() if value is not None}}

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit newer options when empty, so that folders made before them keep their digest."""
        values: dict[str, Any] = serialize(self)
        return {name: value for name, value in values.items() if name not in ("options", "identify") or value}


class CorpusOptions(ReadOptions):
    """One corpus: a source and the paths of its files."""

    source: str = Field(description="name of the source; `arcorp sources` lists them")
    input: str | list[str] = Field(
        description="file, folder or glob: local, hf://, s3://, https://, or embedded:PATH in the embedded corpus"
    )
    profile: QualityProfile | None = Field(
        None, description="quality rules of this corpus, instead of quality.profile"
    )

    def check(self) -> None:
        from corpora.errors import UnknownSource
        from corpora.sources import find_source
        from pipelines.recipe.source_options import source_of

        for path in [self.input] if isinstance(self.input, str) else self.input:
            inside = PurePosixPath(path.removeprefix("embedded:"))
            if path.startswith("embedded:") and (inside.is_absolute() or ".." in inside.parts):
                raise Misfit(f"'{path}' is outside the embedded corpus: give a path in it, without '..'", "input")
        try:
            find_source(self.source)
        except UnknownSource as error:
            raise Misfit(str(error), "source") from None
        source_of(self.source, self.source_values())


class CleanOptions(Options):
    """Normalisation of the text."""

    tashkeel: Literal["keep", "drop"] = Field("keep", description="vowel marks: keep or drop them")
    personal: Literal["keep", "mask"] = Field(
        "keep", description="e-mail addresses, public IP addresses, telephone numbers (Gulf, Egypt, Levant)"
    )

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit `personal` unless it is set, so that folders made before it keep their digest."""
        values: dict[str, Any] = serialize(self)
        return values if self.personal == "mask" else {name: values[name] for name in values if name != "personal"}


class QualityOptions(Options):
    """Selection of documents by quality."""

    min_chars: int = Field(0, ge=0, description="minimum number of characters of a document")
    max_chars: PositiveInt | None = Field(None, description="maximum number of characters of a document")
    profile: QualityProfile = Field(
        "none",
        description="quality rules for a kind of text, listed in docs/quality.md; source: the rules of each source",
    )
    keep_dropped: bool = Field(False, description="write the dropped documents beside the parts, as part-*.dropped")

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit newer options unless they are set, so that folders made before them keep their digest."""
        values: dict[str, Any] = serialize(self)
        given = {"profile": self.profile != "none", "keep_dropped": self.keep_dropped}
        return {name: value for name, value in values.items() if given.get(name, True)}


class IngestOptions(ReadOptions):
    """All steps from the files of one source to its documents."""

    clean: CleanOptions = Field(CleanOptions(), description="normalisation of the text")
    quality: QualityOptions = Field(QualityOptions(), description="selection of documents by quality")


class DedupOptions(Options):
    """Deduplication over all corpora of a recipe, and removal of documents of evaluation sets."""

    method: Literal["exact", "minhash", "minhash-scattered", "none"] = Field(
        "exact",
        description="exact: by the hash of the normalised text; minhash: near-duplicates too, as in FineWeb-2 "
        "(5-grams, 14 bands of 8: copies with a changed block); minhash-scattered: scattered edits too "
        "(3-grams, 20 bands of 6)",
    )
    decontaminate: list[str] = Field(
        [],
        description="evaluation sets (.jsonl, .parquet, .txt): a document that shares an n-gram with one is dropped",
    )
    ngram: int = Field(13, ge=5, le=64, description="number of words in an n-gram of decontaminate")

    @property
    def near(self) -> bool:
        """True if near-duplicates are removed."""
        return self.method.startswith("minhash")

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit the options of decontamination without evaluation sets, so that older folders keep their digest."""
        values: dict[str, Any] = serialize(self)
        return values if self.decontaminate else {"method": values["method"]}
