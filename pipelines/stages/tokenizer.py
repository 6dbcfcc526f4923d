"""Tokenizer: train a tokenizer on a sample of the documents that has the recipe's mixture.

A stage before it, in the folder's state, chooses the sample and counts its pre-tokens. Merges are learned from these
counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.recipe import TokenizerOptions
from pipelines.run import STATE, Finish, Stage, Work, remove_stage_folder
from pipelines.stages.counting import count_stage, read_counts
from pipelines.stages.documents import digests, open_documents
from sharding.seal import Sealed, hash_file

VERSION = 3


def tokenizer_stage(folder: Path, docs: Sequence[Path], options: TokenizerOptions, seed: int) -> Stage:
    """Train a tokenizer on folders of documents."""
    documents = open_documents(docs)
    layout = options.layout()
    before = count_stage(folder / STATE, documents, options, seed)

    def train(finish: Finish) -> None:
        from tokenization.model import Vocabulary, pretoken_pattern, tokenizer_files
        from tokenization.morphology import open_segmenter
        from tokenization.options import MorphologyOptions
        from tokenization.training import boundary_flags, split_clitics, train_merges, word_counts

        sample = Sealed(before.folder, before.name)
        morphology = options.morphology
        counts = read_counts(sample)
        boundaries = None
        if morphology.mode != "none":
            segmenter = open_segmenter(morphology.segmenter, word_counts(counts), morphology.database)
            boundaries = boundary_flags(counts, segmenter)
        regex = pretoken_pattern(options.digits, clitics=morphology.regex)
        merges = train_merges(
            split_clitics(counts, regex) if morphology.regex else counts,
            layout.merged,
            min_count=options.min_frequency,
            max_bytes=options.max_token_bytes,
            morphology=MorphologyOptions(morphology.mode, morphology.penalty, morphology.share, morphology.quota),
            boundaries=boundaries,
        )
        provenance = {
            "seed": seed,
            "options": _sealed_options(options),
            **sample.manifest.summary,
            "pre_tokens": {"different": len(counts), "all": counts.total},
        }
        for name, data in tokenizer_files(Vocabulary(layout, tuple(merges)), regex, provenance).items():
            finish.write(name, data)
        finish.counts = {"chars": sample.manifest.counts["chars"]}
        finish.summary = {
            "vocab_size": layout.size,
            "merges": len(merges),
            "mixture": sample.manifest.summary["mixture"],
        }
        remove_stage_folder(before.folder)

    identity = {**_sealed_options(options), "seed": seed}
    return Stage("tokenizer", VERSION, folder, identity, digests(documents), lambda: Work(finish=train), before)


def _sealed_options(options: TokenizerOptions) -> dict[str, Any]:
    """Return the options that are sealed. Newer options are omitted at their defaults: older folders stay valid.

    A database and the weights of a learned segmenter are sealed as the hash of their content, not as a path.
    """
    values = options.canonical()
    morphology = options.morphology
    if morphology.mode == "none" and not morphology.regex:
        del values["morphology"]
    elif morphology.mode != "none" and morphology.segmenter != "rules":
        from tokenization.morphology import database_path, shipped_weights

        with shipped_weights() as path:
            values["morphology"]["weights"] = hash_file(path).sha256
        if morphology.segmenter == "camel":
            values["morphology"]["database"] = hash_file(database_path(morphology.database)).sha256
    for name, default in {"reserved": 0, "merged": None}.items():
        if values[name] == default:
            del values[name]
    return values
