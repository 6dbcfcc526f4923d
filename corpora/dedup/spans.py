"""Deduplication of spans: runs of lines or sentences that occur elsewhere are cut out of the documents.

The method is that of datatrove's sentence deduplication (C4's, three sentences in a row), and its blocks do the work
on a document: `SentenceDedupSignature` hashes every span of `Spans.length` units, `SentenceDedupFilter` cuts out
repeated spans. The first occurrence of a span is kept, in the order of the documents. A document that was cut is
dropped if fewer than 50 words or three sentences remain (datatrove's defaults). Letters are compared without case,
marks, punctuation and digits.

Sentences are split by spaCy, at about a megabyte per second; lines are several times as fast. Source code and
conversations have no spans, and neither have documents that must stay verbatim.

Where the method differs: datatrove keeps the first occurrence by the number of the document in its file, and then by
the file; here by part, then row. Repeated spans are searched in one range of hashes after another: 16 bytes for each
span of a range, and 8 for each repeated span.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow
from datatrove.data import Document

from corpora.dedup.records import Records
from corpora.languages import is_arabic

SPAN = np.dtype([("hash", "<u8"), ("row", "<u4"), ("unit", "<u4")])
"""A span of one part: hash, row of its document, and number of its first unit in the document."""

CUT = np.dtype([("row", "<u4"), ("unit", "<u4")])
"""A repeated span of one part, which is cut out."""

WHOLE = ("code", "chat")
"""Categories whose documents have no spans: a program or a conversation of which a part is missing is none."""

RANGE = 1 << 24
"""Spans that are compared at once, about."""

SpanArray = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Spans:
    """Options. unit: what a span consists of. length: units in a span."""

    unit: Literal["lines", "sentences"]
    length: int


def span_hashes(table: pyarrow.Table, spans: Spans, verbatim: frozenset[str] = frozenset()) -> SpanArray:
    """Return the spans of a part's documents, dtype SPAN.

    table: has the columns text, source, category and language. verbatim: sources whose documents have no spans.
    Spans are sorted by hash, then by row and unit.
    """
    hashes: list[tuple[int, int, int]] = []
    columns = [table[name].to_pylist() for name in ("text", "source", "category", "language")]
    for row, (text, source, category, language) in enumerate(zip(*columns, strict=True)):
        if source not in verbatim and category not in WHOLE:
            signature, _ = _blocks(spans, _tokenizer(language))
            hashes += signature.get_hashes(Document(text=text, id=""), row)
    hashed = np.array(hashes, SPAN)
    return hashed[np.argsort(hashed["hash"], kind="stable")]


def repeated_spans(
    files: Sequence[Path], kept: Callable[[int], npt.NDArray[np.bool_]], folder: Path
) -> Iterator[SpanArray]:
    """Yield the repeated spans of each part, dtype CUT, sorted.

    files: one for each part, in order, with the bytes of `span_hashes`; one is open at a time. kept: returns True for
    each row of a part that is kept; the spans of other documents do not count. folder: exists; for temporary files.
    """
    spans = sum(file.stat().st_size for file in files) // SPAN.itemsize
    ranges = max(1, spans // RANGE)
    cuts = Records(folder, "cuts", CUT, np.arange(len(files) + 1))
    for number in range(ranges):
        low, high = (2**64 * end // ranges for end in (number, number + 1))
        for index, part in enumerate(_repeated(files, kept, low, high - 1)):
            cuts.add(np.full(part.size, index), part)
    for index in range(len(files)):
        part = cuts.read(index)
        cuts.remove(index)
        yield part[np.lexsort((part["unit"], part["row"]))]


def _repeated(
    files: Sequence[Path], kept: Callable[[int], npt.NDArray[np.bool_]], low: int, high: int
) -> Iterator[SpanArray]:
    """Yield the repeated spans of each part whose hashes are in [low, high]."""
    slices = [_read(file, kept(number), low, high) for number, file in enumerate(files)]
    hashes = np.concatenate([np.empty(0, np.uint64), *(spans["hash"] for spans in slices)])
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    repeated = np.zeros(hashes.size, bool)
    repeated[order[1:]] = ordered[1:] == ordered[:-1]
    start = 0
    for spans in slices:
        chosen = spans[repeated[start : start + spans.size]]
        start += spans.size
        cuts = np.empty(chosen.size, CUT)
        cuts["row"], cuts["unit"] = chosen["row"], chosen["unit"]
        yield cuts


def _read(file: Path, kept: npt.NDArray[np.bool_], low: int, high: int) -> SpanArray:
    """Return the spans of kept documents in a file whose hashes are in [low, high], a copy."""
    if not file.stat().st_size:  # an empty file cannot be mapped
        return np.empty(0, SPAN)
    mapped = np.memmap(file, SPAN, "r")
    start = bisect.bisect_left(mapped["hash"], np.uint64(low))  # numpy's search would copy all hashes
    stop = bisect.bisect_right(mapped["hash"], np.uint64(high), start)
    spans: SpanArray = np.array(mapped[start:stop])
    result: SpanArray = spans[kept[spans["row"]]]
    return result


def cut_spans(table: pyarrow.Table, cuts: SpanArray, spans: Spans) -> Mapping[int, str]:
    """Return the new text of each document that has repeated spans, by row; "" if too little remains of it.

    table: has the columns text and language. cuts: repeated spans of the part, dtype CUT, sorted.
    """
    texts: dict[int, str] = {}
    rows, starts = np.unique(cuts["row"], return_index=True)
    stops = [*starts[1:], cuts.size]
    for row, start, stop in zip(rows.tolist(), starts, stops if rows.size else [], strict=True):
        _, cutter = _blocks(spans, _tokenizer(table["language"][row].as_py()))
        text, _ = cutter.remove_dup_sentences(
            Document(text=table["text"][row].as_py(), id=""), cuts["unit"][start:stop]
        )
        texts[row] = text if _suffices(text, cutter) else ""
    return texts


def _suffices(text: str, cutter: Any) -> Any:
    """Return True if datatrove's filter keeps a document of which `text` is left."""
    from datatrove.utils.text import split_into_sentences

    enough_words = len(cutter.tokenizer.word_tokenize(text)) >= cutter.config.min_doc_words
    return enough_words and len(split_into_sentences(text, cutter.language)) >= cutter.config.min_num_sentences


def _tokenizer(language: str) -> str:
    """Return the language whose sentences datatrove splits like those of a label."""
    return "arb_Arab" if is_arabic(language) else "eng_Latn" if language == "eng_Latn" else "und"


@cache
def _blocks(spans: Spans, language: str) -> tuple[Any, Any]:
    """Return datatrove's blocks that hash and cut the spans of a document. Their folders are not used."""
    from datatrove.pipeline.dedup.sentence_dedup import SentDedupConfig, SentenceDedupFilter, SentenceDedupSignature
    from datatrove.utils.hashing import HashConfig

    config = SentDedupConfig(
        n_sentences=spans.length,
        split_sentences=spans.unit == "sentences",
        hash_config=HashConfig(hash_fc="sha1"),  # its xxhash refuses strings: datatrove 0.10.1 with xxhash 4
    )
    return (
        SentenceDedupSignature(".", config=config, language=language),
        SentenceDedupFilter(".", config=config, language=language),
    )
