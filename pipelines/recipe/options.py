"""The options of every stage, once: a recipe's section and the flags of the stage's command are two views of them.

A field's description is its help text, its place in `arcorp schema`, and its line in the docs. Bounds that a package
checks itself are not repeated here: `check` makes the package's own options of the section, and `recipe.validate`
calls it, so that a recipe that loads holds no value that a later stage refuses.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pipelines import texts

if TYPE_CHECKING:
    import tokenization.options
    from sharding.options import PackOptions as Packing
    from sharding.scheduling import Mixture, Phase
    from tokenization.vocabulary_layout import VocabularyLayout

LARGEST = 2**53
"""Of a count: beyond it JSON readers disagree on a number."""
PositiveInt = Annotated[int, Field(gt=0, le=LARGEST)]
SeedInt = Annotated[int, Field(ge=0, lt=2**63)]
BatchRows = Annotated[int, Field(gt=0, le=2**31)]
Label = Annotated[str, AfterValidator(texts.label)]
Name = Annotated[str, AfterValidator(texts.name)]
Word = Annotated[str, AfterValidator(texts.word)]


class Misfit(ValueError):
    """An option that another contradicts. `at`: the keys that lead to it from the section that refuses it."""

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


Stratum = Literal["source", "language", "category"]
Profile = Literal["none", "source", "web", "classical", "code", "math", "verse", "stories"]


class Options(BaseModel):
    """Base of all: unknown keys are refused, values don't change, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def check(self) -> None:
        """Raise what the package that takes these options raises; sections inside are checked by themselves."""

    def canonical(self) -> dict[str, Any]:
        """JSON of all values, defaults included: what goes into a seal."""
        return self.model_dump(mode="json")


class MixtureOptions(Options):
    """How much of what: one model for the tokenizer's sample, the dataset and each of its phases."""

    by: Stratum = Field("language", description="what the shares are shares of")
    rule: Literal["natural", "proportional", "inverse-frequency", "temperature", "unimax"] = Field(
        "natural", description="how natural shares p become final ones"
    )
    shares: dict[str, float] | None = Field(None, description="proportional: the shares, by name, summing to 1 or 100")
    power: float | None = Field(None, description="inverse-frequency: weight p^-power, so share ~ p^(1-power)")
    temperature: PositiveFloat | None = Field(None, description="temperature: share ~ p^(1/temperature)")
    max_epochs: PositiveFloat | None = Field(None, description="no row is read more often than this over the run")
    within: dict[str, MixtureOptions] = Field(
        {}, description="mixtures inside a group: {arabic: {by: language, rule: ...}}"
    )

    def mixture(self) -> Mixture:
        """The mixture as sharding has it."""
        from sharding.scheduling import Mixture

        return Mixture(
            rule=self.rule,
            by=self.by,
            shares=self.shares or {},
            power=self.power,
            temperature=self.temperature,
            max_epochs=self.max_epochs,
            within={name: inner.mixture() for name, inner in self.within.items()},
        )

    def check(self) -> None:
        self.mixture().check()


class EmbeddedOptions(Options):
    """The embedded corpus: text that arcorp writes itself, in the native formats of its sources."""

    bytes: PositiveInt = Field(3_000_000, description="about how much UTF-8 text to write")
    seed: SeedInt = Field(0, description="another seed gives other documents")


class ReadOptions(Options):
    """How a source is read."""

    language: Label | None = Field(None, description="language label, where the source does not say (arb_Arab, ...)")
    category: Literal["arabic", "classical", "english", "code", "math"] | None = Field(
        None, description="category, where it is not the source's usual one"
    )
    identify: str | None = Field(
        None,
        description="tell the language of documents whose source does not: path of GlotLID's model, or glotlid to "
        "fetch it from the hub (1.6 GB, and as much memory in every worker)",
    )
    license: str | None = Field(None, description="licence, where the source does not say")
    limit: PositiveInt | None = Field(None, description="read at most this many documents")
    text_field: str | None = Field(None, description="field of the text (jsonl, csv, parquet)")
    id_field: str | None = Field(None, description="field of the id (jsonl, csv, parquet)")
    options: dict[str, bool | int | float | str | list[str]] = Field(
        {}, description="options of this source's own, as docs/sources.md tells them: {died_before: 1200}"
    )
    on_bad_file: Literal["stop", "quarantine"] = Field(
        "stop", description="stop at a file that can't be read, or go on without it and count it"
    )

    def source_values(self) -> dict[str, Any]:
        """Return what is given of the source's own options: fields of its class."""
        named = ("language", "category", "license", "limit", "text_field", "id_field")
        values = {name: getattr(self, name) for name in named}
        return {**self.options, **{name: value for name, value in values.items() if value is not None}}

    @model_serializer(mode="wrap")
    def _own_options_only_if_given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """None go unsaid: work that was sealed before there were any stays good."""
        values: dict[str, Any] = serialize(self)
        return {name: value for name, value in values.items() if name not in ("options", "identify") or value}


class CorpusOptions(ReadOptions):
    """One corpus: a source, and where its files are."""

    source: str = Field(description="name of the reader; `arcorp sources` lists them")
    input: str | list[str] = Field(
        description="file, folder or glob; local, hf://, s3://, https://; 'embedded:PATH' is in the embedded corpus"
    )
    profile: Profile | None = Field(None, description="rules of quality for this corpus, instead of quality.profile")

    def check(self) -> None:
        from corpora.errors import UnknownSource
        from corpora.sources import find_source
        from pipelines.recipe.source_options import source_of

        for path in [self.input] if isinstance(self.input, str) else self.input:
            inside = PurePosixPath(path.removeprefix("embedded:"))
            if path.startswith("embedded:") and (inside.is_absolute() or ".." in inside.parts):
                raise Misfit(f"'{path}' is not in the embedded corpus: name a path below it, without '..'", "input")
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
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is kept goes unsaid: work that was sealed before there was a choice stays good."""
        values: dict[str, Any] = serialize(self)
        return values if self.personal == "mask" else {name: values[name] for name in values if name != "personal"}


class QualityOptions(Options):
    """Which documents are worth keeping."""

    min_chars: int = Field(0, ge=0, description="drop documents with fewer characters")
    max_chars: PositiveInt | None = Field(None, description="drop documents with more characters")
    profile: Profile = Field(
        "none",
        description="rules for a kind of text, told in docs/quality.md; source: those that each source asks for",
    )
    keep_dropped: bool = Field(False, description="write what these options drop beside the parts, as part-*.dropped")

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not asked for goes unsaid: work that was sealed before there was a choice stays good."""
        values: dict[str, Any] = serialize(self)
        asked = {"profile": self.profile != "none", "keep_dropped": self.keep_dropped}
        return {name: value for name, value in values.items() if asked.get(name, True)}


class IngestOptions(ReadOptions):
    """Everything between the files of one source and its documents."""

    clean: CleanOptions = Field(CleanOptions(), description="normalisation of the text")
    quality: QualityOptions = Field(QualityOptions(), description="which documents are kept")


class DedupOptions(Options):
    """Deduplication across all corpora of a recipe; documents of evaluation sets go too."""

    method: Literal["exact", "minhash", "minhash-scattered", "none"] = Field(
        "exact",
        description="exact: by the hash of the normalised text; minhash: near-duplicates too, as FineWeb-2 "
        "(5-grams, 14 bands of 8: copies with a changed block); minhash-scattered: scattered edits too "
        "(3-grams, 20 bands of 6)",
    )
    decontaminate: list[str] = Field(
        [],
        description="evaluation sets (.jsonl, .parquet, .txt): a document that shares an n-gram with one is dropped",
    )
    ngram: int = Field(13, ge=5, le=64, description="words in an n-gram that tells a passage of an evaluation set")

    @property
    def near(self) -> bool:
        """Whether documents that are nearly the same are duplicates."""
        return self.method.startswith("minhash")

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Where nothing is evaluated on, the method says all."""
        values: dict[str, Any] = serialize(self)
        return values if self.decontaminate else {"method": values["method"]}


class Special(Options):
    """A special token, at an id of its own choosing if it has one."""

    name: str
    id: PositiveInt | None = None


class SampleOptions(MixtureOptions):
    """What the tokenizer is trained on."""

    chars: PositiveInt = Field(50_000_000, description="characters to sample in all (all there are, if fewer)")
    document_cap: PositiveInt = Field(10_000, description="no document gives more characters than this")


class MorphologyOptions(Options):
    """How morpheme boundaries of Arabic words bear on the merges."""

    mode: Literal["none", "hard", "soft"] = Field(
        "none", description="hard: no merge across a boundary while training; soft: such pairs score less"
    )
    penalty: float = Field(2.0, ge=0, le=1000, description="soft: what an occurrence across a boundary costs (lambda)")
    share: float = Field(0.94, gt=0, le=1, description="soft: share of the vocabulary built so; the rest plainly")
    segmenter: Literal["learned", "camel", "rules"] = Field(
        "learned", description="what says where the boundaries are; camel: a database of camel-tools"
    )
    database: str | None = Field(None, description="camel: name of a database (calima-msa-r13), or its path")
    regex: bool = Field(False, description="on top of any mode: clitics that spelling alone tells stand apart")

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is left out goes unsaid: work that was sealed before there was a choice stays good."""
        values: dict[str, Any] = serialize(self)
        return {name: value for name, value in values.items() if value or name not in ("database", "regex")}

    @model_validator(mode="after")
    def _database_belongs_to_camel(self) -> MorphologyOptions:
        if self.database is not None and self.segmenter != "camel":
            raise ValueError(f"'database' belongs to segmenter 'camel', and the segmenter is '{self.segmenter}'")
        return self

    def of_package(self) -> tokenization.options.MorphologyOptions:
        """Return the package's own options, which check their bounds. Raises OptionError."""
        from tokenization import options

        return options.MorphologyOptions(**{name: getattr(self, name) for name in MorphologyOptions.model_fields})

    def check(self) -> None:
        self.of_package()
        if self.mode == "none":  # nothing else of it is used
            return
        if self.segmenter == "camel":
            from tokenization.morphology import database_path

            database_path(self.database)


class TokenizerOptions(Options):
    """Training of the tokenizer."""

    vocab_size: int = Field(32_768, ge=260, le=LARGEST, description="ids in all: bytes, merges, specials")
    specials: list[str | Special] = Field(
        ["<|bos|>", "<|eos|>", "<|pad|>"],
        description="special tokens; at the end of the vocabulary unless {name, id} says where",
    )
    reserved: int = Field(0, ge=0, le=LARGEST, description="slots kept for later, after the merges")
    merged: int | None = Field(
        None,
        ge=256,
        le=LARGEST,
        description="ids of bytes and merges; else all that the special tokens and slots leave",
    )
    digits: int = Field(1, ge=1, le=3, description="at most this many digits in one pre-token")
    min_frequency: PositiveInt = Field(2, description="a pair is merged if it occurs at least so often")
    max_token_bytes: Annotated[int, Field(ge=2, le=LARGEST)] | None = Field(
        None, description="no token is longer than this"
    )
    morphology: MorphologyOptions = Field(MorphologyOptions(), description="whether merges heed Arabic morphemes")
    sample: SampleOptions = Field(SampleOptions(), description="what it is trained on")

    def layout(self) -> VocabularyLayout:
        """Return the layout of the vocabulary. Raises OptionError or VocabularyError."""
        return self.of_package().layout()

    def of_package(self) -> tokenization.options.TokenizerOptions:
        """Return the package's own options, which check their bounds. Raises OptionError or VocabularyError."""
        from tokenization import options

        given = {name: getattr(self, name) for name in TokenizerOptions.model_fields if name != "sample"}
        given["specials"] = tuple(
            options.Special(one.name, one.id) if isinstance(one, Special) else one for one in self.specials
        )
        return options.TokenizerOptions(**{**given, "morphology": self.morphology.of_package()})

    def check(self) -> None:
        self.of_package()


class ValidationOptions(Options):
    """How much is kept aside for validation, by whole documents."""

    rows: PositiveInt | None = Field(None, description="rows to keep aside, over all strata")
    share: float | None = Field(None, description="or a share of all tokens, at most 0.5")

    def check(self) -> None:
        from sharding.options import Validation

        Validation(self.rows, self.share)


class PackOptions(Options):
    """Packing of tokens into rows."""

    row_tokens: int = Field(2_048, ge=2, le=65_535, description="ids in a row")
    strata: list[Stratum] = Field(["source", "language", "category"], description="a row holds one stratum of these")
    policy: Literal["best-fit", "concat"] = Field("best-fit", description="how documents share rows")
    fill: Literal["exact"] = Field("exact", description="exact: no padding, a few documents are cut to plug holes")
    bos: bool = Field(True, description="begin each document with <|bos|>")
    eos: bool = Field(False, description="end each document with <|eos|>")
    window: PositiveInt = Field(100_000, description="documents packed at once")
    validation: ValidationOptions = Field(
        ValidationOptions(share=0.01), description="documents kept aside for validation"
    )
    shards: PositiveInt | None = Field(None, description="number of training shards; else by rows_per_shard")
    rows_per_shard: PositiveInt = Field(65_536, description="rows in a shard")

    def packing(self, bos: int | None, eos: int | None, seed: int) -> Packing:
        """The options as sharding has them, with the ids of the special tokens that are put around documents."""
        from sharding.options import PackOptions, Validation

        return PackOptions(
            row_tokens=self.row_tokens,
            strata=tuple(self.strata),
            policy=self.policy,
            fill=self.fill,
            bos=bos,
            eos=eos,
            window=self.window,
            validation=Validation(self.validation.rows, self.validation.share),
            shards=self.shards,
            rows_per_shard=None if self.shards else self.rows_per_shard,
            seed=seed,
        )

    def check(self) -> None:
        self.packing(0 if self.bos else None, 0 if self.eos else None, 0)


class PhaseOptions(Options):
    """One phase of training: how long, and of what."""

    name: Name = Field(description="name of the phase")
    steps: PositiveInt | None = Field(None, description="optimizer steps")
    tokens: PositiveInt | None = Field(None, description="or tokens, rounded down to whole steps")
    mixture: MixtureOptions | None = Field(None, description="the phase's own mixture")

    def phase(self) -> Phase:
        """The phase as sharding has it."""
        from sharding.scheduling import Phase

        mixture = self.mixture.mixture() if self.mixture else None
        return Phase(self.name, steps=self.steps, tokens=self.tokens, mixture=mixture)

    def check(self) -> None:
        self.phase().whole_steps(1)


class ScheduleOptions(Options):
    """Which rows are trained on when."""

    batch_rows: BatchRows = Field(32, description="rows in an optimizer step")
    mixture: MixtureOptions = Field(MixtureOptions(), description="how much of what, where a phase says nothing else")
    phases: list[PhaseOptions] = Field(min_length=1, description="the phases, in order")


WIDTH, HEADS = 128, 4
"""The trainer's own defaults (`training/config.py`)."""


class EvalOptions(Options):
    """Validation during training."""

    every: int | None = Field(None, ge=0, description="steps between validations (0: only at start and end)")
    rows: PositiveInt | None = Field(None, description="validation rows each time; all of them at start and end")
    batch: PositiveInt | None = Field(None, description="rows in one forward pass")
    patience: int | None = Field(None, ge=0, description="end after so many without a better one (0: never)")


class CheckpointOptions(Options):
    """Checkpoints during training."""

    every: int | None = Field(None, ge=0, description="steps between checkpoints (0: only at the end)")
    keep: PositiveInt | None = Field(None, description="how many to keep")


class GenerateOptions(Options):
    """Text generated at the end of training."""

    prompts: int | None = Field(None, ge=0, description="how many prompts, from validation rows")
    prompt_tokens: PositiveInt | None = Field(None, description="tokens in a prompt")
    tokens: PositiveInt | None = Field(None, description="tokens to generate")
    temperature: float | None = Field(None, ge=0, description="0 is greedy")
    top_k: int | None = Field(None, ge=0, description="choose among the likeliest (0: all)")
    top_p: float | None = Field(None, ge=0.01, le=1, description="choose among the likeliest of this mass")


class TrainOptions(Options):
    """The model and its training. What is left out takes the trainer's default (`training/config.py`).

    The keys are the trainer's own, and `ranks`; a test holds the two together, since pipelines may not import
    training.
    """

    ranks: PositiveInt = Field(1, description="processes that torchrun starts on this machine")
    preset: Literal["nanochat", "gpt2", "llama"] | None = Field(None, description="kind of decoder")
    layers: PositiveInt | None = Field(None, description="decoder blocks")
    width: PositiveInt | None = Field(None, description="width of the residual stream")
    heads: PositiveInt | None = Field(None, description="attention heads")
    kv_heads: PositiveInt | None = Field(None, description="key and value heads")
    ffn: PositiveInt | None = Field(None, description="width of the feed-forward layer")
    dropout: float | None = Field(None, ge=0, le=1, description="dropout")
    intra_document: bool | None = Field(None, description="attention stays inside each document of a row")
    value_embeddings: bool | None = Field(
        None, description="nanochat's value embeddings and residual scalars; such a model can't be exported"
    )
    context: PositiveInt | None = Field(None, description="checked against pack.row_tokens")
    batch_rows: BatchRows = Field(32, description="rows in an optimizer step, over all ranks")
    steps: PositiveInt | None = Field(None, description="stop after this many steps of the schedule")
    accumulation: PositiveInt | None = Field(None, description="micro-steps in an optimizer step")
    optimizer: Literal["adamw", "muon"] | None = Field(None, description="adamw, or muon for matrices")
    lr: PositiveFloat | None = Field(None, description="peak learning rate")
    schedule: Literal["cosine", "linear", "constant"] | None = Field(None, description="learning rate schedule")
    warmup: int | None = Field(None, ge=0, description="warm-up steps")
    warmdown: float | None = Field(None, ge=0, le=1, description="part of the run in which 'linear' goes down")
    final_lr: float | None = Field(None, ge=0, le=1, description="learning rate at the end, as a part of lr")
    weight_decay: float | None = Field(None, ge=0, description="decay of matrices")
    betas: tuple[float, float] | None = Field(None, description="AdamW's betas")
    grad_clip: float | None = Field(None, ge=1e-6, description="largest gradient norm")
    precision: Literal["fp32", "bf16", "fp8"] | None = Field(None, description="precision of the matrix products")
    device: Literal["auto", "cpu", "cuda"] | None = Field(None, description="where to train")
    compile: bool | None = Field(None, description="torch.compile the model")
    memory: float | None = Field(None, ge=0.01, le=1, description="part of each GPU's memory that may be reserved")
    threads: PositiveInt | None = Field(None, description="CPU threads of each rank")
    seed: SeedInt | None = Field(None, description="seed of weights and dropout; the recipe's, if left out")
    log_every: PositiveInt | None = Field(None, description="steps between log lines")
    eval: EvalOptions = Field(EvalOptions(), description="validation")
    checkpoint: CheckpointOptions = Field(CheckpointOptions(), description="checkpoints")
    generate: GenerateOptions = Field(GenerateOptions(), description="generated samples")

    def check(self) -> None:
        """The relations that the trainer checks (`training/config.py`); a test holds the two together."""
        width, heads = self.width or WIDTH, self.heads or HEADS
        if not all(0 <= beta < 1 for beta in self.betas or ()):
            raise Misfit(f"{list(self.betas or ())}: each is at least 0 and below 1", "betas")
        if width % heads:
            raise Misfit(f"width {width} does not divide into {heads} heads: change either", "heads")
        if heads % (self.kv_heads or heads):
            raise Misfit(f"{heads} heads do not divide among {self.kv_heads} kv_heads: change either", "kv_heads")
        preset = self.preset or "nanochat"
        if self.value_embeddings and preset != "nanochat":
            raise Misfit(
                f"they belong to preset nanochat, and the preset is {preset}: leave them out", "value_embeddings"
            )
        if preset != "gpt2" and width // heads % 2:
            raise Misfit(
                f"the width of a head, {width // heads}, is odd, and rotary positions need pairs: change heads",
                "heads",
            )
        if self.batch_rows % (self.ranks * (self.accumulation or 1)):
            raise Misfit(
                f"{self.batch_rows} rows do not divide among {self.ranks} ranks x {self.accumulation or 1} "
                "accumulation: change one of them",
                "batch_rows",
            )


class SlurmTrainOptions(Options):
    """The job that trains, where its machines are other than those that prepare the data."""

    nodes: PositiveInt = Field(1, description="machines; torchrun starts `train.ranks` processes on each")
    gpus: int = Field(8, ge=0, description="GPUs of each machine")
    partition: Word | None = Field(None, description="partition; the other jobs', if left out")
    time: Word = Field("24:00:00", description="time limit; the job saves, leaves and queues again before it ends")
    memory: Word = Field("64G", description="memory of each machine")
    cpus: PositiveInt = Field(16, description="CPUs of each machine")


class SlurmOptions(Options):
    """Where and how `build --executor slurm` runs its jobs. Nothing here changes a byte of the result, but
    `train.nodes`: gradients are summed over more ranks."""

    partition: Word | None = Field(None, description="partition; the cluster's default, if left out")
    account: Word | None = Field(None, description="account to charge")
    qos: Word | None = Field(None, description="quality of service")
    time: Word = Field("24:00:00", description="time limit of a job, as SLURM writes it")
    memory: Word = Field("8G", description="memory of a job")
    cpus: PositiveInt = Field(1, description="CPUs of a job: so many ranks run in it at once")
    jobs: PositiveInt = Field(200, description="jobs in a stage's array at most; further ranks share a job")
    environment: str | None = Field(
        None,
        description="shell line that activates the environment, and the one key that runs code; this command's own "
        "environment, if left out",
    )
    scratch: str | None = Field(
        None, description="folder on the machine's own disk that the dataset is copied to and verified in for training"
    )
    requeue: bool = Field(True, description="queue a job again if its machine fails or is taken away")
    train: SlurmTrainOptions | None = Field(None, description="a job of its own for training")
