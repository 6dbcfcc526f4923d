"""Tokenizer: a sample of the documents, by the recipe's mixture, becomes a tokenizer folder.

A stage before it, in the folder's state, chooses the sample and counts its pre-tokens; merges are learned from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.recipe import TokenizerOptions
from pipelines.run import STATE, Finish, Stage, Work, remove_stage_folder
from pipelines.stages.counting import count_stage, counted
from pipelines.stages.documents import digests, open_documents
from sharding.seal import Sealed, hash_file

VERSION = 2


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
        asked = options.morphology
        counts = counted(sample)
        ends = None
        if asked.mode != "none":
            ends = boundary_flags(counts, open_segmenter(asked.segmenter, word_counts(counts), asked.database))
        regex = pretoken_pattern(options.digits, clitics=asked.regex)
        merges = train_merges(
            split_clitics(counts, regex) if asked.regex else counts,
            layout.merged,
            min_count=options.min_frequency,
            max_bytes=options.max_token_bytes,
            morphology=MorphologyOptions(asked.mode, asked.penalty, asked.share),
            boundaries=ends,
        )
        made = {
            "seed": seed,
            "options": _said(options),
            **sample.manifest.summary,
            "pre_tokens": {"different": len(counts), "all": counts.total},
        }
        for name, data in tokenizer_files(Vocabulary(layout, tuple(merges)), regex, made).items():
            finish.write(name, data)
        finish.counts = {"chars": sample.manifest.counts["chars"]}
        finish.summary = {
            "vocab_size": layout.size,
            "merges": len(merges),
            "mixture": sample.manifest.summary["mixture"],
        }
        remove_stage_folder(before.folder)

    given = {**_said(options), "seed": seed}
    return Stage("tokenizer", VERSION, folder, given, digests(documents), lambda: Work(finish=train), before)


def _said(options: TokenizerOptions) -> dict[str, Any]:
    """The options as sealed: what there was no choice of once goes unsaid, so that work sealed then stays good.

    A database and a learned segmenter count as their content, wherever they lie.
    """
    values = options.canonical()
    asked = options.morphology
    if asked.mode == "none" and not asked.regex:
        del values["morphology"]
    elif asked.mode != "none" and asked.segmenter != "rules":
        from tokenization.morphology import database_path, shipped_weights

        with shipped_weights() as path:
            values["morphology"]["weights"] = hash_file(path).sha256
        if asked.segmenter == "camel":
            values["morphology"]["database"] = hash_file(database_path(asked.database)).sha256
    for name, usual in {"reserved": 0, "merged": None}.items():
        if values[name] == usual:
            del values[name]
    return values
