"""Tokenizer: a sample of the documents, by the recipe's mixture, becomes a tokenizer folder.

Two passes over the documents: lengths, to choose the sample by; then the texts that were chosen, to count. Which
documents are chosen depends on their ids, the quotas and the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.documents import DocumentsPart, all_strata, open_documents, parts_of, roots
from pipelines.mixing import sample_quotas, stratum_name
from pipelines.options import Special, TokenizerOptions
from pipelines.runner import Finish, Stage, Work
from sharding.seal import Ledger, hash_file

if TYPE_CHECKING:
    from tokenization.sample import Sample
    from tokenization.vocabulary import Layout

VERSION = 1


def tokenizer_stage(folder: Path, docs: Sequence[Path], options: TokenizerOptions, seed: int) -> Stage:
    """Train a tokenizer on folders of documents."""
    documents = open_documents(docs)
    layout = layout_of(options)

    def train(finish: Finish) -> None:
        from tokenization.bpe import train as learn
        from tokenization.counts import count
        from tokenization.folder import files
        from tokenization.morphology import Morphology, boundaries, clitics_apart, word_counts
        from tokenization.pattern import pattern
        from tokenization.segment import segmenter
        from tokenization.vocabulary import Vocabulary

        strata = all_strata(documents)
        wanted = min(options.sample.chars, sum(line["chars"] for line in strata))
        quotas, mixed = sample_quotas(strata, options.sample, wanted)
        parts = parts_of(documents)
        lengths = [_lengths(part) for part in parts]
        sample = _choose(lengths, quotas, options, seed)
        asked = options.morphology
        counts = count(_chosen(parts, lengths, sample), pattern(options.digits))
        ends = None
        if asked.mode != "none":
            ends = boundaries(counts, segmenter(asked.segmenter, word_counts(counts), asked.database))
        regex = pattern(options.digits, clitics=asked.regex)
        merges = learn(
            clitics_apart(counts, regex) if asked.regex else counts,
            layout.merged,
            min_count=options.min_frequency,
            max_bytes=options.max_token_bytes,
            morphology=Morphology(asked.mode, asked.penalty, asked.share),
            boundaries=ends,
        )
        mixture = [asdict(line) for line in mixed]
        made = {
            "seed": seed,
            "options": _said(options),
            "sample": {"asked": sample.asked, "reached": sample.reached, "short": sample.short()},
            "mixture": mixture,
            "pre_tokens": {"different": len(counts), "all": counts.total},
        }
        for name, data in files(Vocabulary(layout, tuple(merges)), regex, made).items():
            finish.write(name, data)
        taken = int(sample.chars.sum())
        everything = sum(line["chars"] for line in strata)
        finish.counts = {
            "chars": Ledger(came=everything, out=taken, dropped={"not in the sample": everything - taken})
        }
        finish.summary = {
            "vocab_size": layout.size,
            "merges": len(merges),
            "mixture": mixture,
            "short": sample.short(),
        }

    given = {**_said(options), "seed": seed}
    return Stage("tokenizer", VERSION, folder, given, roots(documents), lambda: Work(finish=train))


def _said(options: TokenizerOptions) -> dict[str, Any]:
    """The options as sealed: what there was no choice of once goes unsaid, so that work sealed then stays good.

    A database counts as its content, wherever it lies.
    """
    values = options.canonical()
    asked = options.morphology
    if asked.mode == "none" and not asked.regex:
        del values["morphology"]
    elif asked.mode != "none" and asked.segmenter == "camel":
        from tokenization.camel import database_path

        values["morphology"]["database"] = hash_file(database_path(asked.database)).sha256
    for name, usual in {"reserved": 0, "merged": None}.items():
        if values[name] == usual:
            del values[name]
    return values


def layout_of(options: TokenizerOptions) -> Layout:
    """The vocabulary's layout. Raises VocabularyError for one that can't be."""
    from tokenization.vocabulary import Layout

    specials = [one if isinstance(one, Special) else Special(name=one) for one in options.specials]
    return Layout(
        size=options.vocab_size,
        specials={one.name: one.id for one in specials},
        reserved=options.reserved,
        bpe=options.merged,
    )


def _lengths(part: DocumentsPart) -> dict[str, list[Any]]:
    """Ids, strata and lengths in characters of a part's documents; no text is kept."""
    import pyarrow.compute as pc

    table = part.read(["id", "text", "source", "language", "category"])
    columns = zip(*(table[name].to_pylist() for name in ("source", "language", "category")), strict=True)
    names = [
        stratum_name({"source": source, "language": language, "category": category})
        for source, language, category in columns
    ]
    return {"ids": table["id"].to_pylist(), "strata": names, "chars": pc.utf8_length(table["text"]).to_pylist()}


def _choose(
    lengths: Sequence[dict[str, list[Any]]], quotas: dict[str, int], options: TokenizerOptions, seed: int
) -> Sample:
    from tokenization.sample import choose

    ids, strata, chars = ([value for part in lengths for value in part[name]] for name in ("ids", "strata", "chars"))
    return choose(ids, strata, chars, quotas, seed=seed, document_cap=options.sample.document_cap)


def _chosen(parts: Sequence[DocumentsPart], lengths: Sequence[dict[str, list[Any]]], sample: Sample) -> Iterator[str]:
    """The beginnings of the chosen documents, part by part."""
    first = 0
    for part, columns in zip(parts, lengths, strict=True):
        chars = sample.chars[first : first + len(columns["ids"])].tolist()
        first += len(chars)
        if any(chars):
            for text, taken in zip(part.read(["text"])["text"].to_pylist(), chars, strict=True):
                if taken:
                    yield text[:taken]
