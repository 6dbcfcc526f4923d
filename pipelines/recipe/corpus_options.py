"""Options of the corpora: the embedded corpus, reading, cleaning, quality and deduplication."""

from __future__ import annotations

from dataclasses import fields
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from corpora.labels import Category, Quality
from pipelines.recipe.base import Language, Misfit, Options, PositiveInt, SeedInt
from pipelines.recipe.source_options import owners_of, source_of
from pipelines.recipe.translate_options import TranslateOptions

QualityProfile = Literal[Quality, "source"]

_FIELDS = ("url_field", "date_field", "language_field", "license_field", "metadata_fields")


class EmbeddedOptions(Options):
    """The embedded corpus: text that arcorp generates, in the native formats of its sources."""

    bytes: PositiveInt = Field(3_000_000, description="approximate size of the text in bytes of UTF-8")
    seed: SeedInt = Field(0, description="seed of the documents")


class ReadOptions(Options):
    """Reading of a source."""

    language: Language | None = Field(
        None,
        description="language of documents whose record and path give none: a label, a code or a name (arb_Arab, ar, "
        "'Egyptian Arabic')",
    )
    category: Category | None = Field(None, description="category, instead of the source's own")
    identify: str | None = Field(
        None,
        description="language identification of documents whose source gives no language: path of GlotLID's model, "
        "or glotlid to download it (1.6 GB, and as much memory in every worker)",
    )
    license: str | None = Field(None, description="licence of documents whose record gives none")
    relabel: bool = Field(False, description="language and license replace those of the records and paths")
    limit: PositiveInt | None = Field(None, description="maximum number of documents to read")
    text_field: str | None = Field(
        None, description="field of the text of your own records; meta.text is the field text of the object meta"
    )
    id_field: str | None = Field(None, description="field of the id of your own records")
    url_field: str | None = Field(None, description="field of the address, if it is not url of your own records")
    date_field: str | None = Field(None, description="field of the date, if it is not date of your own records")
    language_field: str | None = Field(
        None, description="field of the language, if it is not language of your own records"
    )
    license_field: str | None = Field(
        None, description="field of the licence, if it is not license of your own records"
    )
    metadata_fields: list[str] = Field([], description="fields to keep in the metadata of your own records")
    options: dict[str, bool | int | float | str | list[str] | dict[str, str]] = Field(
        {}, description="options of this source only, listed by `arcorp sources NAME`: {died_before: 1200}"
    )
    on_bad_file: Literal["stop", "quarantine"] = Field(
        "stop", description="stop at a file that cannot be read, or skip and count it (quarantine)"
    )

    @model_validator(mode="before")
    @classmethod
    def _place_options(cls, data: Any) -> Any:
        """Raise Misfit for an option of a source that is written beside `options` instead of in it."""
        for key in [key for key in data if key not in cls.model_fields] if isinstance(data, dict) else []:
            owners, source = owners_of(str(key)), data.get("source")
            if owners and source in (None, *owners):
                raise Misfit(
                    f"'{key}' is an option of source {source or ' and '.join(owners)}: write it in options, as "
                    f"options: {{{key}: {data[key]!r}}}",
                    key,
                )
            if owners:
                raise Misfit(f"'{key}' is an option of source {' and '.join(owners)}, not of {source}: remove it", key)
        return data

    def source_values(self) -> dict[str, Any]:
        """Return the given values of the source's own options, which are fields of its class."""
        named = ("language", "category", "license", "relabel", "limit", "text_field", "id_field", *_FIELDS)
        values = {name: getattr(self, name) for name in named}
        return {**self.options, **{name: value for name, value in values.items() if value not in (None, [])}}

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit newer options when empty, so that folders made before them keep their digest."""
        values: dict[str, Any] = serialize(self)
        newer = ("options", "identify", "relabel", "translate", *_FIELDS)
        return {name: value for name, value in values.items() if name not in newer or value}


class CorpusOptions(ReadOptions):
    """One corpus: a source and the paths of its files."""

    source: str = Field(description="name of the source; `arcorp sources` lists them")
    input: str | list[str] = Field(
        description="file, folder or glob: local, hf://, s3://, https://, or embedded:PATH in the embedded corpus"
    )
    profile: QualityProfile | None = Field(
        None, description="quality rules of this corpus, instead of quality.profile"
    )
    translate: TranslateOptions | None = Field(None, description="translate the documents into another language")

    def check(self) -> None:
        from corpora.errors import UnknownSource
        from corpora.sources import find_source

        for path in [self.input] if isinstance(self.input, str) else self.input:
            inside = PurePosixPath(path.removeprefix("embedded:"))
            if path.startswith("embedded:") and (inside.is_absolute() or ".." in inside.parts):
                raise Misfit(f"'{path}' is outside the embedded corpus: give a path in it, without '..'", "input")
        try:
            find_source(self.source)
        except UnknownSource as error:
            raise Misfit(str(error), "source") from None
        beside = {field.name for field in fields(find_source(self.source))}
        for key in self.options:
            if key in CorpusOptions.model_fields and key not in beside:
                raise Misfit(f"'{key}' is a key of the corpus: write it beside options", "options", key)
        source_of(self.source, self.source_values())


class CleanOptions(Options):
    """Normalisation of the text."""

    tashkeel: Literal["keep", "drop"] = Field("keep", description="vowel marks: keep or drop them")
    personal: Literal["keep", "mask"] = Field(
        "keep", description="e-mail addresses, public IP addresses, telephone numbers of Arab states"
    )

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit `personal` unless it is set, so that folders made before it keep their digest."""
        values: dict[str, Any] = serialize(self)
        return values if self.personal == "mask" else {name: values[name] for name in values if name != "personal"}


class ClassifierOptions(Options):
    """A fastText model that selects documents. A label of `keep` or `remove` has a minimum score from 0 to 1."""

    model: str = Field(description="fastText model: a path, or an address (hf://, https://), downloaded once")
    keep: dict[str, float] = Field(
        {}, description="keep only documents that have one of these labels (without __label__) with at least its score"
    )
    remove: dict[str, float] = Field(
        {}, description="drop documents that have one of these labels with at least its score"
    )

    def check(self) -> None:
        if bool(self.keep) == bool(self.remove):
            raise Misfit("give labels in one of 'keep' and 'remove', such as keep: {good: 0.5}", "keep")


class QualityOptions(Options):
    """Selection of documents by quality."""

    min_chars: int = Field(0, ge=0, description="minimum number of characters of a document")
    max_chars: PositiveInt | None = Field(None, description="maximum number of characters of a document")
    profile: QualityProfile = Field(
        "none",
        description="quality rules for a kind of text, listed in docs/quality.md; source: the rules of each source",
    )
    classifier: ClassifierOptions | None = Field(
        None, description="fastText model that selects documents, after the rules"
    )
    keep_dropped: bool = Field(False, description="write the dropped documents beside the parts, as part-*.dropped")

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit newer options unless they are set, so that folders made before them keep their digest."""
        values: dict[str, Any] = serialize(self)
        given = {"profile": self.profile != "none", "keep_dropped": self.keep_dropped, "classifier": self.classifier}
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
    similarity: float = Field(
        0.5,
        ge=0,
        le=1,
        description="least estimate of the Jaccard similarity of a near-duplicate and the document that stays for it "
        "(standard error: at most 0.05); 0: not compared, all documents of a chain of candidates but the first are "
        "dropped",
    )
    least_sources: int = Field(
        1,
        ge=1,
        description="number of sources in which a document or its duplicates must be found for it to be kept",
    )
    spans: Literal["keep", "lines", "sentences"] = Field(
        "keep",
        description="lines or sentences: spans of them that occur in an earlier document, or earlier in the same "
        "document, are cut out of the documents that are kept (datatrove's sentence deduplication)",
    )
    span_length: int = Field(3, ge=1, le=64, description="number of lines or sentences in a span")
    decontaminate: list[str] = Field(
        [],
        description="evaluation sets (JSON, CSV, Parquet, Arrow, text): a document that shares an n-gram with one is "
        "dropped",
    )
    decontaminate_fields: list[str] = Field(
        [], description="fields of the evaluation sets that are compared, such as question; empty: all with text"
    )
    ngram: int = Field(13, ge=5, le=64, description="number of words in an n-gram of decontaminate")

    @property
    def near(self) -> bool:
        """True if near-duplicates are removed."""
        return self.method.startswith("minhash")

    @property
    def proven(self) -> bool:
        """True if near-duplicates are dropped only if they resemble the document that stays."""
        return self.near and self.similarity > 0

    @model_serializer(mode="wrap")
    def _omit_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit the options of what is off, so that folders made before them keep their digest."""
        values: dict[str, Any] = serialize(self)
        names = ["method"]
        names += ["similarity"] * self.near + ["least_sources"] * (self.least_sources > 1)
        if self.spans != "keep":
            names += ["spans", "span_length"]
        if self.decontaminate:
            names += ["decontaminate", "ngram"]
            names += ["decontaminate_fields"] * bool(self.decontaminate_fields)
        return {name: values[name] for name in names}

    @property
    def idle(self) -> bool:
        """True if nothing is dropped or cut."""
        return self.method == "none" and self.spans == "keep" and not self.decontaminate
